import pytest

from spanledger.ledger.explain import Explained, explain
from spanledger.ledger.explain_text import sentences, together
from spanledger.ledger.tables import Row, Table
from spanledger.schemas.event import COLUMNS

CHARGE = "11" * 16
EVENT = {
    "event_id": "22" * 16,
    "charge_id": CHARGE,
    "kind": "charge",
    "tenant": "acme",
    "provider": "openai",
    "model": "gpt-4o",
    "trace_id": "33" * 16,
    "currency": "USD",
    "cost": "0.00035",
    "cost_state": "priced",
    "price_book": "book:1",
    "price_id": "openai/gpt-4o",
    "lines.unit": ["input_tokens", "output_tokens"],
    "lines.quantity": [100, 10],
    "lines.unit_price": ["0.0000025", "0.00001"],
    "lines.amount": ["0.00025", "0.0001"],
}
CLAIM = '{"usage":{"input_tokens":100,"output_tokens":10},"span_id":"44","call":{"dialect":"semconv"}}'


def explained(**changes: object) -> list[Explained]:
    """What is said of one event with these columns, from a store that answers as the real one."""

    def query(sql: str) -> Table:
        if "UNION" in sql:
            return Table(("charge_id", "trace_id"), ("String", "String"), [(CHARGE, "33" * 16)])
        if "ledger_claims" in sql:
            claims: list[Row] = [
                ("aa", CHARGE, "33" * 16, "single", CLAIM),
                ("bb", "00" * 16, "33" * 16, "rolled_up", CLAIM),
            ]
            return Table(("claim_id", "charge_id", "trace_id", "rule", "payload"), ("String",) * 5, claims)
        row = {**dict.fromkeys(COLUMNS, ""), **EVENT, **changes}
        return Table(tuple(row), ("String",) * len(row), [tuple(row.values())])  # type: ignore[arg-type]

    return explain(query, "anything")


def text(one: Explained) -> str:
    """The sentences as one text."""
    return "\n".join(sentences(one))


def test_quantity_times_price_is_the_amount_and_the_lines_are_the_cost() -> None:
    """100 * 0.0000025 + 10 * 0.00001 = 0.00035."""
    [one] = explained()
    assert one.adds_up is True
    assert [line.adds_up for line in one.lines] == [True, True]
    assert "cost: 0.00035 USD (recomputed, it adds up); prices: book:1" in text(one)


@pytest.mark.parametrize(
    "changes",
    [
        {"cost": "0.00036"},
        {"lines.amount": ["0.00026", "0.00009"]},
        {"lines.unit_price": ["0.0000025", "0.00002"]},
        {"lines.quantity": [101, 10]},
    ],
)
def test_arithmetic_that_does_not_hold_is_shouted(changes: dict[str, object]) -> None:
    """Whoever edits a row is found by multiplying."""
    [one] = explained(**changes)
    assert one.adds_up is False
    assert "DOES NOT ADD UP" in text(one)


def test_a_streamed_answer_s_first_token_is_told() -> None:
    """Beside its duration, where somebody stated it; at once is a time too."""
    assert "It took 1500 ms; its first token came after 0 ms." in text(
        explained(duration_ms=1500, time_to_first_token_ms=0)[0]
    )
    assert "first token" not in text(explained(duration_ms=1500, time_to_first_token_ms=None)[0])


def test_a_price_rounded_to_18_places_still_explains_its_amount() -> None:
    """A third of an atto-dollar a token: the amount was made from the exact price."""
    [one] = explained(
        **{
            "lines.unit": ["input_tokens"],
            "lines.quantity": [3_000_000],
            "lines.unit_price": ["0.000000000000333333"],
            "lines.amount": ["0.000001"],
            "cost": "0.000001",
        }
    )
    assert one.adds_up is True


def test_what_has_no_price_says_so_and_is_never_zero() -> None:
    """Unknown is explained, not computed."""
    [one] = explained(
        cost=None, cost_state="unpriced", **{"lines.unit_price": [None, None], "lines.amount": [None, None]}
    )
    assert one.adds_up is None
    assert "cost: unknown, because no price was found (never zero)" in text(one)
    assert "no price" in text(one)


def test_a_correction_shows_what_it_takes_back() -> None:
    """Lines without a price have nothing to add; the others are multiplied again."""
    [one] = explained(
        kind="adjustment",
        **{
            "lines.unit": ["input_tokens", "input_tokens"],
            "lines.quantity": [-100, 100],
            "lines.unit_price": [None, "0.0000035"],
            "lines.amount": [None, "0.00035"],
        },
    )
    assert one.adds_up is True
    assert "is corrected, by other prices, for tenant acme" in text(one)
    assert "claims tell" not in text(one)


def test_what_stands_beside_the_cost_is_told() -> None:
    """The price's own name, the reporting currency with its rate and source, the revenue, the sender's figure."""
    beside = {"reporting_cost": "0.000322", "reporting_currency": "EUR", "fx_rate": "0.92", "fx_source": "ECB"}
    [one] = explained(**beside, revenue="0.00042", revenue_currency="USD", reported_cost="0.0004")
    assert "Priced as openai/gpt-4o." in text(one)
    assert "in EUR: 0.000322, at 0.92 for one USD, stated by ECB" in text(one)
    assert "sold for: 0.00042 USD" in text(one)
    assert "the sender states a cost of 0.0004 USD" in text(one)


def test_a_charge_and_its_corrections_are_added_up_by_currency() -> None:
    """What was taken back in dollars is gone; euros are left."""
    [charge] = explained()
    [back] = explained(kind="adjustment", cost="-0.00035")
    [anew] = explained(kind="adjustment", cost="0.0003", currency="EUR")
    assert list(together([charge])) == []
    assert list(together([charge, back, anew])) == [f"Charge {CHARGE} with its corrections: 0.0003 EUR"]


def test_claims_and_evidence_are_told_apart_with_their_rule() -> None:
    """The claim that was charged, and the roll-up that was not."""
    [one] = explained()
    assert [(seen.claim_id, seen.rule) for seen in one.claims] == [("aa", "single")]
    assert [(seen.claim_id, seen.rule) for seen in one.evidence] == [("bb", "rolled_up")]
    assert "Of the same trace, not charged:" in text(one)
    assert "states 100 input tokens and 10 output tokens. It repeats what the calls below it state" in " ".join(
        text(one).split()
    )


def test_an_id_travels_as_hex_digits_only() -> None:
    """Whatever is typed, none of it is SQL."""
    asked: list[str] = []

    def query(sql: str) -> Table:
        asked.append(sql)
        return Table(("charge_id", "trace_id"), ("String", "String"), [])

    assert explain(query, "x'); DROP TABLE ledger_events; --") == []
    [sql] = asked
    assert "DROP" not in sql
    assert ";" not in sql
