"""OpenAI's responses: `types/responses/response_usage.py`. A stream's last event repeats the whole response."""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.answer import NOTHING, Answer, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

_WHOLES: Final = {"input_tokens": u.INPUT_TOKENS, "output_tokens": u.OUTPUT_TOKENS}
_INPUT: Final = {"cached_tokens": u.CACHE_READ_TOKENS, "cache_write_tokens": u.CACHE_WRITE_TOKENS}
_OUTPUT: Final = {"reasoning_tokens": u.REASONING_TOKENS}
_CALLS: Final = {"web_search_call": u.WEB_SEARCHES, "code_interpreter_call": u.CODE_EXECUTIONS}
"""An item of the output → what it is a use of, at a price of its own."""


_LAST: Final = frozenset({"response.completed", "response.incomplete"})


class _Item(msgspec.Struct):
    type: object = None


class _Incomplete(msgspec.Struct):
    reason: object = None


class _Response(msgspec.Struct):
    id: object = None
    model: object = None
    status: object = None
    service_tier: object = None
    usage: object = None
    error: object = None
    incomplete_details: _Incomplete | None = None
    output: msgspec.Raw = NOTHING


class _Event(msgspec.Struct):
    type: object = None
    response: _Response | None = None
    error: object = None
    code: object = None


_response: Final = msgspec.json.Decoder(_Response).decode
_event: Final = msgspec.json.Decoder(_Event).decode
_items: Final = msgspec.json.Decoder(list[_Item]).decode


def _body(body: bytes, answer: Answer) -> None:
    _read(_response(body), answer)


def _stream_event(data: bytes, answer: Answer) -> None:
    event = _event(data)
    if event.response is not None:
        _read(event.response, answer)
        if event.type in _LAST:
            answer.over()
    if event.type == "error":
        answer.failed(event.error if event.error is not None else {"code": event.code})


def _read(said: _Response, answer: Answer) -> None:
    answer.identify(said.id, said.model)
    if isinstance(said.service_tier, str):
        answer.tier = said.service_tier
    if said.error is not None:
        answer.failed(said.error)
    if said.status in {"completed", "incomplete", "failed", "cancelled"}:
        answer.finished(said.incomplete_details.reason if said.incomplete_details else said.status)
    if said.usage is None:
        return
    answer.take(said.usage, _WHOLES)
    answer.take(part(said.usage, "input_tokens_details"), _INPUT)
    answer.take(part(said.usage, "output_tokens_details"), _OUTPUT)
    for item in _items(said.output) if len(said.output) > 4 else ():
        if isinstance(item.type, str) and (unit := _CALLS.get(item.type)):
            answer.usage[unit] = answer.usage.get(unit, 0) + 1
    answer.final = True


RESPONSES: Final = Api(body=_body, event=_stream_event, marks=(b'_tokens"', b'"error"'))
