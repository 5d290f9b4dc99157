"""A reader of some tenants: whatever it asks, every answer is what it would be if nobody else were in the ledger."""

from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.api import Answered, Api, api_over
from support.asking import post
from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.rate import price_book, read_layer
from spanledger.exporter.store import Store, claims_block
from spanledger.exporter.store.blocks import ClaimRow
from spanledger.ledger.api.route import AnyRoute
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.budgets import Budget
from spanledger.ledger.queries import DIMENSIONS, MEASURES
from spanledger.schemas import LedgerEvent
from spanledger.schemas.claim import Attribution, Call, Claim, seal

CANARY = "canary"
"""In every word of the others, and nowhere else."""
OURS, THEIRS = "acme", "canary-globex"
TRACE = "0af7651916cd43dd8448eb211c80319c"
"""Both worked on it: a trace may cross tenants."""


def ours() -> list[LedgerEvent]:
    """What the reader may know of: charges, one that is taken back, and an attempt."""
    first = event(1, tenant=OURS, trace_id=TRACE, scope=f"{OURS},{THEIRS}")
    second = event(2, tenant=OURS, time_ns=NOON_NS - HOUR_NS, scope="*")
    tried = event(3, tenant=OURS, kind="attempt", requests=0, cost=None, cost_state="unknown", status="error")
    return [first, second, reversal(second), event(4, tenant=OURS, time_ns=NOON_NS - 24 * HOUR_NS), tried]


def theirs() -> list[LedgerEvent]:
    """As many of the others, at the same times, of the same trace, with dear calls and names of their own."""
    words = {
        field: f"{CANARY}-{field}"
        for field in ("user_id", "feature", "team", "agent", "model", "provider", "workflow_id", "price_book", "scope")
    }
    more: dict[str, object] = {"tenant": THEIRS, "metadata": {CANARY: CANARY}, "tools": (CANARY,), "flags": (CANARY,)}
    changes: dict[str, object] = {**words, **more, "cost": 77 * 10**18, "duration_ms": 777_777, "trace_id": TRACE}
    return [
        event(
            number, **{**changes, **({"model": "gpt-4o-mini", "provider": "openai"} if number % 2 else {})}, time_ns=at
        )
        for number, at in enumerate((NOON_NS, NOON_NS - HOUR_NS, NOON_NS - 24 * HOUR_NS, NOON_NS - 48 * HOUR_NS), 100)
    ]


def claim_of(tenant: str, of: LedgerEvent) -> ClaimRow:
    """What a span said of an event's call."""
    mark = CANARY if tenant == THEIRS else "span"
    claim = Claim(
        scope=f"{OURS},{THEIRS}",
        signal="traces",
        trace_id=TRACE,
        span_id=mark,
        start_ns=of.event_time,
        end_ns=of.event_time,
        call=Call(role="inference", dialect="semconv", emitter=mark),
        attribution=Attribution(tenant=tenant),
        usage_source="provider",
    )
    claim_id, payload = seal(claim)
    charged = bytes(16) if tenant == THEIRS else of.charge_id
    rule = "rolled_up" if tenant == THEIRS else "single"
    at = NOON_NS
    return ClaimRow(
        tenant, claim_id, charged, rule, claim.scope, TRACE, "", 0, mark, "traces", mark, at, at, at, mark, payload
    )


FIRST = ours()[0]
WORDS = [name for name in DIMENSIONS if name != "scope"]
A_DAY = {"since": "2026-04-01T00:00:00Z", "until": "2026-04-02T00:00:00Z"}
QUESTIONS: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]] = {
    ("GET", "/v1/report"): [
        *({"by": ",".join(WORDS[n::5]), "measures": ",".join(MEASURES)} for n in range(5)),
        {"by": "tenant,model", "where__tenant": [OURS, THEIRS]},
        {"by": "model", "where__tenant": THEIRS},
        {"by": "tenant,model", "format": "csv"},
        {},
    ],
    ("GET", "/v1/events"): [
        {},
        {"format": "csv"},
        {"newest": "true"},
        {"limit": 2},
        {"where__trace_id": TRACE},
        {"where__tenant": THEIRS},
    ],
    ("GET", "/v1/events/{event_id}"): [{"event_id": FIRST.event_id.hex()}, {"event_id": theirs()[0].event_id.hex()}],
    ("GET", "/v1/top"): [{"by": "tenant"}, {"by": "model", "measure": "duration_p95_ms"}, {"where__tenant": THEIRS}],
    ("GET", "/v1/series"): [
        {"by": "tenant"},
        {"by": "model", "bucket": "hour", "top": 1, "measures": "requests,cost"},
        {"by": "tenant", "format": "csv"},
        {"by": "model", "where__tenant": THEIRS},
        {"measures": "cost,duration_p95_ms", "since": "2026-03-01T00:00:00Z", "until": "2026-05-01T00:00:00Z"},
        {},
    ],
    ("GET", "/v1/movers"): [{"by": by, **A_DAY} for by in ("tenant", "model", "agent,user_id")]
    + [{"measure": "requests", **A_DAY}, {}],
    ("GET", "/v1/benchmarks"): [{}, {"limit": 1}, {"where__tenant": THEIRS}],
    ("GET", "/v1/anomalies"): [{"day": "2026-04-01", "factor": "1.5"}, {"day": "2026-04-01", "factor": "0.1"}, {}],
    ("GET", "/v1/forecast"): [{"by": "tenant,user_id"}, {}, {"where__tenant": THEIRS}],
    ("GET", "/v1/chains/{trace_id}"): [{"trace_id": TRACE}],
    ("GET", "/v1/budgets"): [{}],
    ("GET", "/v1/budgets/{name}"): [{"name": "ours"}, {"name": "others"}, {"name": "everybody"}],
    ("GET", "/v1/budgets/{name}/history"): [{"name": "ours"}, {"name": "others"}, {"name": "everybody"}],
    ("POST", "/v1/reservations"): [{}],
    ("POST", "/v1/reservations/{id}/settle"): [{"id": "0"}],
    ("POST", "/v1/reservations/{id}/release"): [{"id": "0"}],
    ("GET", "/v1/prices"): [{"dates": "true", "limit": 10_000}, {"model": "gpt-4o-mini"}, {"provider": CANARY}],
}
"""Questions to every route that a reader of some tenants may ask; a route that is not here fails the walk."""


def confined(routes: Sequence[AnyRoute]) -> list[AnyRoute]:
    """The routes that somebody who does not stand for all tenants may ask."""
    return [route for route in routes if route.role is not None and not route.all_tenants]


def asked(api: Api, key: str) -> dict[tuple[str, str, int], Answered]:
    """Every question to every such route, by this key."""
    answers: dict[tuple[str, str, int], Answered] = {}
    for (method, path), questions in QUESTIONS.items():
        for number, question in enumerate(questions):
            query = {name: value for name, value in question.items() if f"{{{name}}}" not in path}
            answers[method, path, number] = api.ask(path.format(**question), key, method, **query)
    return answers


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """The API over a ledger in which we are alone, with price files that have contracts of others."""
    contract = (
        f"{{provider: openai, model: gpt-4o-mini, tenant: {THEIRS}, per: 1000000, units: {{input_tokens: 0.77}}}}"
    )
    layer = read_layer(f"name: {CANARY}\nprices:\n  - {contract}\n", origin=f"/{CANARY}.yaml")
    post(store, *ours())
    store.insert("ledger_claims", *claims_block([claim_of(OURS, FIRST)]))
    with api_over(store, tmp_path, price_book([layer])) as api:
        api.access.set_budget(a_budget("ours", {"tenant": OURS}))
        yield api


def a_budget(name: str, scope: dict[str, str]) -> Budget:
    """One that tells of all time."""
    return Budget(name=name, scope=scope, window="total", limit=Decimal(10))


def set_theirs(api: Api) -> None:
    """A budget of the others, and one that sums up everybody's."""
    api.access.set_budget(a_budget("others", {"tenant": THEIRS}))
    api.access.set_budget(a_budget("everybody", {"feature": CANARY}))


def test_every_route_for_readers_of_some_tenants_is_walked() -> None:
    """A route that is added is asked here too."""
    assert {(route.method, route.path) for route in confined(ROUTES)} == set(QUESTIONS)


def test_nobody_else_makes_a_difference_to_any_answer(api: Api, store: Store) -> None:
    """Not a row, not a name, not a count: each answer is the same bytes before and after the others' is posted."""
    key = api.key(OURS)
    alone = asked(api, key)
    post(store, *theirs())
    store.insert("ledger_claims", *claims_block([claim_of(THEIRS, FIRST), claim_of(THEIRS, theirs()[0])]))
    set_theirs(api)
    together = asked(api, key)
    assert [where for where, answer in together.items() if CANARY.encode() in answer.body] == []
    for where, answer in alone.items():
        assert (answer.status, answer.body) == (together[where].status, together[where].body), where


def test_a_reader_of_all_tenants_sees_them_all(api: Api, store: Store) -> None:
    """The canaries are there to be seen: every route would show them."""
    post(store, *theirs())
    set_theirs(api)
    answers = asked(api, api.key("*"))
    shown = {path for (_, path, _), answer in answers.items() if CANARY.encode() in answer.body}
    assert shown == {path for method, path in QUESTIONS if method == "GET"} - {"/v1/budgets/{name}/history"}


def test_the_scope_of_a_sender_is_no_word_of_a_reader_of_some_tenants(api: Api) -> None:
    """It names whom else the sender may charge."""
    key = api.key(OURS)
    for answer in (
        api.ask("/v1/report", key, by="scope"),
        api.ask("/v1/report", key, where__scope="*"),
        api.ask("/v1/events", key, where__scope="*"),
    ):
        assert (answer.status, answer.json["error"]) == (400, "ConfigurationError")
    scopes = {each["event_id"]: each["scope"] for each in api.ask("/v1/events", key).json["events"]}
    assert scopes[FIRST.event_id.hex()] == ""
    assert "*" in scopes.values()
    both = api.ask("/v1/events", api.key(f"{OURS},{THEIRS}")).json["events"]
    assert f"{OURS},{THEIRS}" in {each["scope"] for each in both}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_route_answers_whom_it_is_not_for(api: Api, route: AnyRoute) -> None:
    """Who is unknown learns nothing; who has another role, or stands for too few, is told so."""
    path = route.path.replace("{", "").replace("}", "")
    body = b"{}" if route.method in {"POST", "PUT"} else None
    statuses = {
        who: api.ask(path, key, route.method, body).status
        for who, key in (
            ("nobody", None),
            ("a stranger", "slk_" + "a" * 12 + "_" + "A" * 43),
            ("a sender", api.key(OURS, "ingest")),
            ("a reader", api.key(OURS)),
            ("an admin", api.key("*", "admin")),
        )
    }
    if route.role is None:
        assert set(statuses.values()) == {200}
        return
    assert (statuses["nobody"], statuses["a stranger"]) == (401, 401)
    assert (statuses["a sender"] == 403) == (route.role != "ingest")
    assert (statuses["a reader"] == 403) == (route.role != "read" or route.all_tenants)
    assert statuses["an admin"] not in {401, 403}
    assert (
        msgspec.json.decode(api.ask(path, None, route.method, body).body, type=dict[str, str])["error"]
        == "Unauthorized"
    )
