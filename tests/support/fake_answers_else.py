"""What Google, Cohere, Mistral's document reader and Bedrock answer, with the truth beside it."""

import binascii
import json
import re
import struct
from base64 import b64encode
from typing import Any

from support.fake_answers import WORDS, Reply, Truth, sse

from spanledger.schemas import units as u

_EVENT_STREAM = "application/vnd.amazon.eventstream"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def gemini(_asked: dict[str, Any], number: int, found: re.Match[str]) -> Reply:
    """`generateContent`, and its stream of server-sent events whose counts grow."""
    model, identity = f"{found['model']}-001", f"gem-{number}"

    def usage(candidates: int) -> dict[str, Any]:
        return {
            "promptTokenCount": 800 + number,
            "cachedContentTokenCount": 100 + number,
            "candidatesTokenCount": candidates,
            "thoughtsTokenCount": 60 + number,
            "toolUsePromptTokenCount": 7,
            "totalTokenCount": 867 + 2 * number + candidates,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 500 + number},
                {"modality": "IMAGE", "tokenCount": 300},
            ],
        }

    truth = Truth(
        model=model,
        response_id=identity,
        usage={
            u.INPUT_TOKENS: 807 + number,
            u.OUTPUT_TOKENS: 101 + 2 * number,
            u.REASONING_TOKENS: 60 + number,
            u.CACHE_READ_TOKENS: 100 + number,
            u.INPUT_TEXT_TOKENS: 500 + number,
            u.INPUT_IMAGE_TOKENS: 300,
        },
        finish=("STOP",),
    )

    def event(text: str, candidates: int, reason: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        candidate |= {"finishReason": reason} if reason else {}
        return {"candidates": [candidate], "usageMetadata": usage(candidates), "modelVersion": model} | {
            "responseId": identity
        }

    last = event(" end.", 41 + number, "STOP")
    if found["verb"] == "generateContent":
        return Reply(truth, _json(last))
    events = sse(*(event(word, place + 1) for place, word in enumerate(WORDS)), last)
    return Reply(truth, events=events, content_type="text/event-stream")


def gemini_embedding(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    """Embeddings of Gemini."""
    body = {"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 12 + number}}
    return Reply(Truth(usage={u.INPUT_TOKENS: 12 + number}), _json(body))


def cohere_chat(asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    """Cohere's second chat: billed units are less than tokens."""
    identity = f"co-{number}"
    billed = {"input_tokens": 90.0 + number, "output_tokens": 30.0 + number}
    usage = {"billed_units": billed, "tokens": {"input_tokens": 590.0, "output_tokens": 34.0}, "cached_tokens": 16}
    truth = Truth(
        response_id=identity,
        usage={u.INPUT_TOKENS: 90 + number, u.OUTPUT_TOKENS: 30 + number, u.CACHE_READ_TOKENS: 16},
        finish=("COMPLETE",),
    )
    if not asked.get("stream"):
        message = {"role": "assistant", "content": [{"type": "text", "text": "One"}]}
        body = {"id": identity, "finish_reason": "COMPLETE", "message": message, "usage": usage}
        return Reply(truth, _json(body))
    deltas = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}} for word in WORDS
    ]
    events = sse(
        {"type": "message-start", "id": identity, "delta": {"message": {"role": "assistant", "content": []}}},
        *deltas,
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    )
    return Reply(truth, events=events, content_type="text/event-stream")


def cohere_embed(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    """Cohere's embeddings."""
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 8.0 + number}}
    body = {"id": f"emb-{number}", "embeddings": {"float": [[0.5]]}, "texts": ["x"], "meta": meta}
    return Reply(Truth(response_id=f"emb-{number}", usage={u.INPUT_TOKENS: 8 + number}), _json(body))


def cohere_rerank(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    """Cohere's rerank, paid by the search."""
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 3}}
    body = {"id": f"rr-{number}", "results": [{"index": 0, "relevance_score": 0.5}], "meta": meta}
    return Reply(Truth(response_id=f"rr-{number}", usage={u.RERANK_SEARCHES: 3}), _json(body))


def ocr(asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    """Mistral's document reader, paid by the page."""
    body: dict[str, Any] = {
        "pages": [],
        "model": asked["model"],
        "usage_info": {"pages_processed": 4 + number, "doc_size_bytes": 9},
    }
    return Reply(Truth(model=asked["model"], usage={u.INPUT_DOCUMENT_PAGES: 4 + number}), _json(body))


def converse(_asked: dict[str, Any], number: int, found: re.Match[str]) -> Reply:
    """Bedrock's `Converse`, whose input leaves the cache counts out."""
    usage = {
        "inputTokens": 11 + number,
        "outputTokens": 22 + number,
        "totalTokens": 33 + 2 * number,
        "cacheReadInputTokens": 700,
        "cacheWriteInputTokens": 50,
    }
    truth = Truth(
        usage={
            u.INPUT_TOKENS: 761 + number,
            u.OUTPUT_TOKENS: 22 + number,
            u.CACHE_READ_TOKENS: 700,
            u.CACHE_WRITE_TOKENS: 50,
        },
        finish=("end_turn",),
    )
    if not found["stream"]:
        message = {"role": "assistant", "content": [{"text": "One two"}]}
        body = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}}
        return Reply(truth, _json(body))
    events = [frame("messageStart", {"role": "assistant"})]
    events += [frame("contentBlockDelta", {"delta": {"text": word}, "contentBlockIndex": 0}) for word in WORDS]
    events += [frame("messageStop", {"stopReason": "end_turn"})]
    events += [frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})]
    return Reply(truth, events=events, content_type=_EVENT_STREAM)


def invoke(_asked: dict[str, Any], number: int, found: re.Match[str]) -> Reply:
    """Bedrock's `InvokeModel` of a model of Anthropic's: its own answer, its own events in base64."""
    identity = f"msg_bdrk_{number}"
    first = {"input_tokens": 13 + number, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 0}
    truth = Truth(
        model="claude-opus",
        response_id=identity,
        usage={
            u.INPUT_TOKENS: 613 + number,
            u.OUTPUT_TOKENS: 17 + number,
            u.CACHE_READ_TOKENS: 600,
            u.CACHE_WRITE_TOKENS: 0,
        },
        finish=("end_turn",),
    )
    head = {"id": identity, "type": "message", "role": "assistant", "model": "claude-opus"}
    if not found["stream"]:
        content = [{"type": "text", "text": "One"}]
        usage = {**first, "output_tokens": 17 + number}
        return Reply(truth, _json({**head, "content": content, "stop_reason": "end_turn", "usage": usage}))
    own: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": [], "usage": {**first, "output_tokens": 1}}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}} for w in WORDS),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 17 + number}},
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 13 + number, "outputTokenCount": 17 + number},
        },
    ]
    events = [frame("chunk", {"bytes": b64encode(_json(event)).decode(), "p": "abc"}) for event in own]
    return Reply(truth, events=events, content_type=_EVENT_STREAM)


def frame(kind: str, payload: dict[str, Any]) -> bytes:
    """One message of an AWS event stream."""
    pairs = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in pairs
    )
    body = _json(payload)
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    start = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + body
    return start + struct.pack(">I", binascii.crc32(start))


MAKERS = (
    (r"/models/(?P<model>[^:/]+):(?P<verb>generateContent|streamGenerateContent)$", gemini),
    (r"/models/[^:/]+:(?:embedContent|batchEmbedContents)$", gemini_embedding),
    (r"/v2/chat$", cohere_chat),
    (r"/v2/embed$", cohere_embed),
    (r"/v2/rerank$", cohere_rerank),
    (r"/ocr$", ocr),
    (r"/model/[^/]+/converse(?P<stream>-stream)?$", converse),
    (r"/model/[^/]+/invoke(?P<stream>-with-response-stream)?$", invoke),
)
