"""Which signal a request carries, told by its content. Pure.

Spans, log records and metrics number their fields differently: a span's 7 and 8 are fixed64 times and its 6 a
number; a record's 1 and 11 are fixed64 times, its 2 the severity and its 8 fixed32 flags; a metric has its data in
5, 7, 9, 10 or 11 (opentelemetry-proto: trace.proto, logs.proto, metrics.proto).
"""

from typing import Final

from spanledger.exporter.journal import Signal
from spanledger.ledger.importing.framing import fields

_NUMBER, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_TELLTALE: Final = {
    (7, _FIXED64): Signal.TRACES,
    (8, _FIXED64): Signal.TRACES,
    (6, _NUMBER): Signal.TRACES,
    (16, _FIXED32): Signal.TRACES,
    (15, _BYTES): Signal.TRACES,
    (1, _FIXED64): Signal.LOGS,
    (11, _FIXED64): Signal.LOGS,
    (2, _NUMBER): Signal.LOGS,
    (8, _FIXED32): Signal.LOGS,
    (6, _BYTES): Signal.LOGS,
    (7, _BYTES): Signal.METRICS,
}
"""(field, wire type) of an item that only one signal has."""

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


def of_part(payload: bytes) -> Signal | None:
    """The signal of a resource's part; None if it holds no item. Raises `framing.Broken` if it is cut before one."""
    for number, wire_type, scope in fields(payload):
        if number == 2 and wire_type == _BYTES:
            for inner, inner_type, item in fields(scope):
                if inner == 2 and inner_type == _BYTES:
                    return _of_item(item)
    return None


def _of_item(item: bytes) -> Signal:
    sizes: dict[int, int] = {}
    for number, wire_type, value in fields(item):
        if (number, wire_type) in _TELLTALE:
            return _TELLTALE[number, wire_type]
        sizes.setdefault(number, len(value))
    # A span without a single time still has ids of fixed width; a metric has a name and its data.
    if (sizes.get(1), sizes.get(2)) == (_TRACE_ID_BYTES, _SPAN_ID_BYTES):
        return Signal.TRACES
    return Signal.METRICS if 1 in sizes else Signal.LOGS
