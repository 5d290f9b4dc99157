"""Answers that are fetched later: of a batch's results each line is a usage span of its own, at the tier `batch`.

Lines are read as their bytes pass, and one at a time is kept. The first decides whether this is a batch at all: of any
other file nothing more is read.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from typing import Final

from msgspec.structs import replace

from spanledger.instrumentation.wire.apis import APIS
from spanledger.instrumentation.wire.apis.batch import LINES, WHOLE, NoBatchError, Result
from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.paths import RESULTS
from spanledger.instrumentation.wire.request import BODY_BYTES_MAX, Request
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, UNREADABLE, Reader

# Within that much of a batch's first line stands the name that its request was given.
HEAD_BYTES: Final = 4_096
_MARKS: Final = {"openai": b'"custom_id"', "anthropic": b'"custom_id"', "google": b'"response"'}
_MARKED: Final = ("/content", ":download", "/batches/", "/responses/")
_REFUSED: Final = 400


def may_be_results(url: str) -> bool:
    """Whether a URL has to be looked at: what every request of an application that is no POST is asked."""
    return any(url.find(mark) >= 0 for mark in _MARKED)


def download(meter: Meter, method: str, url: tuple[str, str, int | None, str]) -> "Download | None":
    """The download that a request to a URL (scheme, host, port, path) begins, if it may be one of a batch's results."""
    path = url[3]
    if method.upper() != "GET" or not may_be_results(path):
        return None
    for results in RESULTS:
        if results.pattern.search(path):
            endpoint = meter.recognise(*url[:3], results.path)
            if endpoint is not None and endpoint.family == results.family:
                return Download(meter, replace(endpoint, model=""), url[0], whole=results.whole)
    return None


class Download(Attempt):
    """What the hooks hold instead of an attempt: it has no span, its lines have."""

    __slots__ = ("_ended", "_lines", "_meter", "_run", "_scheme", "_whole")

    def __init__(self, meter: Meter, endpoint: Endpoint, scheme: str, *, whole: bool) -> None:
        super().__init__(endpoint, Request(), None, None)
        self._meter, self._scheme, self._whole = meter, scheme, whole
        self._lines: Reader | None = None
        self._ended = False
        # Lines may be read anywhere: their usage is for whom the download is.
        self._run = copy_context().run

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002
        """The whole file is here, inflated."""
        if status < _REFUSED:
            self.read_by("").feed(body)
        self.end()

    def read_by(self, kind: str) -> Reader:  # noqa: ARG002 (whatever it is called: providers call it binary)
        """The reader of this download's bytes."""
        family = self.endpoint.family
        self._lines = (
            _Inlined(self._document) if self._whole else ResultLines(_MARKS[family], self._line_of(LINES[family]))
        )
        return self._lines

    def end(self, *_ended: object, **_how: object) -> None:
        """No more comes, however it ended. A line that was cut short is no answer yet."""
        if self._ended:
            return
        self._ended = True
        self.answer.on_over = None
        try:
            if self._lines is not None:
                self._lines.end()
                if self._lines.faults:
                    failed("read a batch")
        except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
            failed("read a batch")

    def _line_of(self, read: Callable[[bytes], Result | None]) -> Callable[[bytes], None]:
        def take(line: bytes) -> None:
            result = read(line)
            if result is not None:
                self._run(self._meter_one, result)

        return take

    def _document(self, document: bytes) -> None:
        for result in WHOLE[self.endpoint.family](document):
            self._run(self._meter_one, result)

    def _meter_one(self, result: Result) -> None:
        """One answer, as if it had come by itself."""
        here = self.endpoint
        endpoint = result.path and self._meter.endpoints.recognise(self._scheme, here.address, here.port, result.path)
        attempt = self._meter.begin(endpoint or here, None, None)
        if attempt is None:
            return
        answer = attempt.answer
        try:
            APIS[attempt.endpoint.api].body(result.body, answer)
        except UNREADABLE:
            failed("read an answer of a batch")
        answer.tier = result.tier or answer.tier
        answer.response_id = answer.response_id or result.line_id
        attempt.end()


class ResultLines:
    """A file's lines, as its bytes pass: `take` is given each, and raises for what is none of a batch's."""

    def __init__(self, mark: bytes, take: Callable[[bytes], None]) -> None:
        self._mark, self._take = mark, take
        self.deltas = self.faults = 0
        self._known = self._other = self._skipping = False
        self._rest: list[bytes] = []
        self.kept_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes: of another file nothing is kept."""
        begin = 0
        while not self._other and begin < len(chunk):
            if not (self._known or self._may_begin(chunk[begin : begin + HEAD_BYTES])):
                self._give_up()
                return
            end = chunk.find(b"\n", begin)
            if end < 0:
                self._keep(chunk, begin)
                return
            if self._skipping:
                self._skipping = False
            else:
                self._line(b"".join((*self._forget(), chunk[begin:end])))
            begin = end + 1

    def end(self) -> None:
        """Read a last line without its end, if it is all there."""
        faults = self.faults
        self._line(b"".join(self._forget()))
        self.faults = faults

    def _may_begin(self, head: bytes) -> bool:
        """Whether a first line that goes on like this may be one of a batch."""
        head = b"".join((*self._rest, head))[:HEAD_BYTES]
        line = head.partition(b"\n")[0]
        return line[:1] == b"{" and ((line is head and len(head) < HEAD_BYTES) or line.find(self._mark) >= 0)

    def _keep(self, chunk: bytes, begin: int) -> None:
        if self._skipping:
            return
        self.kept_bytes += len(chunk) - begin
        if self.kept_bytes <= EVENT_BYTES_MAX:
            self._rest.append(chunk[begin:])
        else:
            self._skipping, self.faults = True, self.faults + 1
            self._forget()

    def _forget(self) -> list[bytes]:
        """What there is of a line that has not ended; it begins anew."""
        rest, self._rest, self.kept_bytes = self._rest, [], 0
        return rest

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            self._take(line)
            self._known = True
        except (*UNREADABLE, NoBatchError):
            if self._known:
                self.faults += 1
            else:
                self._give_up()

    def _give_up(self) -> None:
        self._other = True
        self._forget()


class _Inlined:
    """A batch that holds its results itself, or one answer: a document, read at its end."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self.deltas = self.faults = 0
        self._chunks: list[bytes] = []
        self._bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Keep the next bytes, up to a bound beyond which the document is given up."""
        self._bytes += len(chunk)
        if self._bytes <= BODY_BYTES_MAX:
            self._chunks.append(chunk)
        else:
            self._chunks = []
            self.faults = 1

    def end(self) -> None:
        """Read the document, if it is all there."""
        if self._chunks:
            body, self._chunks = b"".join(self._chunks), []
            with suppress(*UNREADABLE):
                self._take(body)
