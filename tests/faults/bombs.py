"""Small bodies that want to be large: every field of OTLP's schema, filled to the limit of a body.

Each goes the real way from the door to a settled charge, as gzip and as it is. It may be refused; the process must not
grow by more than `GROWTH_BYTES_MAX` while it is read, nor by more than a body's limit over all of them.
`python tests/faults change bombs`.
"""

import ctypes
import gzip
import multiprocessing
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, cast

from faults.batches import delimited, good_part
from faults.payloads import Body, charged
from faults.table import Line
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanledger.exporter.failures import Refused
from spanledger.exporter.intake import acknowledged
from spanledger.exporter.journal import Signal
from spanledger.exporter.settings import BODY_BYTES_MAX

_MEBIBYTE: Final = 1024 * 1024
GROWTH_BYTES_MAX: Final = 128 * _MEBIBYTE
"""While one is read: the body, the parser's elements, and what is made of those within the limits."""

DEPTHS: Final = (10, 90, 101, 1_000, 100_000, 1_000_000)

_ROOTS: Final = {
    Signal.TRACES: ExportTraceServiceRequest.DESCRIPTOR,
    Signal.LOGS: ExportLogsServiceRequest.DESCRIPTOR,
    Signal.METRICS: ExportMetricsServiceRequest.DESCRIPTOR,
}
_WIRE_TYPES: Final = {
    FieldDescriptor.TYPE_FIXED64: 1,
    FieldDescriptor.TYPE_SFIXED64: 1,
    FieldDescriptor.TYPE_DOUBLE: 1,
    FieldDescriptor.TYPE_FIXED32: 5,
    FieldDescriptor.TYPE_FLOAT: 5,
    FieldDescriptor.TYPE_STRING: 2,
    FieldDescriptor.TYPE_BYTES: 2,
    FieldDescriptor.TYPE_MESSAGE: 2,
}


class Bomb(NamedTuple):
    """A body, and what is in it."""

    name: str
    signal: Signal
    content: bytes


class Burst(NamedTuple):
    """What became of one."""

    name: str
    grown_bytes: int
    failure: str


def bombs(size: int) -> Iterator[Bomb]:
    """One for each field of each message of the schema, and nested values of each depth."""
    for signal, root in _ROOTS.items():
        for path in _paths(root, ()):
            name = ".".join(field.name for field in path)
            yield Bomb(f"{signal.name} {name}", signal, _within(signal, path[:-1], _filled(path[-1], size)))
    for signal in (Signal.TRACES, Signal.LOGS):
        (attributes,) = (each for each in _paths(_ROOTS[signal], ()) if _is_element_attribute(each))
        for depth in DEPTHS:
            for key in (b"ledger.team", b"gen_ai.usage.input_tokens", b"prompt"):
                pair = delimited(1, key) + delimited(2, _nested(depth))
                content = _within(signal, attributes[:-1], delimited(attributes[-1].number, pair))
                if len(content) <= BODY_BYTES_MAX:
                    yield Bomb(f"{signal.name} {key.decode()} {depth} levels deep", signal, content)


def burst(bomb: Bomb) -> Burst:
    """Read one as a door and a poster do, here, and see by how much the process grew meanwhile."""
    before = _peak_from_now()
    failure = ""
    zipped = gzip.compress(bomb.content, compresslevel=1)
    for gzipped, content in ((True, zipped), (False, bomb.content)):
        try:
            if bomb.signal is Signal.METRICS:
                acknowledged(content)
            else:
                charged(Body(bomb.signal, content, "protobuf", gzipped=gzipped, readable=False))
        except Refused:
            pass
        except Exception as error:  # noqa: BLE001 (whatever escapes is the finding)
            failure = f"{bomb.name}: {error!r}"
    return Burst(bomb.name, _peak_bytes() - before, failure)


def run(_: int) -> Line:
    """The programme in a process of its own; each size tries all."""
    return tried(BODY_BYTES_MAX)


def tried(body_bytes: int) -> Line:
    """As `run`, with bodies of another size."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        bursts, left_bytes = pool.apply(_all, (body_bytes,))
    failures = [each.failure for each in bursts if each.failure]
    failures += [f"{each.name}: {each.grown_bytes} bytes" for each in bursts if each.grown_bytes > GROWTH_BYTES_MAX]
    worst = max(bursts, key=lambda each: each.grown_bytes)
    if left_bytes > BODY_BYTES_MAX:
        failures.append(f"{left_bytes} bytes stay")
    note = (
        f"at most {worst.grown_bytes // _MEBIBYTE} MiB for one of {body_bytes // _MEBIBYTE} MiB ({worst.name}),"
        f" {max(left_bytes, 0) // _MEBIBYTE} MiB stay"
    )
    return Line("bombs", len(bursts), wrong=failures, note=note)


def _all(body_bytes: int) -> tuple[list[Burst], int]:
    # What the C library keeps of what was freed, for the next request, is not held by anybody.
    give_back = cast("Callable[[int], int]", ctypes.CDLL(None).malloc_trim)
    burst(Bomb("", Signal.TRACES, bytes(body_bytes)))
    give_back(0)
    before = _peak_from_now()
    bursts = [burst(bomb) for bomb in bombs(body_bytes)]
    _nested.cache_clear()
    give_back(0)
    return bursts, _peak_from_now() - before


def _paths(message: Descriptor, above: tuple[FieldDescriptor, ...]) -> Iterator[tuple[FieldDescriptor, ...]]:
    """Every field, with the way to it; into a message that contains itself only once."""
    for field in message.fields:
        yield (*above, field)
        inside = field.message_type
        if inside is not None and inside not in {each.message_type for each in above}:
            yield from _paths(inside, (*above, field))


def _is_element_attribute(path: tuple[FieldDescriptor, ...]) -> bool:
    return len(path) == 4 and path[-1].name == "attributes" and path[-2].name in {"spans", "log_records"}


def _filled(field: FieldDescriptor, size: int) -> bytes:
    """One field, over and over until there are `size` bytes; of a text or bytes a single large one."""
    if field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}:
        return delimited(field.number, b"a" * size)
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        one = delimited(field.number, b"")
    else:
        wire_type = _WIRE_TYPES.get(field.type, 0)
        tag = delimited(field.number, b"")[:-1]
        one = bytes((tag[0] & 0xF8 | wire_type,)) + tag[1:] + bytes({0: 1, 1: 8, 5: 4}[wire_type])
        if field.is_repeated and field.is_packed:
            return delimited(field.number, bytes(size))
    return one * (size // len(one))


def _within(signal: Signal, path: tuple[FieldDescriptor, ...], content: bytes) -> bytes:
    """Contents inside the messages of a path, each beside what makes a good element of it."""
    good = {} if signal is Signal.METRICS else {"spans": 0, "log_records": 0}
    for field in reversed(path):
        beside = good_part(signal).elements[0] if field.name in good else b""
        content = delimited(field.number, beside + content)
    return content


@cache
def _nested(depth: int) -> bytes:
    """A value in as many lists, written from the inside out."""
    prefixes: list[bytes] = []
    size = 0
    for _ in range(depth):
        inner = b"\x0a" + _varint(size)
        outer = b"\x2a" + _varint(size + len(inner))
        prefixes += [inner, outer]
        size += len(inner) + len(outer)
    return b"".join(reversed(prefixes))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _peak_from_now() -> int:
    """Forget the highest resident size of this process; the present one."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak_bytes()


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
