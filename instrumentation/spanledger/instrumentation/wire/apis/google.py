"""Google's `generateContent` and `embedContent`, at Gemini and Vertex AI: `types.GenerateContentResponseUsageMetadata`.

Candidates are stated without thoughts, and a prompt without what tools added to it: the wholes are sums. Every event of
a stream repeats the counts so far.
"""

from typing import Final, cast

import msgspec

from spanledger.instrumentation.wire.answer import NOTHING, Answer, count, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

_MODALITIES: Final = (
    (
        "promptTokensDetails",
        {"TEXT": u.INPUT_TEXT_TOKENS, "IMAGE": u.INPUT_IMAGE_TOKENS, "AUDIO": u.INPUT_AUDIO_TOKENS},
    ),
    (
        "toolUsePromptTokensDetails",
        {"TEXT": u.INPUT_TEXT_TOKENS, "IMAGE": u.INPUT_IMAGE_TOKENS, "AUDIO": u.INPUT_AUDIO_TOKENS},
    ),
    (
        "candidatesTokensDetails",
        {"TEXT": u.OUTPUT_TEXT_TOKENS, "IMAGE": u.OUTPUT_IMAGE_TOKENS, "AUDIO": u.OUTPUT_AUDIO_TOKENS},
    ),
    (
        "cacheTokensDetails",
        {"TEXT": u.CACHE_TEXT_READ_TOKENS, "IMAGE": u.CACHE_IMAGE_READ_TOKENS, "AUDIO": u.CACHE_AUDIO_READ_TOKENS},
    ),
)


class _Grounding(msgspec.Struct):
    web_search_queries: object = msgspec.field(default=None, name="webSearchQueries")


class _Candidate(msgspec.Struct):
    finish_reason: object = msgspec.field(default=None, name="finishReason")
    grounding: _Grounding | None = msgspec.field(default=None, name="groundingMetadata")


class _Generated(msgspec.Struct):
    response_id: object = msgspec.field(default=None, name="responseId")
    model: object = msgspec.field(default=None, name="modelVersion")
    usage: object = msgspec.field(default=None, name="usageMetadata")
    candidates: msgspec.Raw = NOTHING
    error: object = None


class _Statistics(msgspec.Struct):
    token_count: object = None


class _Embeddings(msgspec.Struct):
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Embeddings | None = None
    mime_type: object = msgspec.field(default=None, name="mimeType")


class _Predicted(msgspec.Struct):
    predictions: list[_Prediction] = []


_generated: Final = msgspec.json.Decoder(_Generated).decode
_candidates: Final = msgspec.json.Decoder(list[_Candidate]).decode
_predicted: Final = msgspec.json.Decoder(_Predicted).decode


def generated(data: bytes, answer: Answer) -> None:
    """A response, or one event of it."""
    said = _generated(data)
    answer.identify(said.response_id, said.model)
    if said.error is not None:
        answer.failed(said.error)
    for candidate in _candidates(said.candidates) if len(said.candidates) > 4 else ():
        answer.finished(candidate.finish_reason)
        queries = candidate.grounding.web_search_queries if candidate.grounding else None
        if isinstance(queries, list):
            answer.usage[u.WEB_SEARCHES] = len(cast("list[object]", queries))
    if said.usage is not None:
        _read(said.usage, answer)
        answer.final = bool(answer.finish_reasons)


def _whole(body: bytes, answer: Answer) -> None:
    generated(body, answer)
    # A refused prompt has no candidates, and its input is billed.
    answer.final = bool(answer.usage)


def _read(usage: object, answer: Answer) -> None:
    prompt, tools = count(part(usage, "promptTokenCount")), count(part(usage, "toolUsePromptTokenCount"))
    candidates, thoughts = count(part(usage, "candidatesTokenCount")), count(part(usage, "thoughtsTokenCount"))
    if prompt is not None:
        answer.usage[u.INPUT_TOKENS] = prompt + (tools or 0)
        # No candidates are stated where none were made: an answer that is all thought, or a refusal.
        answer.usage[u.OUTPUT_TOKENS] = (candidates or 0) + (thoughts or 0)
    answer.counted(u.REASONING_TOKENS, thoughts)
    answer.counted(u.CACHE_READ_TOKENS, part(usage, "cachedContentTokenCount"))
    for unit in {unit for _, units in _MODALITIES for unit in units.values()}:
        answer.usage.pop(unit, None)
    for key, units in _MODALITIES:
        details = part(usage, key)
        for detail in cast("list[object]", details) if isinstance(details, list) else ():
            modality, number = part(detail, "modality"), count(part(detail, "tokenCount"))
            if isinstance(modality, str) and number is not None and (unit := units.get(modality)):
                answer.usage[unit] = answer.usage.get(unit, 0) + number


def _embedded(body: bytes, answer: Answer) -> None:
    said = _generated(body)
    answer.counted(u.INPUT_TOKENS, part(said.usage, "promptTokenCount"))
    answer.final = bool(answer.usage)


def _predictions(body: bytes, answer: Answer) -> None:
    """Vertex AI's older door: embeddings state their tokens, images are as many as there are."""
    said = _predicted(body).predictions
    stated = [
        count(each.embeddings.statistics.token_count) for each in said if each.embeddings and each.embeddings.statistics
    ]
    images = sum(1 for each in said if isinstance(each.mime_type, str) and each.mime_type.startswith("image/"))
    if stated and None not in stated:
        answer.usage[u.INPUT_TOKENS] = sum(number for number in stated if number is not None)
    elif images:
        answer.usage[u.OUTPUT_IMAGES] = images
    answer.final = bool(answer.usage)


GENERATE: Final = Api(
    body=_whole,
    event=generated,
    marks=(b'TokenCount"', b'finishReason"', b'"error"'),
    delta=b'"text"',
    cumulative=True,
)
EMBED: Final = Api(body=_embedded, event=generated)
PREDICT: Final = Api(body=_predictions, event=generated)
