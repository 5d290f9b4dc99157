"""A ledger whose every figure on the page is worked out by hand, sent as OTLP and taken in by `spanledger import`.

Prices: gpt-4o-mini 0.15 USD a million input and 0.60 a million output tokens, gpt-4o 2.50 and 10.00, 1.25 from cache.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeAlias
from urllib.request import Request, urlopen

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.commands import Serve, run
from support.otlp import chat, request, span

SCRIPT = "<script>alert(1)</script>"
FOX = "🦊 Füchse & Söhne"
LINK = '<a href="javascript:alert(1)">x</a>'
TRACE = (0xABC).to_bytes(16, "big").hex()
"""Of the planner, who asked a researcher."""

Used: TypeAlias = Mapping[str, str | int]

MINI: Used = {"gen_ai__usage__input_tokens": 1_000_000, "gen_ai__usage__output_tokens": 100_000}
"""A call for 0.15 + 0.06 = 0.21 USD."""
LARGE: Used = {
    "gen_ai__request__model": "gpt-4o",
    "gen_ai__usage__input_tokens": 1_000_000,
    "gen_ai__usage__cache_read__input_tokens": 400_000,
    "gen_ai__usage__output_tokens": 200_000,
}
"""A call for 1.50 + 0.50 + 2.00 = 4.00 USD."""
SMALL: Used = {"gen_ai__usage__input_tokens": 100_000, "gen_ai__usage__output_tokens": 10_000}
"""A call for 0.021 USD."""
HALF: Used = {"gen_ai__usage__input_tokens": 500_000, "gen_ai__usage__output_tokens": 50_000}
"""A call for 0.105 USD."""
HOUSE: Used = {"gen_ai__request__model": "house-model-13b", "gen_ai__response__model": "house-model-13b"}
"""A model that nobody has a price for."""

# The seven whole days before today: 20.767 USD, 40 requests, 2 attempts that failed. The seven before: 8.42 USD.
SPENT = "20.77"
BY_TENANT = [
    ("acme", "10.10"),
    ("globex", "4.84"),
    ("initech", "4.21"),
    (SCRIPT, "0.63"),
    (FOX, "0.42"),
    (LINK, "0.21"),
]
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


@dataclass(frozen=True)
class Seeded:
    """A server with this ledger, and a key to look at it."""

    server: Serve
    key: str
    days: Days


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
    asked = Request(f"http://{server.api}/v1/{path}", json.dumps(body).encode(), headers, method="PUT")
    with urlopen(asked) as answer:  # noqa: S310 (loopback)
        assert answer.status == 200


def _week(days: Days) -> Iterator[Span]:
    number = count(1)

    def call(day: int, tenant: str, used: Used, *, seconds: int = 1, **words: str) -> Span:
        one = next(number)
        attributes = chat(gen_ai__response__id=f"response-{one}", **{**used, **words})
        if tenant:
            attributes["ledger.tenant"] = tenant
        start_ns = days.noon_ns(day) + one * 10**9
        return span(attributes, span_id=one, trace_id=one, start_ns=start_ns, end_ns=start_ns + seconds * 10**9)

    for place in range(10):
        feature = "chat" if place < 6 else "search"
        yield call(1 + place % 7, "acme", MINI, ledger__feature=feature, ledger__team="growth")
    for day in (1, 3):
        yield call(day, "acme", LARGE, seconds=2, ledger__feature="chat", ledger__team="growth")
    yield from (call(2, "acme", HOUSE, ledger__feature="drafts") for _ in range(2))
    yield from (_failed(days.noon_ns(4) + place * 10**9, 500 + place) for place in range(2))
    yield from (call(day, "globex", MINI) for day in (1, 2, 3, 5))
    yield call(6, "globex", LARGE, seconds=2)
    yield from (call(3, SCRIPT, MINI, ledger__feature=SCRIPT) for _ in range(3))
    yield from (call(4, FOX, MINI, ledger__feature=FOX) for _ in range(2))
    yield call(5, LINK, MINI, ledger__feature=LINK)
    yield call(6, "", HALF)
    yield from (call(7, f"small-{place:02}", SMALL) for place in range(1, 13))
    yield from (call(10, "acme", MINI) for _ in range(2))
    yield from (call(12, "globex", LARGE) for _ in range(2))
    yield from _trace(days)


def _failed(start_ns: int, number: int) -> Span:
    """A try of acme's that states no usage."""
    attributes = {name: value for name, value in chat(error__type="overloaded").items() if "usage" not in name}
    told = {**attributes, "ledger.tenant": "acme"}
    return span(told, span_id=number, trace_id=number, start_ns=start_ns, end_ns=start_ns + 10**9, error=True)


def _trace(days: Days) -> Iterator[Span]:
    trace = int(TRACE, 16)
    calls = (("planner", MINI), ("planner/researcher", LARGE))
    for place, (path, used) in enumerate(calls, 1):
        who = {"ledger__tenant": "initech", "ledger__agent": path.rpartition("/")[2], "ledger__agent_path": path}
        attributes = chat(gen_ai__response__id=f"traced-{place}", **{**used, **who})
        at_ns = days.noon_ns(1) + place * 10**9
        yield span(attributes, span_id=1_000 + place, trace_id=trace, start_ns=at_ns, end_ns=at_ns + 10**9)


def _many(days: Days) -> Iterator[Span]:
    first_ns, used = days.noon_ns(360), {"gen_ai__usage__input_tokens": 1_000, "gen_ai__usage__output_tokens": 0}
    for place in range(MANY):
        attributes = chat(ledger__tenant=f"many-{place:05}", **used)
        at_ns = first_ns + place * 2_500 * 10**9
        one = 10_000 + place
        yield span(attributes, span_id=one, trace_id=one, start_ns=at_ns, end_ns=at_ns + 10**9)
