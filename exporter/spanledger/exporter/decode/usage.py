"""What a dialect's attributes say was used, as wholes that contain their parts. Pure.

Arithmetic decides where a declaration cannot be trusted: input that is smaller than its cache counts cannot
contain them, whatever the conventions ask for, and a stated total shows which way the emitter counted.
"""

from collections.abc import Mapping
from typing import Final

from spanledger.exporter.decode.anyvalue import NotACountError, count
from spanledger.exporter.decode.plan import Plan
from spanledger.schemas import units as u
from spanledger.schemas.attributes import USAGE_TOTAL_TOKENS
from spanledger.schemas.claim import Inclusivity
from spanledger.schemas.dialects import Dialect

_WHOLES: Final = frozenset({u.INPUT_TOKENS, u.OUTPUT_TOKENS})


class ImpossibleCountError(ValueError):
    """An attribute states a count that cannot be one; the message names the attribute, never its value."""


def read_usage(plan: Plan, attributes: Mapping[str, bytes]) -> dict[str, int]:
    """Every unit that is stated. Raises `ImpossibleCountError`."""
    usage: dict[str, int] = {}
    key = ""
    try:
        for unit, keys in plan.usage:
            for key in keys:
                if (number := count(attributes[key])) is not None:
                    usage[unit] = number
                    break
    except NotACountError as error:
        msg = f"{key} is {error}"
        raise ImpossibleCountError(msg) from error
    return usage


def counted(key: str, value: bytes) -> int | None:
    """A count, or None where the emitter states none. Raises `ImpossibleCountError`."""
    try:
        return count(value)
    except NotACountError as error:
        msg = f"{key} is {error}"
        raise ImpossibleCountError(msg) from error


def make_consistent(
    usage: dict[str, int], dialect: Dialect, attributes: Mapping[str, bytes]
) -> tuple[Inclusivity, tuple[str, ...]]:
    """Make wholes contain their parts, in place: how inclusion was decided, and flags.

    A part that is still larger than its whole is dropped and flagged `inconsistent`: the whole is what a
    provider bills, and a price for the part would be a guess.
    """
    if usage.keys() <= _WHOLES:
        return "", ()
    split = usage.get(u.CACHE_WRITE_5M_TOKENS, 0) + usage.get(u.CACHE_WRITE_1H_TOKENS, 0)
    if split > usage.get(u.CACHE_WRITE_TOKENS, 0):
        usage[u.CACHE_WRITE_TOKENS] = split
    inclusivity = _include_caches(usage, dialect, attributes)
    return inclusivity, _drop_impossible_parts(usage)


def _include_caches(usage: dict[str, int], dialect: Dialect, attributes: Mapping[str, bytes]) -> Inclusivity:
    cached = usage.get(u.CACHE_READ_TOKENS, 0) + usage.get(u.CACHE_WRITE_TOKENS, 0)
    if not cached or u.INPUT_TOKENS not in usage:
        return ""
    stated = usage[u.INPUT_TOKENS]
    total = counted(USAGE_TOTAL_TOKENS, attributes.get(USAGE_TOTAL_TOKENS, b""))
    exclusive = dialect.inclusion == "exclusive"
    inferred = stated < cached or total == stated + cached + usage.get(u.OUTPUT_TOKENS, 0)
    if exclusive or inferred:
        usage[u.INPUT_TOKENS] = stated + cached
    return "inferred" if inferred and not exclusive else "declared"


def _drop_impossible_parts(usage: dict[str, int]) -> tuple[str, ...]:
    impossible = [part for part in usage if part in u.WHOLE_OF and usage[part] > usage.get(u.WHOLE_OF[part], 0)]
    for part in impossible:
        del usage[part]
    return ("inconsistent",) if impossible else ()
