"""A ledger whose every figure on the page is worked out by hand, sent as OTLP and taken in by `spanledger import`.

Prices: gpt-4o-mini 0.15 USD a million input and 0.60 a million output tokens, gpt-4o 2.50 and 10.00, 1.25 from cache.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.commands import Serve, run
from support.otlp import chat, request, span

SCRIPT = "<script>alert(1)</script>"
FOX = "🦊 Füchse & Söhne"
LINK = '<a href="javascript:alert(1)">x</a>'
TRACE = (0xABC).to_bytes(16, "big").hex()
"""Of the planner, who asked a researcher."""

MINI = {"gen_ai__usage__input_tokens": 1_000_000, "gen_ai__usage__output_tokens": 100_000}
"""A call for 0.15 + 0.06 = 0.21 USD."""
LARGE = {
    "gen_ai__request__model": "gpt-4o",
    "gen_ai__usage__input_tokens": 1_000_000,
    "gen_ai__usage__cache_read__input_tokens": 400_000,
    "gen_ai__usage__output_tokens": 200_000,
}
"""A call for 1.50 + 0.50 + 2.00 = 4.00 USD."""
SMALL = {"gen_ai__usage__input_tokens": 100_000, "gen_ai__usage__output_tokens": 10_000}
"""A call for 0.021 USD."""
HOUSE = {"gen_ai__request__model": "house-model-13b", "gen_ai__response__model": "house-model-13b"}
"""A model that nobody has a price for."""

# The seven whole days before today: 20.767 USD, 40 requests, 2 attempts that failed. The seven before: 8.42 USD.
SPENT = "20.77"
BY_TENANT = [("acme", "10.10"), ("globex", "4.84"), ("initech", "4.21"), (SCRIPT, "0.63"), (FOX, "0.42"), (LINK, "0.21")]
"""The largest six; thirteen others spent 0.357 USD together."""
MANY = 10_000
"""Tenants of a year ago, 0.00015 USD each."""


class Days:
    """Days of a ledger that is seeded now."""

    def __init__(self) -> None:
        self.today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def before(self, days: int) -> datetime:
        """Midnight, so many days ago."""
        return self.today - timedelta(days=days)

    @property
    def week(self) -> str:
        """The seven whole days before today, as the page's address states them."""
        return self.between(7, 0)

    def between(self, first: int, last: int) -> str:
        """From so many days ago to so many."""
        return f"since={self.before(first):%Y-%m-%dT%H:%M:%SZ}&until={self.before(last):%Y-%m-%dT%H:%M:%SZ}"

    def noon_ns(self, days: int) -> int:
        """Noon, so many days ago."""
        return int((self.before(days) + timedelta(hours=12)).timestamp()) * 10**9


def seeded(server: Serve, store: Path, folder: Path, days: Days) -> None:
    """Send it all, and set two budgets that are never reset."""
    for name, spans in (("week", [*_week(days)]), ("many", [*_many(days)])):
        path = folder / f"{name}.pb"
        path.write_bytes(request(*spans))
        done = run("import", "--store", store, path)
        assert done.returncode == 0, done.stderr
    for name, scope, limit, hard in (("acme's year", {"tenant": "acme"}, "12", True), ("everything", {}, "25", False)):
        terms = {"scope": scope, "window": "total", "limit": limit, "hard": hard}
        free = {"unpriced_per_million_tokens": "0", "unpriced_per_request": "0"}
        put(server, store, f"budgets/{name.replace(' ', '%20')}", {**terms, **free})
    put(server, store, "budgets/monthly", {"scope": {"tenant": "globex"}, "window": "month", "limit": "1000"})


def owner(store: Path) -> str:
    """The token of whoever started the server."""
    return str(json.loads((store / "endpoint.json").read_bytes())["token"])


def reader(store: Path) -> str:
    """The token that `spanledger open` gives a browser."""
    return str(json.loads((store / "endpoint.json").read_bytes())["page"])


def put(server: Serve, store: Path, path: str, body: object) -> None:
    """Set something through the API, as the owner."""
    headers = {"authorization": f"Bearer {owner(store)}", "content-type": "application/json"}
    asked = Request(f"http://{server.api}/v1/{path}", json.dumps(body).encode(), headers, method="PUT")  # noqa: S310
    with urlopen(asked) as answer:  # noqa: S310 (loopback)
        assert answer.status == 200


def _week(days: Days) -> Iterator[Span]:
    number = count(1)

    def call(day: int, tenant: str = "", *, seconds: int = 1, error: bool = False, **changes: str | int) -> Span:
        one = next(number)
        attributes = chat(gen_ai__response__id=f"response-{one}", **changes)
        if tenant:
            attributes["ledger.tenant"] = tenant
        if error:
            for name in [name for name in attributes if "usage" in name or "response" in name]:
                del attributes[name]
            attributes["error.type"] = "overloaded"
        start_ns = days.noon_ns(day) + one * 10**9
        end_ns = start_ns + seconds * 10**9
        return span(attributes, span_id=one, trace_id=one, start_ns=start_ns, end_ns=end_ns, error=error)

    for place in range(10):
        feature = "chat" if place < 6 else "search"
        yield call(1 + place % 7, "acme", ledger__feature=feature, ledger__team="growth", **MINI)
    yield from (call(day, "acme", seconds=2, ledger__feature="chat", ledger__team="growth", **LARGE) for day in (1, 3))
    yield from (call(2, "acme", ledger__feature="drafts", **HOUSE) for _ in range(2))
    yield from (call(4, "acme", error=True) for _ in range(2))
    yield from (call(day, "globex", **MINI) for day in (1, 2, 3))
    yield call(5, "globex", **MINI)
    yield call(6, "globex", seconds=2, **LARGE)
    yield from (call(3, SCRIPT, ledger__feature=SCRIPT, **MINI) for _ in range(3))
    yield from (call(4, FOX, ledger__feature=FOX, **MINI) for _ in range(2))
    yield call(5, LINK, ledger__feature=LINK, **MINI)
    yield call(6, gen_ai__usage__input_tokens=500_000, gen_ai__usage__output_tokens=50_000)
    yield from (call(7, f"small-{place:02}", **SMALL) for place in range(1, 13))
    yield from (call(10, "acme", **MINI) for _ in range(2))
    yield from (call(12, "globex", **LARGE) for _ in range(2))
    yield from _trace(days)


def _trace(days: Days) -> Iterator[Span]:
    trace = int(TRACE, 16)
    start_ns = days.noon_ns(1)
    for place, (path, used) in enumerate((("planner", MINI), ("planner/researcher", LARGE)), 1):
        agent = path.rpartition("/")[2]
        attributes = chat(
            gen_ai__response__id=f"traced-{place}",
            ledger__tenant="initech",
            ledger__agent=agent,
            ledger__agent_path=path,
            **used,
        )
        own = {"span_id": 1_000 + place, "trace_id": trace}
        yield span(attributes, **own, start_ns=start_ns + place * 10**9, end_ns=start_ns + (place + 1) * 10**9)


def _many(days: Days) -> Iterator[Span]:
    start_ns = days.noon_ns(360)
    for place in range(MANY):
        attributes = chat(gen_ai__usage__input_tokens=1_000, gen_ai__usage__output_tokens=0, ledger__tenant=f"many-{place:05}")
        at_ns = start_ns + place * 2_500 * 10**9
        ids = {"span_id": 10_000 + place, "trace_id": 10_000 + place}
        yield span(attributes, **ids, start_ns=at_ns, end_ns=at_ns + 10**9)
