from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from spanledger.ledger.tables import Table, is_money, is_number, plain


def test_money_is_exact_text_without_exponent_or_needless_zeros() -> None:
    """A Decimal(38, 18) arrives as the digits that were booked."""
    assert plain(Decimal("0.000000000000000001")) == "0.000000000000000001"
    assert plain(Decimal("12.340000000000000000")) == "12.34"
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("0E-18")) == "0"


def test_whole_numbers_stay_numbers_up_to_64_bits() -> None:
    """A wider number would lose digits in a JSON reader, so it becomes text."""
    assert plain(2**64 - 1) == 2**64 - 1
    assert plain(-(2**63)) == -(2**63)
    assert plain(2**64) == str(2**64)


def test_times_are_iso_in_utc_whatever_zone_they_came_in() -> None:
    """An instant has one spelling; a date has no zone."""
    berlin = timezone(timedelta(hours=1))
    assert plain(datetime(2026, 11, 2, 9, 30, tzinfo=berlin)) == "2026-11-02T08:30:00Z"
    assert plain(datetime(2026, 11, 2, 9, 30, 0, 250_000, tzinfo=UTC)) == "2026-11-02T09:30:00.250000Z"
    assert plain(date(2026, 11, 2)) == "2026-11-02"


def test_bytes_are_hex_and_what_is_no_number_is_unknown() -> None:
    """Identifiers read as in a trace; NaN and infinity are no quantities."""
    assert plain(b"\x00\xff") == "00ff"
    assert plain(float("nan")) is None
    assert plain(float("inf")) is None


def test_nested_values_are_made_plain_all_through() -> None:
    """Arrays and maps of the engine become lists and objects."""
    assert plain([Decimal("1.50"), None]) == ["1.5", None]
    assert plain({"a": (1, b"\x01")}) == {"a": [1, "01"]}


def test_types_tell_numbers_from_words_through_their_wrappers() -> None:
    """`Nullable` and `LowCardinality` change nothing about what a column holds."""
    assert is_number("Nullable(Decimal(38, 18))")
    assert is_number("LowCardinality(Nullable(UInt8))")
    assert not is_number("Array(Int64)")
    assert not is_number("LowCardinality(String)")
    assert is_money("Nullable(Decimal(38, 18))")
    assert not is_money("Int64")


def test_records_name_their_columns_in_order() -> None:
    """A row reads as an object whose keys stand as the query named them."""
    table = Table(("b", "a"), ("String", "Int64"), [("x", 1)])
    assert [list(record.items()) for record in table.records()] == [[("b", "x"), ("a", 1)]]
