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

# The end of an event. Servers and what stands before them end lines in their own ways, within one stream.
_blank: Final = re.compile(rb"(\r?\n\r?\n)")

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

    However the stream is cut, what passes is the stream without those events: every other byte, in its order.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def passed(self, chunk: bytes) -> bytes:
        """What the application is given of these bytes and of what waited."""
        if chunk.endswith(b"\n\n") and not self._held:
            return _kept(chunk)
        data = self._held + chunk
        cut = _last_end(data)
        if len(data) - cut > EVENT_BYTES_MAX:
            cut = len(data)
        self._held = data[cut:]
        return _kept(data[:cut])

    def rest(self) -> bytes:
        """What waited for a rest that did not come."""
        held, self._held = self._held, b""
        return _kept(held)


def _last_end(data: bytes) -> int:
    """Where the last whole event ends; 0 if there is none."""
    bare, returned = data.rfind(b"\n\n"), data.rfind(b"\n\r\n")
    return max(bare + 2 if bare >= 0 else 0, returned + 3 if returned >= 0 else 0)


def _kept(events: bytes) -> bytes:
    # Who writes one form of it does not write the other.
    passing = events.replace(_NULL, b"")
    if len(passing) == len(events):
        passing = events.replace(_SPACED_NULL, b"")
    return passing if passing.find(b'_tokens"') < 0 else _without_usage(passing)


def _without_usage(events: bytes) -> bytes:
    """All but the usage, each with the blank line that ends it; a last event may have none."""
    parts = [*_blank.split(events), b""]
    kept: list[bytes] = []
    for event, end in zip(parts[::2], parts[1::2], strict=True):
        if _only_usage(event):
            # Line ends before an event are not of it.
            kept.append(event[: len(event) - len(event.lstrip(b"\r\n"))])
        else:
            kept += (event, end)
    return b"".join(kept)


def _only_usage(event: bytes) -> bool:
    if event.find(b'_tokens"') < 0:
        return False
    data = b"\n".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
    try:
        said = _chunk(data)
    except UNREADABLE:
        return False
    return said.choices == [] and said.usage is not None
