"""The values of an overlay file, each read strictly: exact numbers, instants in UTC, words. Pure.

What cannot be what its key asks for raises `FieldError` with the line it stands in.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from spanledger.exporter.rate.faults import FieldError
from spanledger.exporter.rate.overlay import ANY_WORD
from spanledger.exporter.rate.tariff import EXACT, Step, Steps, list_price
from spanledger.exporter.rate.yaml_tree import Listed, Mapped, Text, Tree
from spanledger.schemas.money import ATTO_DIGITS

WORD_CHARS_MAX: Final = 256
PER_MAX: Final = 10**12
# A price has 18 places in the ledger; the finest list price per single token is some 12 places.
NUMBER_CHARS_MAX: Final = 40
# More is a slip of the pen: twelve digits before the point are above any bill.
NUMBER_DIGITS_MAX: Final = 12
SHARE_MAX: Final = Decimal(100)

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_UNIT: Final = re.compile(r"[a-z][a-z0-9_]*")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def mapped(tree: Tree, what: str, known: Iterable[str] | None = None) -> Mapping[str, Tree]:
    """A mapping, all of whose keys are known."""
    if not isinstance(tree, Mapped):
        raise FieldError(tree.line, f"{what} must be a mapping of keys to values")
    if known is not None:
        names = tuple(known)
        for name, value in tree.items.items():
            if name not in names:
                raise FieldError(
                    value.line, f"{what} has no key {name[:WORD_CHARS_MAX]!r}: known are {', '.join(names)}"
                )
    return tree.items


def listed(tree: Tree, what: str) -> tuple[Tree, ...]:
    """A list."""
    if not isinstance(tree, Listed):
        raise FieldError(tree.line, f"{what} must be a list (lines that begin with -)")
    return tree.items


def word(tree: Tree, what: str) -> str:
    """A text of one line, trimmed."""
    if not isinstance(tree, Text):
        raise FieldError(tree.line, f"{what} must be a word")
    value = tree.value.strip()
    if not value or len(value) > WORD_CHARS_MAX or not value.isprintable():
        raise FieldError(tree.line, f"{what} must be a word of 1 to {WORD_CHARS_MAX} printable characters")
    return value


def pattern(tree: Tree, what: str) -> tuple[str, bool]:
    """A name in lower case, and whether it is only the beginning of one (`gpt-5*`)."""
    value = word(tree, what).lower()
    name = value.removesuffix(ANY_WORD)
    if ANY_WORD in name:
        raise FieldError(tree.line, f"{what} {value!r} may have one * only, at its end")
    return name, value != name


def currency(tree: Tree, what: str = "currency") -> str:
    """An ISO 4217 code."""
    value = word(tree, what)
    if not _CURRENCY.fullmatch(value):
        raise FieldError(tree.line, f"{what} {value!r} is no ISO 4217 code of three capital letters, such as EUR")
    return value


def number(tree: Tree, what: str) -> Decimal:
    """A decimal number, exactly as written, not below zero."""
    text = tree.value.strip() if isinstance(tree, Text) else ""
    if not _NUMBER.fullmatch(text) or len(text) > NUMBER_CHARS_MAX:
        raise FieldError(tree.line, f"{what} must be a decimal number, such as 2.50")
    value = Decimal(text)
    if value < 0:
        raise FieldError(tree.line, f"{what} is negative: {text}")
    if value and value.adjusted() >= NUMBER_DIGITS_MAX:
        raise FieldError(tree.line, f"{what} is beyond {NUMBER_DIGITS_MAX} digits: {text}")
    return value.copy_abs()


def whole(tree: Tree, what: str, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = tree.value.strip().replace("_", "") if isinstance(tree, Text) else ""
    if not text.isascii() or not text.isdigit() or len(text) > NUMBER_CHARS_MAX or not 1 <= int(text) <= most:
        raise FieldError(tree.line, f"{what} must be a whole number from 1 to {most}")
    return int(text)


def share(tree: Tree, what: str, most: Decimal = SHARE_MAX) -> Decimal:
    """A part as a decimal: `12.5%` is 0.125; without the sign it must be written as one."""
    text = word(tree, what)
    value = number(Text(tree.line, text.removesuffix("%")), what)
    value = value.scaleb(-2, EXACT) if text.endswith("%") else value
    if value > most:
        raise FieldError(tree.line, f"{what} {text!r} is above {most * 100}% (write 12.5% or 0.125)")
    return value


def flag(tree: Tree, what: str) -> bool:
    """True or false."""
    value = word(tree, what).lower()
    if value not in {"true", "false"}:
        raise FieldError(tree.line, f"{what} must be true or false")
    return value == "true"


def instant_ns(tree: Tree, what: str) -> int:
    """A day (its midnight) or a time, in UTC unless it names an offset, as nanoseconds since 1970."""
    text = word(tree, what)
    try:
        at = datetime.fromisoformat(text.replace(" ", "T", 1))
    except ValueError as error:
        reason = f"{what} {text!r} is no date such as 2026-07-01 and no time such as 2026-07-01T12:00:00Z"
        raise FieldError(tree.line, reason) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - _EPOCH) // _MICROSECOND * 1000


def day(tree: Tree, what: str) -> int:
    """A date as days since 1970."""
    text = word(tree, what)
    try:
        return (date.fromisoformat(text) - _EPOCH.date()).days
    except ValueError as error:
        raise FieldError(tree.line, f"{what} {text!r} is no date such as 2026-07-01") from error


def rate(tree: Tree, what: str) -> int:
    """An exchange rate in atto units: above zero, and of no more places than the ledger keeps."""
    value = number(tree, what)
    atto = value.scaleb(ATTO_DIGITS, EXACT)
    if not atto or atto != atto.to_integral_value():
        raise FieldError(tree.line, f"{what} must be above zero and have at most {ATTO_DIGITS} places")
    return int(atto)


def unit(name: str, line: int) -> str:
    """The name of a unit."""
    if not _UNIT.fullmatch(name) or len(name) > WORD_CHARS_MAX:
        raise FieldError(line, f"{name[:WORD_CHARS_MAX]!r} is no unit: write small letters, digits and underscores")
    return name


def steps(tree: Tree, what: str, per: int) -> Steps:
    """A price, or prices by the call's input tokens: `{0: "1.25", 200000: "2.50"}` doubles above 200 000."""
    if isinstance(tree, Text):
        return (Step(-1, list_price(number(tree, what), per)),)
    bands: dict[int, Tree] = {}
    for above, price in mapped(tree, what).items():
        if not above.isascii() or not above.isdigit() or len(above) > NUMBER_CHARS_MAX:
            raise FieldError(price.line, f"{what} has no band {above!r}: write the input tokens a price begins above")
        bands[int(above)] = price
    if 0 not in bands:
        raise FieldError(tree.line, f"{what} needs a price from 0 input tokens on")
    return tuple(
        Step(above or -1, list_price(number(price, f"{what} above {above}"), per))
        for above, price in sorted(bands.items())
    )
