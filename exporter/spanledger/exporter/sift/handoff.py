"""What was sifted at the door, kept for the poster of the same process: reading it back would only repeat the work.

A cache and nothing more: a record that is not here is sifted from its payload, with the same result.
"""

from typing import TYPE_CHECKING, Final, cast

import google_crc32c

from spanledger.exporter.sift.records import UsageRecord
from spanledger.schemas.claim import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

# Some 3 kB a span, so 60 MB: what arrives in a second or two. A poster that lags farther behind reads the journal.
SPANS_MAX: Final = 20_000
# Spans of ordinary senders have some 500 bytes; large ones are read from the journal instead.
BYTES_MAX: Final = 16 * 1024 * 1024

_crc = cast("Callable[[bytes], int]", google_crc32c.value)


class Handoff:
    """Sifted spans by the payload they are journaled as. Puts and takes may come from different threads."""

    def __init__(self, spans_max: int = SPANS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._spans_max = spans_max
        self._bytes_max = bytes_max
        self._spans = self._bytes = 0
        self._kept: dict[tuple[Signal, int, int], tuple[bytes, list[UsageRecord]]] = {}

    def put(self, payload: bytes, spans: list[UsageRecord]) -> None:
        """Keep what a payload holds, if there is room."""
        key = _key(payload, spans[0].resource.signal if spans else "traces")
        has_room = self._spans + len(spans) <= self._spans_max and self._bytes + len(payload) <= self._bytes_max
        if has_room and key not in self._kept:
            self._spans += len(spans)
            self._bytes += len(payload)
            self._kept[key] = payload, spans

    def take(self, payload: bytes, signal: Signal = "traces") -> list[UsageRecord] | None:
        """Hand over what a payload of a signal holds, once; None if it is not kept here."""
        kept = self._kept.pop(_key(payload, signal), None)
        if kept is None:
            return None
        self._spans -= len(kept[1])
        self._bytes -= len(kept[0])
        return kept[1] if kept[0] == payload else None


def _key(payload: bytes, signal: Signal) -> tuple[Signal, int, int]:
    return signal, len(payload), _crc(payload)
