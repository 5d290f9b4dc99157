"""Files of batches' results as providers write them, made of the answers that their calls would have had."""

import json
from dataclasses import replace
from typing import Any

from support.fake_answers import Reply, Truth, answer

ANTHROPIC = "/v1/messages"
CHAT = "/v1/chat/completions"
EMBEDDINGS = "/v1/embeddings"
IMAGES = "/v1/images/generations"
OCR = "/v1/ocr"
GOOGLE = "/v1beta/models/gemini-3-pro:generateContent"
RESPONSES = "/v1/responses"

_FAILED = {"error": {"type": "invalid_request_error", "message": "as planned"}}


Given = tuple[Reply, list[Truth]]
"""What a file's download is answered, and the truths in it."""


def openai_file(*paths: str) -> Given:
    """An output file of OpenAI, Groq or Mistral: an answer of each path, and lines of requests that got none."""
    replies = _replies(*paths)
    bodies = [(200, json.loads(reply.body)) for reply in replies] + [(400, _FAILED)]
    lines: list[dict[str, Any]] = [
        {
            "id": f"batch_req_{number}",
            "custom_id": f"r-{number}",
            "response": {"status_code": status, "request_id": f"req_{number}", "body": body},
            "error": None,
        }
        for number, (status, body) in enumerate(bodies)
    ]
    expired = {"code": "batch_expired", "message": "as planned"}
    lines.append({"id": "batch_req_99", "custom_id": "r-99", "response": None, "error": expired})
    truths = [reply.truth for reply in replies]
    named = [replace(truth, response_id=truth.response_id or f"batch_req_{n}") for n, truth in enumerate(truths)]
    return _file(lines, named)


def anthropic_file(answers: int) -> Given:
    """Results of Anthropic: so many messages, and a request each that failed, expired and was cancelled."""
    replies = _replies(*[ANTHROPIC] * answers)
    failed = {"type": "errored", "error": {"type": "error", **_FAILED}}
    lines: list[dict[str, Any]] = [
        {"custom_id": "failed", "result": failed},
        *(
            {"custom_id": f"r-{number}", "result": {"type": "succeeded", "message": json.loads(reply.body)}}
            for number, reply in enumerate(replies)
        ),
        {"custom_id": "expired", "result": {"type": "expired"}},
        {"custom_id": "canceled", "result": {"type": "canceled"}},
    ]
    return _file(lines, [reply.truth for reply in replies])


def google_file(answers: int) -> Given:
    """A file of Gemini's responses."""
    replies = _replies(*[GOOGLE] * answers)
    lines: list[dict[str, Any]] = [
        *({"key": f"r-{number}", "response": json.loads(reply.body)} for number, reply in enumerate(replies)),
        {"key": "failed", "error": {"code": 3, "message": "as planned"}},
    ]
    return _file(lines, [reply.truth for reply in replies])


def google_batch(answers: int) -> Given:
    """A batch of Gemini that holds its responses itself."""
    replies = _replies(*[GOOGLE] * answers)
    inlined = [{"response": json.loads(reply.body), "metadata": {"key": "r"}} for reply in replies]
    output = {"inlinedResponses": {"inlinedResponses": [*inlined, {"error": {"code": 3, "message": "as planned"}}]}}
    metadata = {"state": "BATCH_STATE_SUCCEEDED", "model": "models/gemini-3-pro", "output": output}
    body = {"name": "batches/b-1", "metadata": metadata, "done": True, "response": output}
    return Reply(Truth(), json.dumps(body).encode()), [replace(reply.truth, tier="batch") for reply in replies]


def openai_background(*, done: bool) -> Given:
    """A response of OpenAI that goes on in the background, or is done."""
    (reply,) = _replies(RESPONSES)
    body = json.loads(reply.body) | {"background": True, "status": "completed" if done else "in_progress"}
    if not done:
        body |= {"usage": None, "output": []}
    return Reply(Truth(), json.dumps(body).encode()), [reply.truth] if done else []


def _replies(*paths: str) -> list[Reply]:
    """Answers with counts of their own; a batch's ids are those of no other call."""
    asked = json.dumps({"model": "gpt-4o", "document": {}, "input": "x"}).encode()
    return [answer(path, {}, asked, number) for number, path in enumerate(paths, 40)]


def _file(lines: list[dict[str, Any]], truths: list[Truth]) -> Given:
    text = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    kind = "application/octet-stream"
    return Reply(Truth(), text, content_type=kind), [replace(truth, tier="batch") for truth in truths]
