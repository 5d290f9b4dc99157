"""Files of OTLP as request bodies small enough for the journal, their form told by content, never by name.

Known forms, each also gzipped: protobuf requests (one, or any number in a row), an OTLP JSON document, and the
Collector file exporter's JSON lines. Memory is bounded by the largest resource's part, line or document.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from spanledger.exporter.failures import Permanent
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.otlpjson import json_to_protobuf
from spanledger.ledger.importing import documents, signals
from spanledger.ledger.importing.framing import Broken, NotOtlp, part_field, parts, split

# One journal record: some 2 000 usage spans. Larger ones save nothing, smaller ones pay a commit each.
BODY_BYTES_MAX: Final = 1024 * 1024
# A line, or a document of many lines, is held in memory as text; its elements are converted a few at a time.
JSON_BYTES_MAX: Final = 1024 * 1024 * 1024

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_BUFFER_BYTES: Final = 1024 * 1024
_PEEK_BYTES: Final = 64


class UnreadableFile(Exception):
    """A file that cannot be read to its end; the message names it. What was read before is kept."""


@dataclass(frozen=True, slots=True)
class Part:
    """One resource's part of a request, or items that could not be converted into one."""

    signal: Signal
    payload: bytes
    rejected: tuple[str, ...] = ()
    """A reason for each item that was left out."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request of one signal."""

    signal: Signal
    parts: tuple[bytes, ...]

    @property
    def payload(self) -> bytes:
        """The request's protobuf bytes."""
        return b"".join(map(part_field, self.parts))


def found(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file under the paths in the order of names; whether it was named itself (or met in a folder)."""
    for path in paths:
        if path.is_dir():
            yield from ((inner, False) for inner in sorted(path.rglob("*")) if inner.is_file())
        else:
            yield path, True


Form = Callable[[io.BufferedReader], Iterator[Part]]
"""How to read files that are not OTLP: the parts of one, inflated. Raises `Broken` where it breaks off."""


def read(
    path: Path, progress: Callable[[int], None], signal: Signal | None = None, form: Form | None = None
) -> Iterator[Part]:
    """The parts of one file, in order; `progress` is told how many bytes of the file each took.

    `signal` is what protobuf is read as, whatever it looks like; JSON names its signal itself. With a `form` it is no
    OTLP, and read so.

    Raises `NotOtlp` if the file begins as no OTLP, `UnreadableFile` if it breaks off.
    """
    told = 0
    try:
        with path.open("rb") as raw:
            for part in form(_inflated(raw)) if form else _parts(_inflated(raw), signal):
                yield part
                progress(raw.tell() - told)
                told = raw.tell()
    except (Broken, EOFError, zlib.error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        msg = f"{path} cannot be read{'' if form else ' as OTLP'} to its end: {reason}"
        raise UnreadableFile(msg) from error


def gathered(stream: Iterable[Part]) -> Iterator[Body]:
    """Join neighbouring parts of one signal into requests of up to `BODY_BYTES_MAX`, and cut larger ones."""
    waiting: list[bytes] = []
    size, signal = 0, Signal.TRACES
    for part in stream:
        for payload in split(part.payload, BODY_BYTES_MAX):
            if waiting and (part.signal is not signal or size + len(payload) > BODY_BYTES_MAX):
                yield Body(signal, tuple(waiting))
                waiting, size = [], 0
            signal = part.signal
            waiting.append(payload)
            size += len(payload)
    if waiting:
        yield Body(signal, tuple(waiting))


def _inflated(raw: io.BufferedReader) -> io.BufferedReader:
    """The file's bytes, inflated if it is gzipped."""
    if raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)), _BUFFER_BYTES)
    return raw


def _parts(stream: io.BufferedReader, signal: Signal | None) -> Iterator[Part]:
    if stream.peek(_PEEK_BYTES).removeprefix(_BOM).lstrip().startswith(b"{"):
        return _from_json(stream)
    return _from_protobuf(stream, signal)


def _from_protobuf(stream: BinaryIO, signal: Signal | None) -> Iterator[Part]:
    for payload in parts(stream):
        told = signals.of_part(payload)
        if told is not None:
            yield Part(signal or told, payload)


def _from_json(stream: BinaryIO) -> Iterator[Part]:
    """Lines of one request each, or one document over many lines. Bad lines are told at the end, good ones kept."""
    bad: list[int] = []
    for number, line in enumerate(iter(lambda: stream.readline(JSON_BYTES_MAX), b""), start=1):
        text = line.removeprefix(_BOM).strip()
        try:
            if text:
                yield from _from_document(text)
        except (Broken, NotOtlp) as error:
            if number > 1:
                bad.append(number)
            elif isinstance(error, NotOtlp):
                raise
            else:
                yield from _from_document(line.removeprefix(_BOM) + stream.read(JSON_BYTES_MAX))
                return
    if bad:
        msg = f"line {bad[0]} is no OTLP JSON" + (f", nor are {len(bad) - 1} more" if len(bad) > 1 else "")
        raise Broken(msg)


def _from_document(text: bytes) -> Iterator[Part]:
    carried = 0
    for signal, request in documents.requests(text):
        carried += 1
        try:
            body, rejected = json_to_protobuf(signal, request)
        except Permanent as error:
            raise Broken(str(error)) from error
        if rejected:
            yield Part(signal, b"", tuple(rejected))
        for payload in parts(io.BytesIO(body)):
            yield Part(signal, payload)
    if not carried:
        msg = "a JSON object without OTLP in it"
        raise NotOtlp(msg)
