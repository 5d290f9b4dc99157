"""Money as whole atto units: nothing is lost on the way to text and Decimal and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.schemas.money import atto_to_decimal, format_amount, parse_amount, round_half_even

DECIMAL_38_18_MAX = 10**38 - 1


@pytest.mark.parametrize(
    ("atto", "text"),
    [
        (0, "0"),
        (1, "0.000000000000000001"),
        (-1, "-0.000000000000000001"),
        (675_000_000_000_000, "0.000675"),
        (10**18, "1"),
        (-25 * 10**17, "-2.5"),
        (DECIMAL_38_18_MAX, "99999999999999999999.999999999999999999"),
    ],
)
def test_an_amount_is_written_plainly_and_read_back(atto: int, text: str) -> None:
    """No exponent and no needless zeros, to the last of 38 digits."""
    assert format_amount(atto) == text
    assert parse_amount(text) == atto
    assert atto_to_decimal(atto) == Decimal(text)


@given(st.integers(-DECIMAL_38_18_MAX, DECIMAL_38_18_MAX))
def test_text_and_decimal_are_exact(atto: int) -> None:
    """Whatever Decimal(38, 18) holds survives both ways."""
    assert parse_amount(format_amount(atto)) == atto
    assert parse_amount(atto_to_decimal(atto)) == atto


@pytest.mark.parametrize(
    ("stated", "atto"),
    [
        (0.1, 10**17),
        (1e-05, 10**13),
        (7.5e-06, 7_500_000_000_000),
        (0, 0),
        (3, 3 * 10**18),
        ("1e-6", 10**12),
        (" +.5 ", 5 * 10**17),
        ("2.", 2 * 10**18),
        (Decimal("0.25"), 25 * 10**16),
        # Finer than an atto: half to the even one.
        ("0.0000000000000000005", 0),
        ("0.0000000000000000015", 2),
        ("0.0000000000000000025", 2),
        ("-0.0000000000000000015", -2),
        ("1e-9999", 0),
        ("0e9999", 0),
    ],
)
def test_a_stated_cost_is_read_exactly(stated: float | str | Decimal, atto: int) -> None:
    """A float is read through its shortest representation: 0.1 is a tenth."""
    assert parse_amount(stated) == atto


@pytest.mark.parametrize(
    "stated",
    [
        *("", "free", "1,50", "12 USD", "1_000", "٣", "0x10", "nan", "inf", "1e20", "1e9999", "1e99999", "9" * 65),
        *(True, float("nan"), float("inf"), Decimal("NaN"), Decimal("1e20")),
    ],
)
def test_what_is_no_amount_is_refused(stated: float | str | Decimal) -> None:
    """Words, other scripts' digits, infinities, and what Decimal(38, 18) cannot hold."""
    with pytest.raises(ValueError, match="amount of money"):
        parse_amount(stated)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (6, 3, 2), (0, 7, 0)],
)
def test_a_tie_goes_to_the_even_number(numerator: int, denominator: int, rounded: int) -> None:
    """2.5 is 2 and 3.5 is 4; on both sides of zero."""
    assert round_half_even(numerator, denominator) == rounded
