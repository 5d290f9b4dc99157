"""Bedrock: `Converse` states Bedrock's own counts, `InvokeModel` passes on the model's own answer.

Converse states input without what was read from and written to a cache. Whatever a model's answer lacks stands in the
headers of `InvokeModel`; a stream of it ends with `amazon-bedrock-invocationMetrics`.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from spanledger.instrumentation.wire.answer import Answer, count, part
from spanledger.instrumentation.wire.apis import anthropic, openai
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

INPUT_HEADER: Final = "x-amzn-bedrock-input-token-count"
OUTPUT_HEADER: Final = "x-amzn-bedrock-output-token-count"


class _Converse(msgspec.Struct):
    stop_reason: object = msgspec.field(default=None, name="stopReason")
    usage: object = None
    service_tier: object = msgspec.field(default=None, name="serviceTier")


class _Chunk(msgspec.Struct):
    bytes: str = ""


class _Metrics(msgspec.Struct):
    metrics: object = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")


_converse: Final = msgspec.json.Decoder(_Converse).decode
_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_metrics: Final = msgspec.json.Decoder(_Metrics).decode


def converse(data: bytes, answer: Answer) -> None:
    """An answer of `Converse`, or one event of its stream (`messageStop`, `metadata`)."""
    said = _converse(data)
    answer.finished(said.stop_reason)
    tier = part(said.service_tier, "type")
    if isinstance(tier, str):
        answer.tier = tier
    plain = count(part(said.usage, "inputTokens"))
    if plain is None:
        return
    read = answer.counted(u.CACHE_READ_TOKENS, part(said.usage, "cacheReadInputTokens"))
    written = answer.counted(u.CACHE_WRITE_TOKENS, part(said.usage, "cacheWriteInputTokens"))
    answer.usage[u.INPUT_TOKENS] = plain + (read or 0) + (written or 0)
    answer.counted(u.OUTPUT_TOKENS, part(said.usage, "outputTokens"))
    details = part(said.usage, "cacheDetails")
    for detail in cast("list[object]", details) if isinstance(details, list) else ():
        unit = {"5m": u.CACHE_WRITE_5M_TOKENS, "1h": u.CACHE_WRITE_1H_TOKENS}.get(str(part(detail, "ttl")))
        if unit:
            answer.counted(unit, part(detail, "inputTokens"))
    answer.final = True


def invoked(body: bytes, answer: Answer) -> None:
    """An answer of `InvokeModel`: the one of Anthropic, Nova or OpenAI; another's counts are in the headers."""
    for read in (anthropic.message, converse, openai.chat):
        if answer.usage:
            return
        read(body, answer)
    answer.final = bool(answer.usage)


def _invoked_event(data: bytes, answer: Answer) -> None:
    """One event: the model's own, in base64."""
    try:
        inner = b64decode(_chunk(data).bytes or "", validate=True)
    except (binascii.Error, ValueError):
        return
    if inner:
        anthropic.event(inner, answer) if b'"type"' in inner else None
        _stated(inner, answer)


def _stated(inner: bytes, answer: Answer) -> None:
    """What Bedrock itself counted, where the model's own events did not say it all."""
    metrics = _metrics(inner).metrics
    if metrics is None or answer.final:
        return
    plain, read, written = (
        count(part(metrics, f"{kind}TokenCount")) for kind in ("input", "cacheReadInput", "cacheWriteInput")
    )
    if plain is not None:
        answer.usage[u.INPUT_TOKENS] = plain + (read or 0) + (written or 0)
        answer.counted(u.CACHE_READ_TOKENS, read)
        answer.counted(u.CACHE_WRITE_TOKENS, written)
        answer.counted(u.OUTPUT_TOKENS, part(metrics, "outputTokenCount"))
        answer.final = True


def from_headers(headers: Mapping[str, str], answer: Answer) -> None:
    """What `InvokeModel` states beside the answer, where the answer itself stated nothing."""
    for unit, header in ((u.INPUT_TOKENS, INPUT_HEADER), (u.OUTPUT_TOKENS, OUTPUT_HEADER)):
        stated = headers.get(header, "")
        if unit not in answer.usage and stated.isascii() and stated.isdigit() and len(stated) < 16:
            answer.usage[unit] = int(stated)
            answer.final = True


CONVERSE: Final = Api(body=converse, event=converse, marks=(b'Tokens"', b'stopReason"'), delta=b'"delta"')
INVOKE: Final = Api(body=invoked, event=_invoked_event, marks=(b'"bytes"',), delta=b'"bytes"')
