"""Cohere's chat, embeddings and rerank, v1 and v2: it bills `billed_units`, without its own preamble."""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.answer import Answer, count, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u


class _Meta(msgspec.Struct):
    billed_units: object = None


class _Delta(msgspec.Struct):
    finish_reason: object = None
    usage: object = None
    error: object = None


class _Response(msgspec.Struct):
    finish_reason: object = None
    meta: _Meta | None = None
    response_id: object = None


class _Said(msgspec.Struct):
    id: object = None
    generation_id: object = None
    response_id: object = None
    finish_reason: object = None
    usage: object = None
    meta: _Meta | None = None
    delta: _Delta | None = None
    response: _Response | None = None


_said: Final = msgspec.json.Decoder(_Said).decode


def _read(data: bytes, answer: Answer) -> None:
    said = _said(data)
    inner = said.response
    answer.identify(said.id or said.response_id or (inner.response_id if inner else None), None)
    answer.finished(said.finish_reason)
    if said.delta is not None:
        answer.finished(said.delta.finish_reason)
        if said.delta.error is not None:
            answer.failed({"type": "error"})
    if inner is not None:
        answer.finished(inner.finish_reason)
    usage = said.usage if said.usage is not None else said.delta.usage if said.delta else None
    meta = said.meta or (inner.meta if inner else None)
    billed = meta.billed_units if meta else part(usage, "billed_units")
    if billed is not None:
        _billed(billed, answer)
        cached = part(usage, "cached_tokens")
        # Billed input may be smaller than what was cached, as it leaves a preamble out.
        if (number := count(cached)) is not None and number <= answer.usage.get(u.INPUT_TOKENS, 0):
            answer.usage[u.CACHE_READ_TOKENS] = number
        answer.final = True


def _billed(units: object, answer: Answer) -> None:
    answer.counted(u.INPUT_TOKENS, part(units, "input_tokens"))
    answer.counted(u.OUTPUT_TOKENS, part(units, "output_tokens"))
    answer.counted(u.RERANK_SEARCHES, part(units, "search_units"))


_MARKS: Final = (b'_tokens"', b'"billed_units"', b'finish_reason"')
COHERE_CHAT: Final = Api(body=_read, event=_read, marks=_MARKS)
COHERE_EMBED: Final = Api(body=_read, event=_read)
COHERE_RERANK: Final = Api(body=_read, event=_read)
