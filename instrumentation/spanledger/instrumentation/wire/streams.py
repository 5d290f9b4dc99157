"""A stream's bytes, as they pass, into events: lines (SSE and JSON lines), one JSON document, AWS event stream. Pure.

Bytes may be cut anywhere. Nothing is kept but what an unfinished event has so far, and that has a bound. Most events
are pieces of content: they are searched for a mark, counted, and never parsed. They are searched by `find`: `in` takes
twice as long, because it asks first whether what is looked for is a number.
"""

from typing import Final, Protocol

import msgspec

from spanledger.instrumentation.wire.answer import Answer
from spanledger.instrumentation.wire.apis import Api
from spanledger.instrumentation.wire.request import BODY_BYTES_MAX

# The last event of OpenAI's responses repeats the whole response, pictures included.
EVENT_BYTES_MAX: Final = 16 * 1024 * 1024

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading an answer raises that is not what it should be."""

_LINE_ENDS: Final = (b"\n", b"\r")

_documents: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Reader(Protocol):
    """Takes a body's bytes in order."""

    deltas: int
    """Pieces of content so far: about a token each."""
    faults: int
    """Events that could not be read."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        ...

    def end(self) -> None:
        """Take what is left, when no more comes."""
        ...


class _Events:
    """Events into an answer; one that cannot be read loses nothing of the others."""

    __slots__ = ("_answer", "_api", "_latest", "deltas", "faults")

    def __init__(self, api: Api, answer: Answer) -> None:
        self._api, self._answer = api, answer
        self._latest = b""
        self.deltas = self.faults = 0

    def _read(self, data: bytes) -> None:
        try:
            self._api.event(data, self._answer)
        except UNREADABLE:
            self.faults += 1

    def _take(self, data: bytes, *, first: bool) -> None:
        if data.find(self._api.delta) >= 0:
            self.deltas += 1
        if first:
            self._read(data)
        elif any(data.find(mark) >= 0 for mark in self._api.marks):
            if self._api.cumulative:
                self._latest = data
            else:
                self._read(data)

    def end(self) -> None:
        """Read the last of events that repeat one another."""
        if self._latest:
            latest, self._latest = self._latest, b""
            self._read(latest)


class Lines(_Events):
    """Server-sent events whose data is one line each, as every provider writes them, and bare JSON lines."""

    __slots__ = ("_at_line", "_begun", "_delta", "_marks", "_rest", "_rest_bytes", "_skipping")

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(api, answer)
        self._marks, self._delta = api.marks, api.delta
        self._begun = False
        self._at_line = False
        """Whether the first event is read, and what comes next begins a line."""
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes: whole events without a mark cost a search each."""
        if self._at_line and chunk.endswith(_LINE_ENDS):
            find = chunk.find
            for mark in self._marks:
                if find(mark) >= 0:
                    break
            else:
                self.deltas += chunk.count(self._delta)
                return
        self._feed_lines(chunk)
        self._at_line = self._begun and not self._rest and not self._skipping

    def end(self) -> None:
        """Read a last line without its end, and the last of events that repeat one another."""
        if self._rest:
            self._line(b"".join(self._rest))
            self._rest = []
        super().end()

    def _feed_lines(self, chunk: bytes) -> None:
        cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if cut:
            # A line may end with a newline, a return, or both; an empty one says nothing.
            lines = b"".join((*self._rest, chunk[:cut])).replace(b"\r", b"\n").split(b"\n")
            self._rest, self._rest_bytes = [], 0
            for number, line in enumerate(lines):
                if number or not self._skipping:
                    self._line(line)
            self._skipping = False
        if cut < len(chunk) and not self._skipping:
            self._rest.append(chunk[cut:])
            self._rest_bytes += len(chunk) - cut
            if self._rest_bytes > EVENT_BYTES_MAX:
                self._rest, self._rest_bytes = [], 0
                self._skipping = True
                self.faults += 1

    def _line(self, line: bytes) -> None:
        data = line[5:].strip() if line.startswith(b"data:") else line.strip()
        if data.startswith(b"{"):
            first, self._begun = not self._begun, True
            self._take(data, first=first)


class Body:
    """A body's bytes as they come, up to a bound beyond which none of them is kept."""

    __slots__ = ("_bytes", "_chunks")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._bytes = 0

    def keep(self, chunk: bytes) -> bool:
        """Keep the next bytes; whether there was room for them."""
        self._bytes += len(chunk)
        if self._bytes > BODY_BYTES_MAX:
            self._chunks = []
            return False
        self._chunks.append(chunk)
        return True

    def taken(self) -> bytes | None:
        """What came, once; None if nothing did, or too much."""
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks) if chunks else None


class Document(_Events):
    """One JSON document: the whole answer, or (Google, unless asked for events) an array of events."""

    __slots__ = ("_kept",)

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(api, answer)
        self._kept = Body()

    def feed(self, chunk: bytes) -> None:
        """Keep the next bytes, up to a bound beyond which the document is given up."""
        self._kept.keep(chunk)

    def end(self) -> None:
        """Read the document."""
        if (body := self._kept.taken()) is not None:
            self.whole(body)

    def whole(self, body: bytes) -> None:
        """Read a document that is there already."""
        if len(body) > BODY_BYTES_MAX:
            self.faults += 1
            return
        try:
            if body[:1] == b"[":
                for number, document in enumerate(_documents(body)):
                    self._take(bytes(document), first=not number)
                super().end()
            else:
                self._api.body(body, self._answer)
        except UNREADABLE:
            self.faults += 1


class EventStream(_Events):
    """AWS event stream: a length, the headers' length, a checksum, headers, a payload of JSON, a checksum."""

    __slots__ = ("_broken", "_held", "_number")

    # The prelude is 12 bytes, and a message ends with 4 of checksum.
    _PRELUDE: Final = 12
    _FRAME: Final = 16

    def __init__(self, api: Api, answer: Answer) -> None:
        super().__init__(api, answer)
        self._held = bytearray()
        self._number = 0
        self._broken = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; lengths that cannot be end the reading."""
        if self._broken:
            return
        held = self._held
        held += chunk
        begin = 0
        while len(held) - begin >= self._PRELUDE:
            total = int.from_bytes(held[begin : begin + 4])
            headers = int.from_bytes(held[begin + 4 : begin + 8])
            if total < self._FRAME + headers or total > EVENT_BYTES_MAX:
                self._broken = True
                self.faults += 1
                held.clear()
                return
            if len(held) - begin < total:
                break
            head = bytes(held[begin + self._PRELUDE : begin + self._PRELUDE + headers])
            payload = bytes(held[begin + self._PRELUDE + headers : begin + total - 4])
            self._message(head, payload)
            begin += total
        del held[:begin]

    def _message(self, head: bytes, payload: bytes) -> None:
        if b":exception-type" in head:
            self._answer.failed({"type": _exception(head)})
        elif payload:
            self._take(payload, first=not self._number)
            self._number += 1


def _exception(head: bytes) -> str:
    """The value of the header `:exception-type`: type 7 (string), two bytes of length, the text."""
    _, _, after = head.partition(b":exception-type\x07")
    length = int.from_bytes(after[:2])
    return after[2 : 2 + length].decode("ascii", "replace")
