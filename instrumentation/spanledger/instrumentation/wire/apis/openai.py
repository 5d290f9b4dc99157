"""OpenAI's chat completions, completions, embeddings, images, audio and moderations, and whoever copied them.

`types/completion_usage.py` of the `openai` package: wholes contain their parts. A stream states usage in a last chunk
without choices, if it was asked to; Groq in `x_groq` besides; Mistral, OpenRouter and others always.
"""

from typing import Final

import msgspec
from msgspec.structs import astuple

from spanledger.instrumentation.wire.answer import NOTHING, Answer, Odd, part
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

# In the order of the fields of `_Usage`, `_Prompt` and `_Completion`.
_UNITS: Final = (
    u.INPUT_TOKENS,
    u.OUTPUT_TOKENS,
    u.CACHE_READ_TOKENS,  # DeepSeek
    u.CACHE_READ_TOKENS,  # Moonshot
    u.WEB_SEARCHES,  # Perplexity
    u.CACHE_READ_TOKENS,
    u.CACHE_WRITE_TOKENS,
    u.INPUT_AUDIO_TOKENS,
    u.INPUT_IMAGE_TOKENS,
    u.REASONING_TOKENS,
    u.OUTPUT_AUDIO_TOKENS,
    u.OUTPUT_IMAGE_TOKENS,
)
_MEDIA: Final = {
    "input_tokens": u.INPUT_TOKENS,
    "output_tokens": u.OUTPUT_TOKENS,
    "seconds": u.INPUT_AUDIO_SECONDS,
}
_MEDIA_INPUT: Final = {
    "cached_tokens": u.CACHE_READ_TOKENS,
    "text_tokens": u.INPUT_TEXT_TOKENS,
    "image_tokens": u.INPUT_IMAGE_TOKENS,
    "audio_tokens": u.INPUT_AUDIO_TOKENS,
}
_MEDIA_OUTPUT: Final = {"text_tokens": u.OUTPUT_TEXT_TOKENS, "image_tokens": u.OUTPUT_IMAGE_TOKENS}

_TOKENS_MARK: Final = b'_tokens"'
_ERROR_MARK: Final = b'"error"'


class _Choice(msgspec.Struct):
    finish_reason: object = None


class _Prompt(msgspec.Struct):
    cached_tokens: object = None
    cache_write_tokens: object = None
    audio_tokens: object = None
    image_tokens: object = None


class _Completion(msgspec.Struct):
    reasoning_tokens: object = None
    audio_tokens: object = None
    image_tokens: object = None


class _Usage(msgspec.Struct):
    prompt_tokens: object = None
    completion_tokens: object = None
    prompt_cache_hit_tokens: object = None
    cached_tokens: object = None
    num_search_queries: object = None
    prompt_tokens_details: _Prompt | Odd = None
    completion_tokens_details: _Completion | Odd = None
    total_tokens: object = None
    server_tool_use: object = None
    cost: object = None


class _Groq(msgspec.Struct):
    usage: _Usage | Odd = None


class _Chat(msgspec.Struct):
    id: object = None
    model: object = None
    service_tier: object = None
    usage: _Usage | Odd = None
    choices: list[_Choice] | None = None
    error: object = None
    x_groq: _Groq | None = None


class _Images(msgspec.Struct):
    model: object = None
    usage: object = None
    data: msgspec.Raw = NOTHING
    type: object = None
    duration: object = None
    error: object = None


class _Nothing(msgspec.Struct):
    pass


_COUNTS: Final = 5
_NO_PROMPT: Final = astuple(_Prompt())
_NO_COMPLETION: Final = astuple(_Completion())
_chat: Final = msgspec.json.Decoder(_Chat).decode
_images: Final = msgspec.json.Decoder(_Images).decode
_list: Final = msgspec.json.Decoder(list[_Nothing]).decode


def chat(data: bytes, answer: Answer) -> None:
    """A completion, or one chunk of it. A whole one is final; of a stream, what follows the finish reason is."""
    said = _chat(data)
    answer.identify(said.id, said.model)
    if isinstance(said.service_tier, str):
        answer.tier = said.service_tier
    for choice in said.choices or ():
        if choice.finish_reason is not None:
            answer.finished(choice.finish_reason)
    if said.error is not None:
        answer.failed(said.error)
    usage = said.usage if said.usage is not None else said.x_groq.usage if said.x_groq else None
    if usage is not None:
        _used(usage, answer)
        # Engines that count as they go (vLLM's `continuous_usage_stats`) have not finished counting before this.
        answer.final = bool(answer.finish_reasons)
        if answer.final and not said.choices:
            # The chunk that was asked for, behind all others.
            answer.over()


def _used(usage: _Usage | Odd, answer: Answer) -> None:
    """OpenAI's `usage` of completions and embeddings, and what compatible servers state besides."""
    if not isinstance(usage, _Usage):
        return
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    answer.take_all(
        _UNITS,
        astuple(usage)[:_COUNTS]
        + (astuple(prompt) if isinstance(prompt, _Prompt) else _NO_PROMPT)
        + (astuple(completion) if isinstance(completion, _Completion) else _NO_COMPLETION),
    )
    if usage.server_tool_use is not None:
        answer.counted(u.WEB_SEARCHES, part(usage.server_tool_use, "web_search_requests"))
    if isinstance(usage.cost, int | float) and not isinstance(usage.cost, bool):
        answer.cost = usage.cost


def _whole_chat(body: bytes, answer: Answer) -> None:
    chat(body, answer)
    answer.final = bool(answer.usage)


def _embeddings(body: bytes, answer: Answer) -> None:
    said = _chat(body)
    answer.identify(said.id, said.model)
    _used(said.usage, answer)
    # Voyage and Jina state a total only, and nothing is put out.
    if u.INPUT_TOKENS not in answer.usage and isinstance(said.usage, _Usage):
        answer.counted(u.INPUT_TOKENS, said.usage.total_tokens)
    answer.usage.pop(u.OUTPUT_TOKENS, None)
    answer.final = True


def _media(data: bytes, answer: Answer) -> None:
    """Images and transcriptions: tokens, or seconds of sound, or as many images as came back."""
    said = _images(data)
    answer.identify(None, said.model)
    if said.error is not None:
        answer.failed(said.error)
    if said.usage is None:
        return
    answer.take(said.usage, _MEDIA)
    for name in ("input_tokens_details", "input_token_details"):
        answer.take(part(said.usage, name), _MEDIA_INPUT)
    answer.take(part(said.usage, "output_tokens_details"), _MEDIA_OUTPUT)
    answer.final = True


def _whole_images(body: bytes, answer: Answer) -> None:
    _media(body, answer)
    if not answer.usage:
        answer.counted(u.OUTPUT_IMAGES, len(_list(_images(body).data)))
    answer.final = True


def _whole_transcription(body: bytes, answer: Answer) -> None:
    _media(body, answer)
    if not answer.usage:
        # `verbose_json` states how long the recording is; a second that has begun is billed (OpenAI's pricing page).
        duration = _images(body).duration
        if isinstance(duration, int | float) and not isinstance(duration, bool) and 0 <= duration < 10**7:
            answer.counted(u.INPUT_AUDIO_SECONDS, -int(-duration // 1))
    answer.final = bool(answer.usage)


def _nothing(_data: bytes, _answer: Answer) -> None:
    """An answer of which nothing is read."""


_CHAT_MARKS: Final = (_TOKENS_MARK, b'finish_reason":"', b'finish_reason": "', _ERROR_MARK)

CHAT: Final = Api(body=_whole_chat, event=chat, marks=_CHAT_MARKS)
EMBEDDINGS: Final = Api(body=_embeddings, event=chat)
IMAGES: Final = Api(body=_whole_images, event=_media, marks=(_TOKENS_MARK, _ERROR_MARK))
TRANSCRIPTIONS: Final = Api(body=_whole_transcription, event=_media, marks=(_TOKENS_MARK, b'"seconds"', _ERROR_MARK))
SPEECH: Final = Api(body=_nothing, event=_media, marks=(_TOKENS_MARK, _ERROR_MARK), characters=True)
MODERATIONS: Final = Api(body=_whole_chat, event=chat, free=True)
