"""An OTLP JSON document cut into requests small enough to convert, as raw text: no element is parsed here. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.json_text import without_lone_surrogates
from spanledger.ledger.importing.framing import Broken, grouped

# The converter refuses a million objects in one request; this much text has some fifty thousand.
PIECE_BYTES_MAX: Final = 2 * 1024 * 1024

_LEVELS: Final[Mapping[Signal, tuple[str, str, str]]] = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    Signal.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
"""The repeated field at each level of a request."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ARRAY: Final = msgspec.json.Decoder(list[Raw])


def requests(document: bytes) -> Iterator[tuple[Signal, bytes]]:
    """Each signal of a document as one or more complete JSON requests; none if it is not OTLP.

    Raises `Broken` if it is not JSON, or not an object.
    """
    fields = _object(_repaired(document))
    for signal, (parts, scopes, items) in _LEVELS.items():
        if parts not in fields:
            continue
        if len(fields[parts]) <= PIECE_BYTES_MAX:
            yield signal, _rebuilt({parts: fields[parts]})
            continue
        for part in _array(fields[parts]):
            for piece in _pieces(part, (scopes, items)):
                yield signal, _rebuilt({parts: Raw(b"[" + bytes(piece) + b"]")})


def _pieces(raw: Raw, levels: tuple[str, ...]) -> Iterator[Raw]:
    """An envelope as envelopes of limited size, each with everything but a share of its repeated field."""
    if len(raw) <= PIECE_BYTES_MAX or not levels:
        yield raw
        return
    repeated, *deeper = levels
    fields = _object(raw)
    inner = (piece for item in _array(fields.get(repeated, Raw(b"[]"))) for piece in _pieces(item, tuple(deeper)))
    for group in grouped(inner, PIECE_BYTES_MAX):
        yield Raw(_rebuilt({**fields, repeated: Raw(b"[" + b",".join(map(bytes, group)) + b"]")}))


def _repaired(document: bytes) -> Raw:
    """The document as one raw value. JavaScript cuts strings between the halves of a character: that is mended."""
    try:
        return msgspec.json.decode(document, type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        if rb"\u" not in document or isinstance(error, RecursionError):
            msg = f"it is not JSON: {error}"
            raise Broken(msg) from error
    try:
        return msgspec.json.decode(without_lone_surrogates(document), type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        msg = f"it is not JSON: {error}"
        raise Broken(msg) from error


def _object(raw: Raw) -> dict[str, Raw]:
    try:
        return _OBJECT.decode(raw)
    except msgspec.DecodeError as error:
        msg = "it is JSON, but no OTLP request"
        raise Broken(msg) from error


def _array(raw: Raw) -> list[Raw]:
    try:
        return _ARRAY.decode(raw)
    except msgspec.DecodeError as error:
        msg = "it is JSON, but no OTLP request"
        raise Broken(msg) from error


def _rebuilt(fields: Mapping[str, Raw]) -> bytes:
    return msgspec.json.encode(fields)
