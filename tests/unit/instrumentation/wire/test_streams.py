"""Streams cut anywhere say the same; broken ones say what they said before."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_answers import answer, named_sse, sse
from support.fake_answers_else import frame

from spanledger.instrumentation.wire.answer import Answer
from spanledger.instrumentation.wire.apis import APIS
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, Document, EventStream, Lines
from spanledger.schemas import units as u

STREAMS = {
    "openai.chat": ("/v1/chat/completions", b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'),
    "openai.responses": ("/v1/responses", b'{"model":"m","stream":true}'),
    "anthropic.messages": ("/v1/messages", b'{"model":"m","stream":true}'),
    "google.generate": ("/v1beta/models/m:streamGenerateContent", b"{}"),
    "cohere.chat": ("/v2/chat", b'{"model":"m","stream":true}'),
    "bedrock.converse": ("/model/m/converse-stream", b"{}"),
    "bedrock.invoke": ("/model/m/invoke-with-response-stream", b"{}"),
}


@pytest.mark.parametrize("api", STREAMS)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=40), end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_a_stream_cut_anywhere_says_the_same(api: str, sizes: list[int], end: bytes) -> None:
    """Whatever the pieces, and whichever line ends, the counts are the truth's."""
    path, body = STREAMS[api]
    reply = answer(path, {}, body, 5)
    data = b"".join(reply.events or ())
    kind = EventStream if "amazon" in reply.content_type else Lines
    if kind is Lines:
        data = data.replace(b"\n", end)
    told = Answer()
    reader = kind(APIS[api], told)
    for size in sizes * (len(data) // sum(sizes) + 1):
        reader.feed(data[:size])
        data = data[size:]
    reader.end()
    assert (told.usage, told.response_id, tuple(told.finish_reasons)) == (
        reply.truth.usage,
        reply.truth.response_id,
        reply.truth.finish,
    )
    assert told.final
    assert reader.faults == 0


@given(st.binary(max_size=300), st.sampled_from(sorted(APIS)))
def test_no_bytes_break_a_reader(data: bytes, api: str) -> None:
    """Garbage is a fault that is counted, or nothing at all."""
    for kind in (Lines, Document, EventStream):
        reader = kind(APIS[api], Answer())
        reader.feed(data)
        reader.feed(b"data: " + data + b"\n\n")
        reader.end()


_KEYS = ("usage", "usageMetadata", "message", "delta", "response", "choices", "candidates", "meta", "x_groq", "output")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*_KEYS, "prompt_tokens", "input_tokens", "type", "id"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=4), st.sampled_from(sorted(APIS)))
def test_no_document_breaks_a_reader(document: dict[str, object], api: str) -> None:
    """Whatever stands where usage should: what is taken are whole numbers, and the rest is left."""
    told = Answer()
    for reader in (Lines(APIS[api], told), Document(APIS[api], told)):
        for event in sse(document):
            reader.feed(event if isinstance(reader, Lines) else event[6:])
        reader.end()
    assert all(type(number) is int and number >= 0 for number in told.usage.values())


@pytest.mark.parametrize("wrong", [-1, 1.5, "12", True, None, [], {}, 2**60])
def test_a_count_that_cannot_be_is_unknown(wrong: object) -> None:
    """A usage of the wrong types leaves its units out, and the others in."""
    told = Answer()
    usage = {"prompt_tokens": wrong, "completion_tokens": 7, "prompt_tokens_details": wrong}
    reader = Lines(APIS["openai.chat"], told)
    for event in sse({"id": "c", "model": "m", "choices": [], "usage": usage}):
        reader.feed(event)
    assert told.usage == {u.OUTPUT_TOKENS: 7}


def test_content_that_looks_like_usage_is_not_usage() -> None:
    """A model may write about tokens; what stands inside a text is text."""
    said = '"usage":{"prompt_tokens":999}'
    told = Answer()
    reader = Lines(APIS["openai.chat"], told)
    for event in sse({"id": "c", "choices": [{"delta": {"content": said}, "finish_reason": None}]}) * 2:
        reader.feed(event)
    assert told.usage == {}
    assert reader.deltas == 2


def test_an_error_inside_a_stream_is_told() -> None:
    """Anthropic's overload in mid-stream, with what was used before it."""
    told = Answer()
    reader = Lines(APIS["anthropic.messages"], told)
    for event in named_sse(
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
    ):
        reader.feed(event)
    assert (told.error_type, told.usage[u.INPUT_TOKENS], told.final) == ("overloaded_error", 5, False)


def test_an_event_without_end_is_given_up_and_the_next_is_read() -> None:
    """Beyond the bound nothing is kept; the stream goes on."""
    told = Answer()
    reader = Lines(APIS["openai.chat"], told)
    for _ in range(EVENT_BYTES_MAX // 2**20 + 1):
        reader.feed(b"x" * 2**20)
    assert reader.faults == 1
    reader.feed(b"\n" + sse({"id": "c", "choices": [], "usage": {"prompt_tokens": 3}})[0])
    assert told.usage == {u.INPUT_TOKENS: 3}


def test_a_frame_that_lies_about_its_length_ends_the_reading() -> None:
    """An AWS frame shorter than its own head, after a good one."""
    told = Answer()
    reader = EventStream(APIS["bedrock.converse"], told)
    reader.feed(frame("messageStop", {"stopReason": "end_turn"}) + b"\0\0\0\1" + b"\0" * 12)
    assert (told.finish_reasons, reader.faults) == (["end_turn"], 1)


def test_an_array_of_events_is_read_as_a_stream() -> None:
    """Google answers so unless it is asked for server-sent events."""
    reply = answer(*STREAMS["google.generate"][:1], {}, b"{}", 5)
    documents = [event[6:-2] for event in reply.events or ()]
    told = Answer()
    reader = Document(APIS["google.generate"], told)
    for piece in re.findall(rb"(?s).{1,50}", b"[" + b",\n".join(documents) + b"]"):
        reader.feed(piece)
    reader.end()
    assert told.usage == reply.truth.usage
