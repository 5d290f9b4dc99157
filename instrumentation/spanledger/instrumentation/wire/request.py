"""What a request's body says of a call: its model, whether it asks for a stream, its tier, who is behind it. Pure.

The body is skimmed, never kept; a prompt is only ever measured, by its length.
"""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.endpoints import Endpoint

# A body that is larger is not read: its model is in the answer too. 64 MiB takes some 50 ms to skim.
BODY_BYTES_MAX: Final = 64 * 1024 * 1024
# A name, not a document.
NAME_CHARS_MAX: Final = 256

# What a token is in English text and JSON, roughly; only ever used for an estimate that says so.
_BYTES_PER_TOKEN: Final = 4
# A picture or a recording in a body has no such ratio.
_NOT_TEXT: Final = (b"base64", b'_url"', b'"input_audio"', b'"inline')


_NULL: Final = msgspec.Raw(b"null")


class _Options(msgspec.Struct):
    include_usage: object = None


class _Body(msgspec.Struct):
    model: object = None
    stream: object = None
    stream_options: msgspec.Raw = _NULL
    service_tier: object = None
    user: object = None


class _Speech(msgspec.Struct):
    input: str = ""


class Request(msgspec.Struct):
    """What was asked."""

    model: str = ""
    streams: bool = False
    states_options: bool = False
    """Whether the application said anything of what a stream shall state."""
    includes_usage: bool | None = None
    """Whether the application asked for usage in the stream; None if it did not say."""
    tier: str = ""
    user: str = ""
    body_bytes: int = 0
    """How long a body that asks for a stream is."""


_decode: Final = msgspec.json.Decoder(_Body).decode
_decode_options: Final = msgspec.json.Decoder(_Options).decode
_decode_speech: Final = msgspec.json.Decoder(_Speech).decode


def read_request(endpoint: Endpoint, body: bytes | None) -> Request:
    """What the request says; a body that is absent, too large or no JSON says nothing but what the path does."""
    if body is None or len(body) > BODY_BYTES_MAX:
        return Request(endpoint.model, endpoint.streams)
    try:
        said = _decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return Request(endpoint.model, endpoint.streams)
    streams = endpoint.streams or said.stream is True
    model = endpoint.model or said.model
    request = Request(model[:NAME_CHARS_MAX] if type(model) is str else "", streams)
    if said.service_tier is not None:
        request.tier = name(said.service_tier)
    if said.user is not None:
        request.user = name(said.user)
    if streams:
        request.body_bytes = len(body)
        options = said.stream_options
        request.states_options = options is not _NULL and bytes(options) != b"null"
        request.includes_usage = _included(options) if request.states_options else None
    return request


def name(value: object) -> str:
    """A name as the wire states it, bounded; empty for anything else."""
    return value[:NAME_CHARS_MAX] if isinstance(value, str) else ""


def estimated_input(body: bytes | None) -> int | None:
    """About how many tokens a body's text is; None if it is not text."""
    if not body or any(mark in body for mark in _NOT_TEXT):
        return None
    return max(1, len(body) // _BYTES_PER_TOKEN)


def spoken_characters(body: bytes | None) -> int | None:
    """How many characters a request asks to be spoken, which is what is paid for."""
    if body is None or len(body) > BODY_BYTES_MAX:
        return None
    try:
        return len(_decode_speech(body).input)
    except msgspec.MsgspecError:
        return None


def _included(options: msgspec.Raw) -> bool | None:
    try:
        included = _decode_options(options).include_usage
    except msgspec.MsgspecError:
        return None
    return included if isinstance(included, bool) else None
