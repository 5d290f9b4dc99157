"""Answers that are fetched later: which ones a line or a document holds, and by which call's API to read them. Pure.

OpenAI, Azure, Groq and Mistral: `id`, `custom_id`, `response.status_code`, `response.body`. Anthropic: `custom_id`,
`result.type`, `result.message`. Gemini: `key` and `response` in a file, `metadata` and `response` in the batch itself.
No provider bills a request that failed, expired or was cancelled: such a line holds nothing. A line that is none of a
batch raises `NoBatchError`, or what `msgspec` raises.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from spanledger.instrumentation.wire.answer import NOTHING
from spanledger.instrumentation.wire.request import name

TIER: Final = "batch"

_PATHS: Final = {
    "chat.completion": "/v1/chat/completions",
    "text_completion": "/v1/completions",
    "response": "/v1/responses",
    "list": "/v1/embeddings",
}
"""What OpenAI calls an answer → the path that gives such answers."""


class NoBatchError(ValueError):
    """No line of a batch's results."""


class Result(msgspec.Struct, frozen=True):
    """One answer of a batch."""

    body: bytes
    path: str = ""
    """The path of a call with such an answer; empty for the only one there is."""
    line_id: str = ""
    """What the provider calls the line: not every answer has an id of its own."""
    tier: str = TIER
    """Whatever the answer says of it, results of batches are billed at the price of batches; empty for what it says."""


class _Response(msgspec.Struct):
    status_code: object = None
    body: msgspec.Raw = NOTHING


class _OpenAI(msgspec.Struct):
    custom_id: str
    response: _Response | msgspec.UnsetType | None = msgspec.UNSET
    error: msgspec.Raw = NOTHING
    id: object = None


class _Body(msgspec.Struct):
    kind: object = msgspec.field(default=None, name="object")
    usage: msgspec.Raw = NOTHING
    usage_info: msgspec.Raw = NOTHING
    data: msgspec.Raw = NOTHING


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = NOTHING


class _Anthropic(msgspec.Struct):
    custom_id: str
    result: _Result


class _Google(msgspec.Struct):
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class _Inlined(msgspec.Struct):
    responses: list[_Google] = msgspec.field(default_factory=list[_Google], name="inlinedResponses")


class _Output(msgspec.Struct):
    inlined: _Inlined | None = msgspec.field(default=None, name="inlinedResponses")


class _Metadata(msgspec.Struct):
    output: _Output | None = None


class _Operation(msgspec.Struct):
    metadata: _Metadata | None = None
    response: _Output | None = None


class _Background(msgspec.Struct):
    background: object = None
    usage: msgspec.Raw = NOTHING


class _Event(msgspec.Struct):
    response: msgspec.Raw = NOTHING


_openai: Final = msgspec.json.Decoder(_OpenAI).decode
_anthropic: Final = msgspec.json.Decoder(_Anthropic).decode
_google: Final = msgspec.json.Decoder(_Google).decode
_operation: Final = msgspec.json.Decoder(_Operation).decode
_body: Final = msgspec.json.Decoder(_Body).decode
_background: Final = msgspec.json.Decoder(_Background).decode
_event: Final = msgspec.json.Decoder(_Event).decode


def openai_result(line: bytes) -> Result | None:
    """The answer in a line of an output file; None if the request got none."""
    said = _openai(line)
    if said.response is msgspec.UNSET:
        # Not every line that says why it failed says that nothing was answered; an input of a batch says neither.
        if not _there(said.error):
            raise NoBatchError
        return None
    if said.response is None or said.response.status_code != 200 or not _there(said.response.body):
        return None
    body = bytes(said.response.body)
    path = _path(_body(body))
    return Result(body, path, name(said.id)) if path else None


def anthropic_result(line: bytes) -> Result | None:
    """The message in a line of a batch's results; None if it has none."""
    said = _anthropic(line).result
    return Result(bytes(said.message)) if said.type == "succeeded" and _there(said.message) else None


def google_result(line: bytes) -> Result | None:
    """The answer in a line of a file of responses; None for an error."""
    said = _google(line)
    if not (_there(said.response) or _there(said.error)):
        raise NoBatchError
    return Result(bytes(said.response)) if _there(said.response) else None


def google_inlined(document: bytes) -> Iterator[Result]:
    """The answers in a batch that holds them itself."""
    said = _operation(document)
    output = (said.metadata.output if said.metadata else None) or said.response
    for each in output.inlined.responses if output and output.inlined else ():
        if _there(each.response):
            yield Result(bytes(each.response))


def openai_background(document: bytes) -> Iterator[Result]:
    """A response that went on in the background, once it says what it used: when it was asked for, it could not."""
    said = _background(document)
    if said.background is True and _there(said.usage):
        yield Result(document, tier="")


ENDED: Final = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')
"""What an event that ends a response is called: other events of its stream repeat what it was before."""


def openai_background_event(data: bytes) -> Iterator[Result]:
    """The same, in the event that ends it, for whoever follows it as a stream."""
    if any(data.find(mark) >= 0 for mark in ENDED) and _there(response := _event(data).response):
        yield from openai_background(bytes(response))


def _path(body: _Body) -> str:
    """By what calls itself so; what states pages is a document's, what has data and no name is images."""
    kind = name(body.kind)
    if kind in _PATHS:
        return _PATHS[kind]
    if _there(body.usage_info):
        return "/v1/ocr"
    if not _there(body.usage):
        return ""
    return "/v1/images/generations" if _there(body.data) and not kind else "/v1/chat/completions"


def _there(raw: msgspec.Raw) -> bool:
    """Whether it is stated, and not as null."""
    return len(raw) > len(NOTHING)


LINES: Final[dict[str, Callable[[bytes], Result | None]]] = {
    "openai": openai_result,
    "anthropic": anthropic_result,
    "google": google_result,
}
"""Whose results they are → how a line of theirs is read."""

WHOLE: Final[dict[str, Callable[[bytes], Iterator[Result]]]] = {
    "openai": openai_background,
    "google": google_inlined,
}
"""Whose they are → how a document that holds results is read."""
