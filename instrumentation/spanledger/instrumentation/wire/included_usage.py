"""A stream that would state no usage is asked to, and the application sees the stream it would have seen.

OpenAI states usage only if `stream_options.include_usage` asks for it, in one more event without choices, and then has
`"usage": null` in every other one. Both are taken out again; everything else passes as it came.
"""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.request import Request
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX

_APIS: Final = frozenset({"openai.chat", "openai.completions"})
_KEY: Final = "stream_options"
_ASKED: Final = b',"stream_options":{"include_usage":true}}'
_NULL: Final = b',"usage":null'
_SPACED_NULL: Final = b', "usage": null'

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
    """Keeps from a stream what only came because we asked. Whole events pass at once; a part waits for its rest."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def passed(self, chunk: bytes) -> bytes:
        """What the application is given of these bytes and of what waited."""
        if chunk.endswith(b"\n\n") and not self._held:
            whole = chunk
        else:
            data = self._held + chunk
            cut = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
            if cut < 4 and data[:2] != b"\n\n":
                cut = 0
            whole, self._held = data[:cut], data[cut:]
            if len(self._held) > EVENT_BYTES_MAX:
                whole, self._held = data, b""
        # Who writes one form of it does not write the other.
        passing = whole.replace(_NULL, b"")
        if len(passing) == len(whole):
            passing = whole.replace(_SPACED_NULL, b"")
        return passing if passing.find(b'_tokens"') < 0 else _without_usage(passing)

    def rest(self) -> bytes:
        """What waited for a rest that did not come."""
        held, self._held = self._held, b""
        return held


def _without_usage(events: bytes) -> bytes:
    end = b"\r\n\r\n" if b"\r\n\r\n" in events else b"\n\n"
    return b"".join(event + end for event in events.split(end)[:-1] if not _only_usage(event))


def _only_usage(event: bytes) -> bool:
    if b'_tokens"' not in event or not event.startswith(b"data:"):
        return False
    try:
        said = _chunk(event[5:])
    except msgspec.MsgspecError:
        return False
    return said.choices == [] and said.usage is not None
