"""A stream that would state no usage is asked to, and the application sees the stream it would have seen.

OpenAI states usage only if `stream_options.include_usage` asks for it, in one more event without choices, and then has
`"usage": null` in every other one. Both are taken out again; everything else passes as it came.
"""

import re
from typing import Final

import msgspec

from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.request import Request
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, UNREADABLE

_APIS: Final = frozenset({"openai.chat", "openai.completions"})
_KEY: Final = "stream_options"
_ASKED: Final = b',"stream_options":{"include_usage":true}}'
_NULL: Final = b',"usage":null'
_SPACED_NULL: Final = b', "usage": null'

# The end of an event: two ends of lines. Servers and what stands before them end lines in their own ways, within one
# stream. A return and a newline are one end, never two.
_blank: Final = re.compile(rb"((?>\r\n|\n|\r){2})")

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Chunk(msgspec.Struct):
    choices: list[object] | None = None
    usage: object = None


_chunk: Final = msgspec.json.Decoder(_Chunk).decode


def asking(endpoint: Endpoint, request: Request, body: bytes | None) -> bytes | None:
    """The body that asks for usage as well; None where that is not ours to do, or was done, or was declined."""
    if (
        body is None
        or not endpoint.asks_usage
        or not request.streams
        or request.includes_usage is not None
        or not request.body_bytes
        or endpoint.api not in _APIS
    ):
        return None
    if not request.states_options and _KEY.encode() not in body:
        return body.rstrip()[:-1] + _ASKED
    fields = _fields(body)
    options = _fields(fields[_KEY]) if request.states_options else {}
    options["include_usage"] = msgspec.Raw(b"true")
    fields[_KEY] = msgspec.Raw(msgspec.json.encode(options))
    return msgspec.json.encode(fields)


class UsageKeeper:
    """Keeps from a stream what only came because we asked. Whole events pass at once; a part waits for its rest.

    However the stream is cut, what passes is the stream without those events: every other byte, in its order. Each
    byte is searched and joined once, however long its event is.
    """

    __slots__ = ("_dropped_to_return", "_held_bytes", "held")

    def __init__(self) -> None:
        self.held: list[bytes] = []
        """An event without its end, in the pieces in which it came."""
        self._held_bytes = 0
        self._dropped_to_return = False
        """Whether the last that came was the end of a dropped event, and a newline may still belong to it."""

    def passed(self, chunk: bytes) -> bytes:
        """What the application is given of these bytes and of what waited."""
        held = self.held
        if not held and not self._dropped_to_return and chunk.endswith(b"\n\n"):
            return _kept(chunk)[0]
        if self._dropped_to_return and chunk:
            self._dropped_to_return = False
            chunk = chunk.removeprefix(b"\n")
        # What is held has no end, but one may have begun with its last byte.
        begun = held[-1][-1:] if held else b""
        cut = _last_end(begun + chunk) - len(begun)
        if (len(chunk) - cut if cut > 0 else self._held_bytes + len(chunk)) > EVENT_BYTES_MAX:
            cut = len(chunk)
        if cut <= 0:
            self._hold(chunk)
            return b""
        passing, dropped = _kept(b"".join((*held, chunk[:cut])))
        self._dropped_to_return = dropped and cut == len(chunk) and chunk.endswith(b"\r")
        self.held, self._held_bytes = [], 0
        self._hold(chunk[cut:])
        return passing

    def rest(self) -> bytes:
        """What waited for a rest that did not come."""
        held = b"".join(self.held)
        self.held, self._held_bytes = [], 0
        return _kept(held)[0]

    def _hold(self, chunk: bytes) -> None:
        if chunk:
            self.held.append(chunk)
            self._held_bytes += len(chunk)


def _last_end(data: bytes) -> int:
    """Where the last whole event ends; 0 if there is none."""
    newlines = data.rfind(b"\n\n")
    last = newlines + 2 if newlines >= 0 else 0
    if data.find(b"\r") >= 0:
        for blank in _BLANKS:
            begin = data.rfind(blank)
            if begin >= 0:
                last = max(last, begin + 2 + (data[begin + 1 : begin + 3] == b"\r\n"))
    return last


_BLANKS: Final = (b"\n\r", b"\r\r")
"""What two ends of lines have in them, other than newlines alone; `\\r\\n` is one."""


def _kept(events: bytes) -> tuple[bytes, bool]:
    """What passes of whole events, and whether the last one of them does not."""
    # Who writes one form of it does not write the other.
    passing = events.replace(_NULL, b"")
    if len(passing) == len(events):
        passing = events.replace(_SPACED_NULL, b"")
    return (passing, False) if passing.find(b'_tokens"') < 0 else _without_usage(passing)


def _without_usage(events: bytes) -> tuple[bytes, bool]:
    """All but the usage, each with the blank line that ends it; a last event may have none."""
    parts = [*_blank.split(events), b""]
    kept: list[bytes] = []
    dropped = False
    for event, end in zip(parts[::2], parts[1::2], strict=True):
        if _only_usage(event):
            # Line ends before an event are not of it.
            kept.append(event[: len(event) - len(event.lstrip(b"\r\n"))])
            dropped = True
        elif event or end:
            kept += (event, end)
            dropped = False
    return b"".join(kept), dropped


def _only_usage(event: bytes) -> bool:
    if event.find(b'_tokens"') < 0:
        return False
    data = b"\n".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        said = _chunk(data)
    except UNREADABLE:
        return False
    return said.choices == [] and said.usage is not None
