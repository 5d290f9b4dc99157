"""OpenAI's realtime: `types/realtime/realtime_response_usage.py`. A session is a socket, a response ends with usage.

What the user says may be transcribed beside, by another model that the session names and that is paid for by itself.
"""

from typing import Final

import msgspec

from spanledger.instrumentation.wire.answer import Answer, part, text
from spanledger.instrumentation.wire.apis.api import Api
from spanledger.schemas import units as u

_WHOLES: Final = {"input_tokens": u.INPUT_TOKENS, "output_tokens": u.OUTPUT_TOKENS}
_INPUT: Final = {
    "text_tokens": u.INPUT_TEXT_TOKENS,
    "image_tokens": u.INPUT_IMAGE_TOKENS,
    "audio_tokens": u.INPUT_AUDIO_TOKENS,
    "cached_tokens": u.CACHE_READ_TOKENS,
}
_CACHED: Final = {
    "text_tokens": u.CACHE_TEXT_READ_TOKENS,
    "image_tokens": u.CACHE_IMAGE_READ_TOKENS,
    "audio_tokens": u.CACHE_AUDIO_READ_TOKENS,
}
_OUTPUT: Final = {"text_tokens": u.OUTPUT_TEXT_TOKENS, "audio_tokens": u.OUTPUT_AUDIO_TOKENS}

RESPONSE_DONE: Final = "response.done"
TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
SESSION: Final = frozenset(
    {
        "session.created",
        "session.updated",
        # A session that only transcribes, in the beta: https://platform.openai.com/docs/api-reference/realtime-server-events
        "transcription_session.created",
        "transcription_session.updated",
    }
)


class _Response(msgspec.Struct):
    id: object = None
    status: object = None
    status_details: object = None
    usage: object = None


class Event(msgspec.Struct):
    """What matters of one message of a session."""

    type: object = None
    response: _Response | None = None
    session: object = None
    item_id: object = None
    content_index: object = None
    usage: object = None


read_event: Final = msgspec.json.Decoder(Event).decode


def responded(event: Event, answer: Answer) -> None:
    """A response is done: completed, broken off by the user, or failed."""
    said = event.response or _Response()
    answer.identify(said.id, None)
    answer.finished(said.status)
    if said.status == "failed":
        answer.failed(part(said.status_details, "error"))
    if said.usage is not None:
        answer.take(said.usage, _WHOLES)
        details = part(said.usage, "input_token_details")
        answer.take(details, _INPUT)
        answer.take(part(details, "cached_tokens_details"), _CACHED)
        answer.take(part(said.usage, "output_token_details"), _OUTPUT)
        answer.final = bool(answer.usage)


def transcribed(event: Event, answer: Answer) -> None:
    """What the user said was written down: tokens, or seconds of sound, of which one that has begun is billed."""
    answer.identify(f"{event.item_id}/{event.content_index}", None)
    answer.take(event.usage, _WHOLES)
    answer.take(part(event.usage, "input_token_details"), _INPUT)
    seconds = part(event.usage, "seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 10**7:
        answer.counted(u.INPUT_AUDIO_SECONDS, -int(-seconds // 1))
    answer.final = bool(answer.usage)


def models(event: Event) -> tuple[str, str]:
    """The models of a session: the one that answers, and the one that writes down what is said."""
    inside = part(event.session, "audio", "input", "transcription")
    before = part(event.session, "input_audio_transcription")
    return text(event.session, "model"), text(inside, "model") or text(before, "model")


def _done(data: bytes, answer: Answer) -> None:
    responded(read_event(data), answer)


REALTIME: Final = Api(body=_done, event=_done)
