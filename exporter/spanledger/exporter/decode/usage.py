"""What a dialect's attributes say was used, as wholes that contain their parts. Pure.

Arithmetic decides where a declaration cannot be trusted: input that is smaller than its cache counts cannot
contain them, whatever the conventions ask for, and a stated total shows which way the emitter counted.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from spanledger.exporter.decode.anyvalue import NotACountError, count
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
    usage: dict[str, int], plan: Plan, dialect: Dialect, attributes: Mapping[str, bytes], basis: Inclusivity
) -> tuple[Inclusivity, tuple[str, ...]]:
    """Make wholes contain their parts, in place: how inclusion was decided, and flags.

    A part that is still larger than its whole is dropped and flagged `inconsistent`: the whole is what a
    provider bills, and a price for the part would be a guess.
    """
    inclusivity: Inclusivity = ""
    flags: tuple[str, ...] = ()
    if not usage.keys() <= _WHOLES:
        _complete_cache_writes(usage)
        inclusivity = _include_caches(usage, plan, dialect, attributes, basis)
        if dialect.reasoning == "exclusive" and u.REASONING_TOKENS in usage:
            usage[u.OUTPUT_TOKENS] = usage.get(u.OUTPUT_TOKENS, 0) + usage[u.REASONING_TOKENS]
        flags = _drop_impossible_parts(usage)
    for unit, keys in plan.added:
        if (more := counted(keys, attributes)) and unit in usage:
            usage[unit] += more
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


def _include_caches(
    usage: dict[str, int], plan: Plan, dialect: Dialect, attributes: Mapping[str, bytes], basis: Inclusivity
) -> Inclusivity:
    cached = usage.get(u.CACHE_READ_TOKENS, 0) + usage.get(u.CACHE_WRITE_TOKENS, 0)
    if not cached or u.INPUT_TOKENS not in usage:
        return ""
    stated = usage[u.INPUT_TOKENS]
    if dialect.inclusion == "exclusive":
        usage[u.INPUT_TOKENS] = stated + cached
        return basis
    inferred = stated < cached or counted(plan.total, attributes) == stated + cached + usage.get(u.OUTPUT_TOKENS, 0)
    if inferred:
        usage[u.INPUT_TOKENS] = stated + cached
    return "inferred" if inferred else basis


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
