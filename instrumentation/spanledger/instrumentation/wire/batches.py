"""Answers that are fetched later: of a batch's results each line is a usage span of its own, at the tier `batch`.

Lines are read as their bytes pass, and one at a time is kept. The first decides whether this is a batch at all: of any
other file nothing more is read.
"""

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Final

from msgspec.structs import replace

from spanledger.instrumentation.wire.answer import Answer
from spanledger.instrumentation.wire.apis import APIS
from spanledger.instrumentation.wire.apis.batch import (
    ENDED,
    LINES,
    WHOLE,
    NoBatchError,
    Result,
    openai_background_event,
)
from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.paths import RESULTS
from spanledger.instrumentation.wire.request import Request
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, UNREADABLE, Body, Lines, Reader

# Within that much of a batch's first line stands the name that its request was given.
HEAD_BYTES: Final = 4_096
_MARKS: Final = {
    "openai": (b'"custom_id"',),
    "anthropic": (b'"custom_id"',),
    "google": (b'"response"', b'"error"'),
}
_BYTE_ORDER: Final = b"\xef\xbb\xbf"
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

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The whole file is here, inflated."""
        if status < _REFUSED:
            self.read_by(headers.get("content-type", "")).feed(body)
        self.end()

    def read_by(self, kind: str) -> Reader:
        """The reader of this download's bytes. Only a stream's type says what it is: files are called binary."""
        family = self.endpoint.family
        if not self._whole:
            self._lines = ResultLines(_MARKS[family], self._line_of(LINES[family]))
        elif family == "openai" and "event-stream" in kind.lower():
            api = APIS["openai.responses"]
            self._lines = Lines(replace(api, event=self._event, marks=ENDED), self.answer)
        else:
            self._lines = _Inlined(self._document)
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
                self._meter_apart(result)

        return take

    def _document(self, document: bytes) -> None:
        for result in WHOLE[self.endpoint.family](document):
            self._meter_apart(result)

    def _event(self, data: bytes, answer: Answer) -> None:
        """An event of a response that is followed: the one that ends it is metered, once."""
        if not answer.final:
            for result in openai_background_event(data):
                self._meter_apart(result)
                answer.over()

    def _meter_apart(self, result: Result) -> None:
        """One answer; what fails costs this one only, and says nothing of what the file is."""
        try:
            self._run(self._meter_one, result)
        except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
            failed("meter an answer of a batch")

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
        finally:
            answer.tier = result.tier or answer.tier
            answer.response_id = answer.response_id or result.line_id
            attempt.end()


class ResultLines:
    """A file's lines, as its bytes pass: `take` is given each, and raises for what is none of a batch's."""

    def __init__(self, marks: tuple[bytes, ...], take: Callable[[bytes], None]) -> None:
        self._marks, self._take = marks, take
        self.deltas = self.faults = 0
        self._begun = self._known = self._other = self._skipping = False
        self._rest: list[bytes] = []
        self.kept_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes: of another file nothing is kept."""
        begin = 0
        if not (self._begun or self._other):
            chunk = self._beginning(b"".join((*self._forget(), chunk)))
        while not self._other and begin < len(chunk):
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
        rest = b"".join(self._forget())
        if self._begun:
            self._line(rest)
        self.faults = faults

    def _beginning(self, chunk: bytes) -> bytes:
        """What is to be read of a file, once its first line tells: until then no more than its head is kept."""
        head = chunk[:HEAD_BYTES]
        text = head.removeprefix(_BYTE_ORDER).lstrip()
        line, ends, _ = text.partition(b"\n")
        if line.startswith(b"{") and any(line.find(mark) >= 0 for mark in self._marks):
            self._begun = True
            return chunk.removeprefix(_BYTE_ORDER)
        if ends or len(head) == HEAD_BYTES or not (line.startswith(b"{") or not line or _BYTE_ORDER.startswith(line)):
            self._give_up()
        else:
            self._keep(chunk, 0)
        return b""

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
        self._kept = Body()

    def feed(self, chunk: bytes) -> None:
        """Keep the next bytes, up to a bound beyond which the document is given up."""
        if not self._kept.keep(chunk):
            self.faults = 1

    def end(self) -> None:
        """Read the document, if it is all there."""
        if (body := self._kept.taken()) is not None:
            try:
                self._take(body)
            except UNREADABLE:
                self.faults += 1
