import os
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import NOON_NS, event

from spanledger.exporter.authentication import Role
from spanledger.exporter.store import Store
from spanledger.ledger import Client
from spanledger.ledger.api.route import AnyRoute, Context, Lane, NotFoundError, Nothing, Route
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.budgets.reservation import Reservation, Reserve, Settle
from spanledger.schemas import BudgetExceededError, ConfigurationError, PolicyDeniedError, StoreUnavailableError

RESET = datetime(2026, 5, 1, tzinfo=UTC)


def _reserve(_: Context, asked: Reserve) -> Reservation:
    """Grant a dollar; the policy forbids one model."""
    if asked.call.get("model") == "forbidden":
        raise PolicyDeniedError(policy="models", reason="not on the list")
    if asked.amount is not None and asked.amount > 1:
        raise BudgetExceededError(
            budget="march é", limit=Decimal(5), spent=Decimal("4.9500"), currency="USD", resets_at=RESET
        )
    return Reservation(reservation_id="r/1", amount=asked.amount, calls=asked.calls)


def _settle(context: Context, asked: Settle) -> Reservation:
    if context.path["id"] != "r-1":
        msg = "no reservation has this id"
        raise NotFoundError(msg)
    return Reservation(reservation_id="r-1", state="settled", amount=asked.amount)


def _release(context: Context, _: Nothing) -> Reservation:
    return Reservation(reservation_id=context.path["id"], state="released")


_ROOM: list[AnyRoute] = [
    Route(
        method="POST",
        path=f"/v1/reservations{path}",
        summary="",
        asked=asked,
        answers=Reservation,
        answer=answer,
        role=Role.INGEST,
        lane=Lane.QUICK,
    )
    for path, asked, answer in (
        ("", Reserve, _reserve),
        ("/{id}/settle", Settle, _settle),
        ("/{id}/release", Nothing, _release),
    )
]
"""Answers to reservations, each of a kind."""


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """Two tenants' usage; reservations are answered as above."""
    post(store, *(event(n, tenant=("acme", "globex")[n % 2], time_ns=NOON_NS + n, model=f"m-{n}") for n in range(9)))
    own = {(route.method, route.path) for route in _ROOM}
    with api_over(store, tmp_path, routes=[*(r for r in ROUTES if (r.method, r.path) not in own), *_ROOM]) as api:
        yield api


@pytest.fixture
def client(api: Api) -> Client:
    """One for acme's readers."""
    return Client(f"http://{api.address}", api.key("acme"))


def test_a_report_and_its_filters_travel(client: Client) -> None:
    """Names as text or one by one, bounds as times, money as text."""
    by_model = client.report("model", where={"model": ["m-0", "m-2"]}, order="model")
    assert [(row["model"], row["cost"], row["requests"]) for row in by_model] == [
        ("m-0", "0.000027", 1),
        ("m-2", "0.000027", 1),
    ]
    noon = datetime(2026, 4, 1, 12, tzinfo=UTC)
    [row] = client.report(["tenant"], measures=["requests"], since=noon, until="2026-04-01T14:00:00+01:00")
    assert (row["tenant"], row["requests"]) == ("acme", 5)
    assert client.report("tenant", until=noon) == []


def test_measures_over_time_and_what_moved(client: Client) -> None:
    """In types; the rest is one line, money is text."""
    since, until = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC)
    told = client.series(
        "model", top=2, bucket="day", measures=["cost", "requests"], currency="USD", since=since, until=until
    )
    assert told.buckets == ["2026-04-01", "2026-04-02"]
    assert [(group.name, group.rest, group.groups) for group in told.groups] == [
        ("m-0", False, 1),
        ("m-2", False, 1),
        (None, True, 3),
    ]
    assert told.totals == {"cost": ["0.000135", "0"], "requests": [5, 0]}
    assert client.series(where={"model": "m-0"}, tz="Asia/Tokyo", since=since, until=until).sums["cost"] == "0.000027"
    rows = client.movers("model", limit=1, since=since, until=until)
    assert [(row["model"], row["before"], row["after"]) for row in rows] == [("m-0", "0", "0.000027")]
    assert client.movers(measure="requests", since=since, until=until)[0]["difference"] == 5


def test_events_come_page_by_page(client: Client) -> None:
    """As records with names and types; the next page when it is needed."""
    events = [*client.events(page=2)]
    assert [each.model for each in events] == ["m-0", "m-2", "m-4", "m-6", "m-8"]
    assert events[0].lines[0].amount == "0.000015"
    assert next(client.events(newest=True, page=1)).model == "m-8"
    explained = client.event(events[0].event_id)
    assert explained is not None
    assert (explained.event, explained.adds_up) == (events[0], True)
    assert client.event("00" * 16) is None


def test_prices_and_benchmarks_come_whole(client: Client) -> None:
    """Every page of them."""
    assert {row["model"] for row in client.prices(provider="openai", model="gpt-4o")} == {"gpt-4o"}
    assert len(client.prices(dates=True)) > 1_000
    compared = client.benchmarks(since=datetime(2026, 4, 1, tzinfo=UTC))
    assert {row["model"] for row in compared} == {"m-0", "m-2", "m-4", "m-6", "m-8"}
    assert {"cost_per_million_tokens", "success_rate", "duration_p95_ms"} <= set(compared[0])


def test_room_is_held_settled_and_released(api: Api) -> None:
    """Amounts as exact decimals; ids as they are, whatever is in them."""
    sender = Client(f"http://{api.address}/", api.key("acme", "ingest"))
    held = sender.reserve({"tenant": "acme"}, "0.10", calls=3)
    assert (held.reservation_id, held.amount, held.calls) == ("r/1", Decimal("0.10"), 3)
    assert sender.settle("r-1", Decimal("0.08")).amount == Decimal("0.08")
    assert sender.release("r-1").state == "released"
    with pytest.raises(ConfigurationError, match="no reservation has this id"):
        sender.settle("r-2")


def test_a_denial_tells_all_that_the_server_knows(api: Api) -> None:
    """The same error as in the server's own process, with its attributes."""
    sender = Client(f"http://{api.address}", api.key("acme", "ingest"))
    with pytest.raises(BudgetExceededError, match="the budget 'march é' has no room") as exceeded:
        sender.reserve(amount=2)
    error = exceeded.value
    assert (error.budget, error.limit, error.spent, error.currency, error.resets_at) == (
        "march é",
        Decimal(5),
        Decimal("4.95"),
        "USD",
        RESET,
    )
    with pytest.raises(PolicyDeniedError) as denied:
        sender.reserve({"model": "forbidden"})
    assert (denied.value.policy, denied.value.reason) == ("models", "not on the list")


def test_what_is_wrong_is_a_public_error(api: Api, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the question, the key, the address; and whether trying again may help."""
    with pytest.raises(ConfigurationError, match="'nothing' is no dimension"):
        client.report("nothing")
    with pytest.raises(ConfigurationError, match="states no offset"):
        client.report(since="2026-04-01")
    with pytest.raises(ConfigurationError, match="in no zone"):
        client.report(since=datetime(2026, 4, 1))  # noqa: DTZ001 (what is refused)
    with pytest.raises(ConfigurationError, match="no credential"):
        Client(f"http://{api.address}", "").report()
    with pytest.raises(ConfigurationError, match="role"):
        Client(f"http://{api.address}", api.key("acme", "ingest")).report()
    with pytest.raises(ConfigurationError, match="no exact number"):
        client.reserve(amount=0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigurationError, match="no such field"):
        client.reserve(amonut="1")
    for address in ("ftp://host", "localhost:8318", "http://", "http://host/?a"):
        with pytest.raises(ConfigurationError, match="is no address of an API"):
            Client(address, "key")
    with pytest.raises(ConfigurationError, match="characters that no key has"):
        Client(key="a\r\nb")
    with pytest.raises(StoreUnavailableError, match="is spanledger serve running there"):
        Client("http://127.0.0.1:9", "key", timeout_s=5).report()
    monkeypatch.setitem(os.environ, "SPANLEDGER_API_KEY", api.key("acme"))
    assert len(Client(f"http://{api.address}").report("model")) == 5


def test_the_client_needs_nothing_of_the_server_s() -> None:
    """It is of the base installation: no engine, no web framework, no price catalogue is loaded with it."""
    program = (
        "import sys; from spanledger.ledger import Client; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    extras = {"chdb", "clickhouse_connect", "genai_prices", "grpc", "rich", "starlette", "uvicorn", "yaml", "requests"}
    assert extras & set(told.stdout.split()) == set()
