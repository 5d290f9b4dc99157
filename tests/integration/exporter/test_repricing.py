"""Booked charges rated again by another book: what is posted, and that every view counts it once."""

from decimal import Decimal

import msgspec
import pytest
from support.ledger_events import HOUR_NS, NOON_NS, event, rating_of

from spanledger.exporter.posting.repriced import Asked
from spanledger.exporter.posting.repricing import Repricing
from spanledger.exporter.posting.stretches import stretches
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.rate import Rated
from spanledger.exporter.settle import Charge
from spanledger.exporter.store import ClaimRow, Store, claims_block, events_block
from spanledger.exporter.store.rollup import Rollup
from spanledger.schemas import Attribution, Call, Claim, LedgerEvent
from spanledger.schemas.claim import seal
from spanledger.schemas.event import ATTO

UNPRICED = {
    "cost": None,
    "cost_state": "unpriced",
    "model": "house-1",
    "lines_unit_price": (None, None),
    "lines_amount": (None, None),
    "price_id": "",
}
EVERYTHING = Asked(everything=True)
BOOK_ROWS = "SELECT requests, toString(cost), currency, cost_state, price_book FROM charges ORDER BY event_id"


def claim_row(of: LedgerEvent) -> ClaimRow:
    """The one claim behind a charge."""
    usage = {"input_tokens": of.input_tokens or 0, "output_tokens": of.output_tokens or 0}
    claim = Claim(
        scope="*",
        signal="traces",
        trace_id=of.trace_id,
        span_id=f"{int.from_bytes(of.event_id[8:]):016x}",
        start_ns=int.from_bytes(of.event_id[:8]),
        end_ns=of.event_time,
        call=Call(role="inference", dialect="semconv", provider=of.provider, response_model=of.model),
        attribution=Attribution(tenant=of.tenant),
        usage=usage,
        usage_source="provider",
    )
    claim_id, payload = seal(claim)
    ids = (of.charge_id, "single", "*", of.trace_id, "", 0, "", "traces", "")
    return ClaimRow(of.tenant, claim_id, *ids, claim.start_ns, claim.end_ns, claim.end_ns, "", payload)


def book(store: Store, *events: LedgerEvent) -> None:
    """Charges with their claims."""
    store.insert("ledger_events", *events_block(events))
    store.insert("ledger_claims", *claims_block([claim_row(each) for each in events]))


class Prices:
    """A book with one price a token for everything, in one currency; None prices nothing."""

    def __init__(self, digest: str, micro: int | None, currency: str = "USD") -> None:
        self.digest, self.micro, self.currency = digest, micro, currency

    def __call__(self, charge: Charge) -> Rated:
        """A charge at that price."""
        usage = charge.claim.usage
        price = None if self.micro is None else self.micro * ATTO // 10**6
        amounts = tuple(None if price is None else price * quantity for quantity in usage.values())
        said = event(
            0,
            lines_unit=tuple(usage),
            lines_quantity=tuple(usage.values()),
            lines_unit_price=(price,) * len(usage),
            lines_amount=amounts,
            cost=None if price is None else sum(usage.values()) * price,
            cost_state="unpriced" if price is None else "priced",
            currency=self.currency,
            price_book=self.digest,
            price_id="own/house-1",
        )
        return rating_of(said)


def reprice(store: Store, prices: Prices, asked: Asked = Asked(), *, dry_run: bool = False, size: int = 2) -> list[int]:  # noqa: B008
    """Rate again, two charges a stretch; how many were seen, adjusted, newly priced, kept and without claims."""
    repricing = Repricing(store, Rollup(store), prices)
    done = [repricing.reprice(asked, stretch, dry_run=dry_run) for stretch in stretches(store, asked, size)]
    return [
        sum(getattr(each, name) for each in done)
        for name in ("seen", "adjusted", "newly_priced", "kept", "without_claims")
    ]


def test_an_unpriced_charge_gets_its_price_once(any_store: Store) -> None:
    """120 tokens at 2 millionths are 0.00024; a second run finds nothing to do, and every sum has it once."""
    store = any_store
    book(store, *(event(n, **UNPRICED, time_ns=NOON_NS + n) for n in range(1, 6)), event(9, time_ns=NOON_NS + 9))
    assert reprice(store, Prices("b2", 2), dry_run=True) == [5, 5, 5, 0, 0]
    assert store.query("SELECT count() FROM ledger_events") == [(6,)]
    assert reprice(store, Prices("b2", 2)) == [5, 5, 5, 0, 0]
    assert reprice(store, Prices("b2", 2)) == [0, 0, 0, 0, 0]
    assert reprice(store, Prices("b2", 2), EVERYTHING)[1] == 1  # the one that had a price, of another book
    total = 6 * Decimal("0.00024")
    for table in ("ledger_events FINAL", "charges", "live_daily_costs", "daily_costs", "token_ledger_daily_costs"):
        cost = "total_cost" if table.startswith("token") else "cost"
        requests = "request_count" if table.startswith("token") else "requests"
        assert store.query(f"SELECT sum({requests}), sum({cost}) FROM {table}") == [(6, total)], table
    assert store.query("SELECT sum(quantity), sum(amount) FROM charge_lines") == [(720, total)]
    assert store.query("SELECT sum(cost) FROM token_ledger_events") == [(total,)]
    assert store.query("SELECT count() FROM unpriced") == [(0,)]
    assert store.query("SELECT sum(unpriced_requests) FROM daily_costs") == [(0,)]
    assert set(store.query(BOOK_ROWS)) == {(1, "0.00024", "USD", "priced", "b2")}


def test_an_adjustment_says_what_was_taken_back_and_what_was_put_in_its_place(store: Store) -> None:
    """0.15 and 0.60 a million become 1 a million: 100 and 20 tokens cost 0.00012 instead of 0.000027."""
    book(store, event(1))
    assert reprice(store, Prices("b2", 1), EVERYTHING) == [1, 1, 0, 0, 0]
    lines = "`lines.unit`, `lines.quantity`, arrayMap(x -> toString(x), `lines.amount`)"
    assert store.query(
        f"SELECT requests, input_tokens, toString(cost), {lines} FROM ledger_events WHERE kind = 'adjustment'"
    ) == [
        (
            0,
            None,
            "0.000093",
            ["input_tokens", "output_tokens", "input_tokens", "output_tokens"],
            [-100, -20, 100, 20],
            ["-0.000015", "-0.000012", "0.0001", "0.00002"],
        )
    ]
    alike = "tenant, user_id, model, provider, trace_id, event_time, booked_time, feature"
    assert len(store.query(f"SELECT DISTINCT {alike} FROM ledger_events")) == 1


def test_going_back_to_an_old_book_is_a_correction_of_its_own(store: Store) -> None:
    """There, back and there again: the same two books, three adjustments, and each time the right sum."""
    book(store, event(1))
    for digest, micro, cost in (("b2", 1, "0.00012"), ("b3", 2, "0.00024"), ("b2", 1, "0.00012"), ("b3", 2, "0.00024")):
        reprice(store, Prices(digest, micro), EVERYTHING)
        assert store.query("SELECT toString(sum(cost)) FROM ledger_events FINAL") == [(cost,)]
        assert store.query("SELECT toString(cost), price_book FROM charges") == [(cost, digest)]
    assert store.query("SELECT count() FROM ledger_events WHERE kind = 'adjustment'") == [(4,)]


def test_a_price_in_another_currency_takes_the_old_one_back(store: Store) -> None:
    """No sum ever holds two currencies: dollars come to zero, euros are what is charged."""
    book(store, event(1))
    reprice(store, Prices("b2", 1, "EUR"), EVERYTHING)
    sums = "SELECT currency, toString(sum(cost)) FROM ledger_events FINAL GROUP BY currency ORDER BY currency"
    assert store.query(sums) == [("EUR", "0.00012"), ("USD", "0")]
    assert store.query("SELECT currency, toString(cost) FROM charges") == [("EUR", "0.00012")]
    assert reprice(store, Prices("b2", 1, "EUR"), EVERYTHING)[1] == 0


def test_a_free_model_is_priced(store: Store) -> None:
    """Nothing to pay is a price: the charge is no longer unpriced."""
    book(store, event(1, **UNPRICED))
    assert reprice(store, Prices("b2", 0)) == [1, 1, 1, 0, 0]
    assert store.query("SELECT toString(cost), cost_state FROM charges") == [("0", "priced")]
    assert reprice(store, Prices("b2", 0)) == [0, 0, 0, 0, 0]


def test_a_book_that_lost_a_price_takes_nothing_back(store: Store) -> None:
    """The charge keeps its cost, and is counted as kept."""
    book(store, event(1))
    assert reprice(store, Prices("b2", None), EVERYTHING) == [1, 0, 0, 1, 0]
    assert store.query("SELECT toString(cost) FROM charges") == [("0.000027",)]


def test_a_withdrawn_charge_takes_its_adjustments_along(store: Store) -> None:
    """Late truth after repricing: nothing of the old charge is left, whatever was added to it."""
    first = event(1, **UNPRICED)
    book(store, first)
    reprice(store, Prices("b2", 2))
    tables = LedgerTables(store)
    tables.reverse([first.charge_id], NOON_NS + HOUR_NS)
    assert store.query("SELECT sum(requests), toString(sum(cost)) FROM ledger_events FINAL") == [(0, "0")]
    again = msgspec.structs.replace(event(2, **UNPRICED), charge_id=first.charge_id)
    tables.insert_events([again])
    assert store.query("SELECT count(), sum(cost) FROM charges") == [(1, None)]
    assert store.query("SELECT event_id FROM unpriced") == [(again.event_id.hex(),)]
    assert store.query("SELECT sum(unpriced_requests) FROM live_daily_costs") == [(1,)]
    assert reprice(store, Prices("b2", 2))[1] == 1
    assert store.query("SELECT toString(cost) FROM charges") == [("0.00024",)]


def test_a_charge_whose_claims_are_gone_is_counted_and_left(store: Store) -> None:
    """The event alone does not say everything that was used."""
    store.insert("ledger_events", *events_block([event(1, **UNPRICED)]))
    assert reprice(store, Prices("b2", 2)) == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("asked", "adjusted"),
    [
        (Asked(), 2),
        (Asked(tenant="acme"), 1),
        (Asked(model="house-1"), 2),
        (Asked(model="other"), 0),
        (Asked(since_ns=NOON_NS + 2), 1),
        (Asked(until_ns=NOON_NS + 2), 1),
        (EVERYTHING, 3),
    ],
)
def test_only_what_is_asked_for_is_rated_again(store: Store, asked: Asked, adjusted: int) -> None:
    """Tenant, model and time bound it; without `everything` a charge that has a price keeps it."""
    unpriced = [event(n, **UNPRICED, tenant=tenant, time_ns=NOON_NS + n) for n, tenant in ((1, "acme"), (2, "zeta"))]
    book(store, *unpriced, event(3, tenant="zeta", time_ns=NOON_NS - 1))
    assert reprice(store, Prices("b2", 2), asked)[1] == adjusted


def test_reported_costs_stand_beside_ours(store: Store) -> None:
    """By emitter and model: theirs, ours, and ours less theirs where both are known."""
    theirs = {"reported_cost": 30 * 10**12, "dialect": "litellm"}
    book(store, event(1, **theirs), event(2, **theirs, **UNPRICED), event(3))
    columns = (
        "dialect, model, requests, unpriced_requests, toString(reported_cost), toString(cost), toString(difference)"
    )
    assert store.query(f"SELECT {columns} FROM reported_costs ORDER BY model") == [
        ("litellm", "gpt-4o-mini", 1, 0, "0.00003", "0.000027", "-0.000003"),
        ("litellm", "house-1", 1, 1, "0.00003", None, None),
    ]
