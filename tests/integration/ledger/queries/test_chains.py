from typing import Any

from support.asking import post, query_of
from support.ledger_events import NOON_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.ledger.queries import chain
from spanledger.schemas.event import ATTO

TRACE = "0af7651916cd43dd8448eb211c80319c"
ELSEWHERE = "ffffffffffffffffffffffffffffffff"


def call(number: int, cents: int, *path: str, **changes: object) -> Any:  # noqa: ANN401 (an event)
    """A call of the innermost agent of a path, for some cents."""
    agent = path[-1] if path else ""
    fields = {"agent": agent, "agent_path": path, "cost": cents * ATTO // 100, "trace_id": TRACE}
    return event(number, **{**fields, **changes})


def tree(store: Store, **options: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 (as chain takes them)
    """Path, requests, own cost, cost and currency of a chain."""
    rows = chain(query_of(store), **options).records()
    return [tuple(row[name] for name in ("agent_path", "requests", "own_cost", "cost", "currency")) for row in rows]


def test_a_request_costs_what_all_agents_below_it_cost_once(store: Store) -> None:
    """A calls B calls C: each call stands at its agent, and in the sum of everyone above."""
    again = call(9, 500, "A")
    post(
        store,
        call(1, 1),
        call(2, 10, "A"),
        call(3, 200, "A", "B"),
        call(4, 3000, "A", "B", "C"),
        call(5, 40000, "A", "D"),
        call(6, 7, "A", trace_id=ELSEWHERE),
        again,
        reversal(again),
    )
    rows = tree(store, trace_id=TRACE.upper())
    assert rows == [
        ("", 5, "0.01", "432.11", "USD"),
        ("A", 4, "0.1", "432.1", "USD"),
        ("A/B", 2, "2", "32", "USD"),
        ("A/B/C", 1, "30", "30", "USD"),
        ("A/D", 1, "400", "400", "USD"),
    ]


def test_an_agent_that_only_called_others_cost_nothing_itself(store: Store) -> None:
    """It is in the tree; an agent the path does not end with is below it; a slash in a name is no step."""
    post(store, call(1, 1, "A", "B"), call(2, 2, "A", agent="x/y"))
    assert tree(store, trace_id=TRACE) == [
        ("", 2, "0", "0.03", "USD"),
        ("A", 2, "0", "0.03", "USD"),
        ("A/B", 1, "0.01", "0.01", "USD"),
        ("A/x%2Fy", 1, "0.02", "0.02", "USD"),
    ]


def test_what_nobody_could_price_is_unknown_and_in_the_share(store: Store) -> None:
    """The sum above says how much it leaves out; two currencies are two trees."""
    unpriced = {"cost": None, "cost_state": "unpriced"}
    post(store, call(1, 1, "A"), call(2, 0, "A", "B", **unpriced), call(3, 5, "A", "C", currency="EUR"))
    assert tree(store, trace_id=TRACE) == [
        ("", 1, "0", "0.05", "EUR"),
        ("", 2, "0", "0.01", "USD"),
        ("A", 1, "0", "0.05", "EUR"),
        ("A", 2, "0.01", "0.01", "USD"),
        ("A/B", 1, None, None, None),
        ("A/C", 1, "0.05", "0.05", "EUR"),
    ]
    assert [row["unpriced_share"] for row in chain(query_of(store), trace_id=TRACE).records()] == [0, 0.5, 0, 0.5, 1, 0]


def test_a_workflow_is_all_of_its_traces(store: Store) -> None:
    """A run that spans several requests; nobody sees another tenant's, and an unknown one has no rows."""
    run = {"workflow_id": "run-1", "time_ns": NOON_NS}
    post(store, call(1, 1, "A", **run), call(2, 2, "A", trace_id=ELSEWHERE, **run), call(3, 4, tenant="globex", **run))
    assert tree(store, workflow="run-1", tenants=frozenset({"acme"}))[0] == ("", 2, "0", "0.03", "USD")
    assert tree(store, workflow="run-1")[0][1] == 3
    assert tree(store, workflow="run-2") == []
