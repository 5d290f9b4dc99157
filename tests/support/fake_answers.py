"""What providers answer, API by API, with the truth beside it: every count differs, so that none is taken for another.

The shapes are those of the providers' own SDKs (`openai`, `anthropic`, `google-genai`, `cohere`, `mistralai`, `boto3`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spanledger.schemas import units as u


@dataclass
class Truth:
    """What one attempt used, in the ledger's units; wholes contain their parts."""

    status: int = 200
    model: str = ""
    response_id: str = ""
    usage: dict[str, int] = field(default_factory=dict[str, int])
    tier: str = ""
    finish: tuple[str, ...] = ()


@dataclass
class Reply:
    """An answer: a body, or the events of a stream."""

    truth: Truth
    body: bytes = b""
    events: list[bytes] | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])


WORDS = ("One", " two", " three", " prompt_tokens", ' "usage"', " end.")


def answer(path: str, headers: Mapping[str, str], body: bytes, number: int) -> Reply:
    """The answer to one request; `number` makes its counts and its id its own."""
    where = path.partition("?")[0]
    asked: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {"form": body}
    from support.fake_answers_else import MAKERS  # noqa: PLC0415 (it is made of the pieces of this module)

    for ending, make in (*_MAKERS, *MAKERS):
        if found := re.search(ending, where):
            return make(asked, number, found)
    msg = f"nobody answers {where} ({headers.get('content-type')})"
    raise AssertionError(msg)


def sse(*events: object) -> list[bytes]:
    """Events as OpenAI and Google write them."""
    return [b"data: " + _json(event) + b"\n\n" for event in events]


def named_sse(*events: dict[str, Any]) -> list[bytes]:
    """Events as Anthropic writes them, and OpenAI its responses."""
    return [b"event: " + event["type"].encode() + b"\ndata: " + _json(event) + b"\n\n" for event in events]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _chat(asked: dict[str, Any], number: int, found: re.Match[str]) -> Reply:
    model, identity = f"{asked['model']}-2026-01-01", f"chatcmpl-{number}"
    usage = {
        "prompt_tokens": 1000 + number,
        "completion_tokens": 200 + number,
        "total_tokens": 1200 + 2 * number,
        "prompt_tokens_details": {"cached_tokens": 300 + number, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 50 + number, "audio_tokens": 0},
    }
    truth = Truth(
        model=model,
        response_id=identity,
        usage={
            u.INPUT_TOKENS: 1000 + number,
            u.OUTPUT_TOKENS: 200 + number,
            u.CACHE_READ_TOKENS: 300 + number,
            u.REASONING_TOKENS: 50 + number,
            u.INPUT_AUDIO_TOKENS: 0,
            u.OUTPUT_AUDIO_TOKENS: 0,
        },
        tier="default",
        finish=("stop",),
    )
    head = {"id": identity, "created": 1, "model": model, "service_tier": "default"}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        return Reply(truth, _json(whole))
    options: dict[str, object] = asked.get("stream_options") or {}
    included = options.get("include_usage")
    null: dict[str, object] = {"usage": None} if included else {}

    def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "object": "chat.completion.chunk", "choices": [choice], **null}

    last = chunk({}, "stop")
    if asked["model"].startswith("mistral"):
        # Mistral states usage with the finish reason, unasked.
        last["usage"] = usage
    if found.string.startswith("/openai/v1/"):
        # Groq's place, and its way.
        last["x_groq"] = {"id": "req_1", "usage": usage}
    events = sse(chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in WORDS), last)
    if included:
        events += sse({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return Reply(truth, events=[*events, b"data: [DONE]\n\n"], content_type="text/event-stream; charset=utf-8")


def _responses(asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    model, identity = f"{asked['model']}-2026-01-01", f"resp_{number}"
    usage = {
        "input_tokens": 2000 + number,
        "input_tokens_details": {"cached_tokens": 400 + number, "cache_write_tokens": 30 + number},
        "output_tokens": 500 + number,
        "output_tokens_details": {"reasoning_tokens": 60 + number},
        "total_tokens": 2500 + 2 * number,
    }
    truth = Truth(
        model=model,
        response_id=identity,
        usage={
            u.INPUT_TOKENS: 2000 + number,
            u.OUTPUT_TOKENS: 500 + number,
            u.CACHE_READ_TOKENS: 400 + number,
            u.CACHE_WRITE_TOKENS: 30 + number,
            u.REASONING_TOKENS: 60 + number,
            u.WEB_SEARCHES: 1,
        },
        tier="flex",
        finish=("completed",),
    )
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    content: list[Any] = [{"type": "output_text", "text": "".join(WORDS), "annotations": []}]
    message: dict[str, Any] = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
    head = {"id": identity, "object": "response", "created_at": 1, "model": model, "parallel_tool_calls": True}
    head |= {"tool_choice": "auto", "tools": [], "service_tier": "flex", "error": None, "incomplete_details": None}
    whole: dict[str, Any] = {**head, "status": "completed", "output": [search, message], "usage": usage}
    if not asked.get("stream"):
        return Reply(truth, _json(whole))
    begun = {**head, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    deltas: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "sequence_number": n + 1, **place, "delta": word, "logprobs": []}
        for n, word in enumerate(WORDS)
    ]
    events = named_sse(
        {"type": "response.created", "sequence_number": 0, "response": begun},
        *deltas,
        {"type": "response.completed", "sequence_number": 9, "response": whole},
    )
    return Reply(truth, events=events, content_type="text/event-stream; charset=utf-8")


def _embeddings(asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    usage = {"prompt_tokens": 40 + number, "total_tokens": 40 + number}
    data = [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAEA="}]
    truth = Truth(model=asked["model"], usage={u.INPUT_TOKENS: 40 + number})
    return Reply(truth, _json({"object": "list", "data": data, "model": asked["model"], "usage": usage}))


def _images(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    usage = {
        "input_tokens": 70 + number,
        "input_tokens_details": {"text_tokens": 20 + number, "image_tokens": 50},
        "output_tokens": 4000 + number,
        "total_tokens": 4070 + 2 * number,
    }
    truth = Truth(
        usage={
            u.INPUT_TOKENS: 70 + number,
            u.INPUT_TEXT_TOKENS: 20 + number,
            u.INPUT_IMAGE_TOKENS: 50,
            u.OUTPUT_TOKENS: 4000 + number,
        }
    )
    return Reply(truth, _json({"created": 1, "data": [{"b64_json": "aGVsbG8="}], "usage": usage}))


def _transcription(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    truth = Truth(usage={u.INPUT_AUDIO_SECONDS: 9 + number})
    return Reply(truth, _json({"text": "One two", "usage": {"type": "duration", "seconds": 9 + number}}))


def _speech(asked: dict[str, Any], _number: int, _: re.Match[str]) -> Reply:
    truth = Truth(usage={u.INPUT_CHARACTERS: len(asked["input"])})
    return Reply(truth, b"\xff\xfb\x90", content_type="audio/mpeg")


def _moderation(_asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    return Reply(Truth(response_id=f"modr-{number}"), _json({"id": f"modr-{number}", "model": "m", "results": []}))


def _messages(asked: dict[str, Any], number: int, _: re.Match[str]) -> Reply:
    model, identity = asked["model"], f"msg_{number}"
    first = {
        "input_tokens": 23,
        "cache_creation_input_tokens": 500 + number,
        "cache_read_input_tokens": 2900,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 100 + number},
        "service_tier": "standard",
    }
    last = {"output_tokens": 77 + number, "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}}
    truth = Truth(
        model=model,
        response_id=identity,
        usage={
            u.INPUT_TOKENS: 3423 + number,
            u.OUTPUT_TOKENS: 77 + number,
            u.CACHE_READ_TOKENS: 2900,
            u.CACHE_WRITE_TOKENS: 500 + number,
            u.CACHE_WRITE_5M_TOKENS: 400,
            u.CACHE_WRITE_1H_TOKENS: 100 + number,
            u.WEB_SEARCHES: 2,
            u.WEB_FETCHES: 1,
        },
        tier="standard",
        finish=("end_turn",),
    )
    head = {"id": identity, "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    if not asked.get("stream"):
        content = [{"type": "text", "text": "".join(WORDS)}]
        return Reply(truth, _json({**head, "content": content, "stop_reason": "end_turn", "usage": {**first, **last}}))
    begun: dict[str, Any] = {**head, "content": [], "stop_reason": None, "usage": {**first, "output_tokens": 1}}
    # The last event counts the whole call once more, but neither says how long a cache lives nor the tier.
    whole = {key: number for key, number in first.items() if isinstance(number, int)}
    events = named_sse(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {**whole, **last},
        },
        {"type": "message_stop"},
    )
    return Reply(truth, events=events, content_type="text/event-stream; charset=utf-8")


_MAKERS = (
    (r"/chat/completions$", _chat),
    (r"/responses$", _responses),
    (r"/embeddings$", _embeddings),
    (r"/images/generations$", _images),
    (r"/audio/transcriptions$", _transcription),
    (r"/audio/speech$", _speech),
    (r"/moderations$", _moderation),
    (r"/v1/messages$", _messages),
)
