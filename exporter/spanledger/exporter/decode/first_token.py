"""The time to the first piece of a streamed answer, in nanoseconds. Pure.

It is told of the call and not charged, so what cannot be is unknown: nothing is quarantined over it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from spanledger.exporter.decode.anyvalue import real, text
from spanledger.exporter.decode.plan import Plan

SLACK_NS: Final = 10**6
"""A first token may seem this much later than the end: emitters round, and read two clocks."""
LENGTH_NS_MAX: Final = 86_400 * 10**9
"""Longer than any answer: what a record without a length may state."""

_EMPTY: Final = b"\n\x00"
"""An empty text, which says nothing."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def first_token(plan: Plan, attributes: Mapping[str, bytes], start_ns: int, end_ns: int) -> int | None:
    """How long a call's first token took; None where nobody says, nothing streamed, or it cannot be."""
    for key in plan.streams:
        if text(attributes[key]).lower() == "false":
            return None
    for key, unit_ns in plan.first_token:
        if (stated := attributes[key]) and stated != _EMPTY:
            taken_ns = _taken_ns(stated, unit_ns, start_ns)
            most_ns = end_ns - start_ns + SLACK_NS if end_ns > start_ns else LENGTH_NS_MAX
            return taken_ns if taken_ns is not None and 0 <= taken_ns <= most_ns else None
    return None


def _taken_ns(stated: bytes, unit_ns: int, start_ns: int) -> int | None:
    """A stated length, or the length until a stated instant; None if it is neither."""
    try:
        if unit_ns:
            return round(real(stated) * unit_ns)
        return (datetime.fromisoformat(text(stated)) - _EPOCH) // _MICROSECOND * 1_000 - start_ns
    except (ValueError, OverflowError, TypeError):  # the last of an instant without a zone
        return None
