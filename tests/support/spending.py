"""A month of spending with every kind of event: tenants of any name, two currencies, a chain, what is set aside."""

from typing import Final

import msgspec
from support.asking import post, sum_up
from support.ledger_events import HOUR_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.schemas import LedgerEvent

THIS_MONTH: Final = "2026-04-01"
NEXT_MONTH: Final = "2026-05-01"
HOSTILE: Final = (
    "<script>alert(1)</script>",
    "\\' OR 1=1 -- ",
    "o'neill & söhne=%27",
    "💸 ${tenant:raw} $__fromTime_ms",
)
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
DENIED_AND_ASIDE: Final = {
    "In quarantine": 2,
    "Denied": 1,
    "Budgets": 2,
    "Claims by rule": 1,
    "Waiting for a price": 2,
}
"""Of panels: a number, or how many rows."""

_ATTO: Final = 10**18
_DAY_NS: Final = 24 * HOUR_NS


def spending(store: Store) -> None:
    """Fill an empty store; the first half of the month has kept sums, the rest is summed as it is asked for."""
    events = [*_plain(), *_doubtful(), *_chain()]
    half = len(events) // 2
    post(store, *events[:half])
    sum_up(store, events[:half])
    post(store, *events[half:])
    for statement in _BESIDE:
        store.command(statement)


def _plain() -> list[LedgerEvent]:
    """Some hours apart, at the edges of days in zones too, each tenant at its own price; euros; the months beside."""
    tenants = ("acme", *HOSTILE)
    made = [
        event(
            number,
            time_ns=_FIRST_NS + number * 29 * HOUR_NS // 2,
            tenant=tenants[number % 5],
            user_id=f"u-{number % 13}",
            feature=("chat", "search", "")[number % 3],
            team=("red", "blue")[number % 2],
            environment="production" if number % 4 else "",
            model=("gpt-4o-mini", "claude-opus")[number % 2],
            provider=("openai", "anthropic")[number % 2],
            cost=(27 + 10 * (5 - number % 5)) * _ATTO // 10_000,
            cache_read_tokens=number,
            reasoning_tokens=number % 5,
            duration_ms=100 * number,
            time_to_first_token_ms=number or None,
        )
        for number in range(48)
    ]
    euros = [
        msgspec.structs.replace(each, currency="EUR", tenant="acme", model="mistral", provider="mistral_ai")
        for each in (event(60, time_ns=_FIRST_NS + 5 * _DAY_NS), event(61, time_ns=_FIRST_NS + 9 * _DAY_NS))
    ]
    before, after = (
        event(62 + late, time_ns=_FIRST_NS + days * _DAY_NS, cost=3 * _ATTO) for late, days in ((0, -100), (1, 30))
    )
    return [*made, *euros, before, after]


def _doubtful() -> list[LedgerEvent]:
    """Taken back, tried, unpriced, priced later, estimated, unknown, probable, of nobody, given back, denied."""
    noon = _FIRST_NS + 12 * _DAY_NS
    back = event(70, time_ns=noon, cost=9 * _ATTO)
    unpriced = {"cost": None, "currency": "", "cost_state": "unpriced", "lines_unit_price": (None,) * 2}
    later = event(72, time_ns=noon, model="house", **unpriced, lines_amount=(None,) * 2, price_book="")
    return [
        back,
        reversal(back),
        event(71, time_ns=noon, kind="attempt", requests=0, cost=0, **_NO_USAGE, model="down", status="error"),
        later,
        event(
            73, time_ns=noon, charge_id=later.charge_id, kind="adjustment", requests=0, model="house", cost=_ATTO // 2,
            **_NO_TOKENS, price_book="book-2",
        ),
        event(74, time_ns=noon, model="house", **unpriced, lines_amount=(None,) * 2, price_book="", status="error"),
        event(75, time_ns=noon, usage_source="estimated", quality="estimated", reported_cost=_ATTO // 100),
        event(76, time_ns=noon, **{**unpriced, **_NO_USAGE}, usage_source="missing", flags=("no_usage",)),
        event(77, time_ns=noon, quality="probable", ingest_time=noon + 3 * HOUR_NS),
        event(78, time_ns=noon, tenant="unattributed", environment="production"),
        event(79, time_ns=noon, kind="credit", requests=0, cost=-_ATTO // 1000, **_NO_TOKENS),
        event(
            80, time_ns=noon, kind="denial", requests=0, cost=0, **_NO_USAGE, feature="refused",
            metadata={"denied_by": "budget", "denial_reason": "acme has no room"},
        ),
    ]  # fmt: skip


def _chain() -> list[LedgerEvent]:
    """One request: a planner, who has a searcher and a writer; the writer's call cannot be priced."""
    start = _FIRST_NS + 3 * _DAY_NS
    told = {"trace_id": TRACE, "workflow_id": "trip"}
    return [
        event(90, time_ns=start, agent="planner", agent_path=("planner",), cost=_ATTO // 4, **told),
        event(91, time_ns=start + 1, agent="searcher", agent_path=("planner",), cost=_ATTO // 8, **told),
        event(92, time_ns=start + 2, agent="searcher", agent_path=("planner", "searcher"), cost=_ATTO // 16, **told),
        event(93, time_ns=start + 3, agent="writer", agent_path=("planner",), cost=_ATTO, **told),
    ]


_FIRST_NS: Final = 1_775_001_600 * 10**9
"""2026-04-01T00:00:00Z."""
_NO_TOKENS: Final = {
    "input_tokens": None,
    "output_tokens": None,
    "lines_unit": (),
    "lines_quantity": (),
    "lines_unit_price": (),
    "lines_amount": (),
}
_NO_USAGE: Final = {**_NO_TOKENS, "price_book": "", "price_id": ""}
_AT: Final = "toDateTime64('2026-04-13 12:00:00', 9, 'UTC')"
_CLAIM: Final = """{"attribution": {"environment": "production"}}"""
_BESIDE: Final = (
    f"""
    INSERT INTO ledger_claims (tenant, claim_id, charge_id, rule, claim_time, received_at, settled_at, payload)
    SELECT 'acme', toFixedString('c', 16), toFixedString('x', 16), 'alone', {_AT}, {_AT}, {_AT}, '{_CLAIM}'
    """,
    f"""
    INSERT INTO ledger_quarantine (quarantine_id, received_at, tenant, signal, reason, elements, payload)
    SELECT toFixedString(toString(number), 16), {_AT}, 'acme', 'traces', 'broken', 3, 'x' FROM numbers(2)
    """,
    f"""
    INSERT INTO ledger_budgets (name, changed_at, removed, scope, time_window, tz, currency, limit_amount, hard)
    VALUES ('all', {_AT}, 0, map(), 'month', 'UTC', 'USD', 100, 0),
        ('acme', {_AT}, 0, map('tenant', 'acme'), 'day', 'UTC', 'USD', 5, 1)
    """,
)
