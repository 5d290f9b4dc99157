"""What a dialect's attributes say was used, as wholes that contain their parts. Pure.

Arithmetic decides where a declaration cannot be trusted: input that is smaller than its cache counts cannot
contain them, whatever the conventions ask for, and a stated total shows which way the emitter counted.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from spanledger.exporter.decode.anyvalue import NotACountError, count
from spanledger.exporter.decode.call import Reading
from spanledger.exporter.decode.plan import Keys, Plan
from spanledger.schemas import units as u
from spanledger.schemas.claim import Inclusivity
from spanledger.schemas.dialects import Dialect

_WHOLES: Final = frozenset({u.INPUT_TOKENS, u.OUTPUT_TOKENS})


class ImpossibleCountError(ValueError):
    """An attribute states a count that cannot be one; the message names the attribute, never its value."""


def read_usage(plan: Plan, attributes: Mapping[str, bytes]) -> dict[str, int]:
    """Every unit that is stated. Raises `ImpossibleCountError`."""
    usage: dict[str, int] = {}
    key = ""
    unknown = plan.dialect.zero_is_unknown if plan.dialect else ()
    try:
        for unit, keys in plan.usage:
            for key in keys:
                if (number := count(attributes[key])) is not None and (number or unit not in unknown):
                    usage[unit] = number
                    break
    except NotACountError as error:
        msg = f"{key} is {error}"
        raise ImpossibleCountError(msg) from error
    return usage


def counted(keys: Keys, attributes: Mapping[str, bytes]) -> int | None:
    """The first count that is stated among some attributes that are present. Raises `ImpossibleCountError`."""
    for key in keys:
        try:
            if (number := count(attributes[key])) is not None:
                return number
        except NotACountError as error:
            msg = f"{key} is {error}"
            raise ImpossibleCountError(msg) from error
    return None


def make_consistent(
    usage: dict[str, int], plan: Plan, dialect: Dialect, attributes: Mapping[str, bytes], reading: Reading
) -> tuple[Inclusivity, tuple[str, ...]]:
    """Make wholes contain their parts, in place: how inclusion was decided, and flags.

    A part that is still larger than its whole is dropped and flagged `inconsistent`: the whole is what a
    provider bills, and a price for the part would be a guess. So is a sum that a stated total exceeds.
    """
    inclusivity: Inclusivity = ""
    flags: tuple[str, ...] = ()
    total = counted(plan.total, attributes) if usage else None
    divided = not usage.keys() <= _WHOLES
    if divided:
        _complete_cache_writes(usage)
        inclusivity = _include_caches(usage, total, reading)
        _include_reasoning(usage, total, dialect)
    for unit, keys in plan.added:
        if unit in usage:
            usage[unit] += sum(counted((key,), attributes) or 0 for key in keys)
    if divided:
        flags = _drop_impossible_parts(usage)
    if total is not None and total > usage.get(u.INPUT_TOKENS, 0) + usage.get(u.OUTPUT_TOKENS, 0):
        flags = ("inconsistent",)
    return inclusivity, flags


def _complete_cache_writes(usage: dict[str, int]) -> None:
    """Writes are those for 5 minutes and those for an hour: of the three counts, two give the third.

    LangChain states zero writes beside a split; Pydantic AI states the hour's only.
    """
    minutes, hour = usage.get(u.CACHE_WRITE_5M_TOKENS), usage.get(u.CACHE_WRITE_1H_TOKENS)
    if minutes is None and hour is None:
        return
    split = (minutes or 0) + (hour or 0)
    written = usage[u.CACHE_WRITE_TOKENS] = max(split, usage.get(u.CACHE_WRITE_TOKENS, 0))
    if minutes is None and written > split:
        usage[u.CACHE_WRITE_5M_TOKENS] = written - split
    elif hour is None and written > split:
        usage[u.CACHE_WRITE_1H_TOKENS] = written - split


def _include_caches(usage: dict[str, int], total: int | None, reading: Reading) -> Inclusivity:
    cached = usage.get(u.CACHE_READ_TOKENS, 0) + usage.get(u.CACHE_WRITE_TOKENS, 0)
    if not cached or u.INPUT_TOKENS not in usage:
        return ""
    stated = usage[u.INPUT_TOKENS]
    if reading.exclusive:
        usage[u.INPUT_TOKENS] = stated + cached
        return reading.inclusivity
    inferred = stated < cached or total == stated + cached + usage.get(u.OUTPUT_TOKENS, 0)
    if inferred:
        usage[u.INPUT_TOKENS] = stated + cached
    return "inferred" if inferred else reading.inclusivity


def _include_reasoning(usage: dict[str, int], total: int | None, dialect: Dialect) -> None:
    """Output without its reasoning is completed: where the emitter counts so, or the total shows that it did."""
    reasoning = usage.get(u.REASONING_TOKENS)
    if not reasoning:
        return
    output = usage.get(u.OUTPUT_TOKENS, 0)
    if dialect.reasoning == "exclusive" or total == usage.get(u.INPUT_TOKENS, 0) + output + reasoning:
        usage[u.OUTPUT_TOKENS] = output + reasoning


def _drop_impossible_parts(usage: dict[str, int]) -> tuple[str, ...]:
    whole_of = u.WHOLE_OF
    impossible: Iterable[str] = [
        part for part in usage if part in whole_of and usage[part] > usage.get(whole_of[part], 0)
    ]
    if not impossible:
        return ()
    for part in impossible:
        del usage[part]
    return ("inconsistent",)
