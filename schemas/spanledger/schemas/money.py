"""Money is a whole number of atto units (10⁻¹⁸ of a currency). Text and Decimal in, text and Decimal out, exactly.

No float is ever calculated with: one that a sender stated is read through its shortest representation.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

ATTO_DIGITS: Final = 18
"""Decimal places of an amount: the scale of ClickHouse's Decimal(38, 18)."""

AMOUNT_DIGITS_MAX: Final = 20
"""Digits before the point that Decimal(38, 18) holds."""

# 38 digits, a sign, a point and an exponent fit with room; a longer text is no amount of money.
AMOUNT_CHARS_MAX: Final = 64

_AMOUNT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_ATTO: Final = Decimal(1).scaleb(-ATTO_DIGITS)
# Wide enough that AMOUNT_CHARS_MAX digits are never rounded before the one rounding that is meant.
_EXACT: Final = Context(prec=2 * AMOUNT_CHARS_MAX, rounding=ROUND_HALF_EVEN)


def atto_to_decimal(atto: int) -> Decimal:
    """Give an amount in atto units as an exact Decimal of the currency."""
    return Decimal(atto).scaleb(-ATTO_DIGITS, _EXACT)


def format_amount(atto: int) -> str:
    """Write an amount in atto units as a plain decimal: exact, no exponent, no needless zeros (`"0.000675"`)."""
    whole, fraction = divmod(abs(atto), 10**ATTO_DIGITS)
    digits = f"{fraction:0{ATTO_DIGITS}d}".rstrip("0")
    return f"{'-' if atto < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def parse_amount(stated: str | float | Decimal) -> int:
    """Read an amount of a currency as atto units, rounded half-even where it is finer than 10⁻¹⁸.

    Raises `ValueError` for what is no finite decimal number or does not fit Decimal(38, 18).
    """
    text = str(stated).strip() if not isinstance(stated, float) else repr(stated)
    if isinstance(stated, bool) or len(text) > AMOUNT_CHARS_MAX or not _AMOUNT.fullmatch(text):
        msg = f"not an amount of money: {text[:AMOUNT_CHARS_MAX]!r}"
        raise ValueError(msg)
    amount = Decimal(text)
    # Below a tenth of the rounding step nothing is left; this also keeps a hostile exponent from being expanded.
    if not amount or amount.adjusted() < -ATTO_DIGITS - 1:
        return 0
    if amount.adjusted() >= AMOUNT_DIGITS_MAX:
        msg = f"amount of money beyond Decimal(38, 18): {text!r}"
        raise ValueError(msg)
    return int(amount.quantize(_ATTO, context=_EXACT).scaleb(ATTO_DIGITS, _EXACT))


def round_half_even(numerator: int, denominator: int) -> int:
    """Round `numerator / denominator` to a whole number, a tie to the even one. The denominator is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))
