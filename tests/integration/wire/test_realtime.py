"""Sessions over a socket, by the real `openai` package and by `websockets` itself: a response is a usage span."""

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from support.desk import Desk
from support.metered import metering
from support.sdk import Ended
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from spanledger.exporter.store import Store
from spanledger.instrumentation import attribution, instrument, uninstrument
from spanledger.schemas import attributes as a
from spanledger.schemas import units as u

USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
USED = {
    u.INPUT_TOKENS: 132,
    u.OUTPUT_TOKENS: 121,
    u.INPUT_TEXT_TOKENS: 119,
    u.INPUT_AUDIO_TOKENS: 13,
    u.INPUT_IMAGE_TOKENS: 0,
    u.CACHE_READ_TOKENS: 64,
    u.CACHE_TEXT_READ_TOKENS: 60,
    u.CACHE_AUDIO_READ_TOKENS: 4,
    u.CACHE_IMAGE_READ_TOKENS: 0,
    u.OUTPUT_TEXT_TOKENS: 30,
    u.OUTPUT_AUDIO_TOKENS: 91,
}
TRANSCRIBER = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}
CREATED = {"type": "session.created", "event_id": "e1", "session": {"type": "realtime", "model": "gpt-realtime-2025"}}
UPDATED = {"type": "session.updated", "event_id": "e2", "session": {"type": "realtime", **TRANSCRIBER}}
DELTA = {"type": "response.output_text.delta", "event_id": "e3", "delta": 'say "response.done", and "session.created"'}
HEARD = {
    "type": "conversation.item.input_audio_transcription.completed",
    "event_id": "e4",
    "item_id": "item_1",
    "content_index": 0,
    "transcript": "hello",
    "usage": {"type": "duration", "seconds": 2.4},
}


def done(number: int, usage: object = USAGE, status: str = "completed") -> dict[str, Any]:
    """The last event of a response."""
    response: dict[str, Any] = {
        "id": f"resp_{number}",
        "object": "realtime.response",
        "status": status,
        "output": [],
        "usage": usage,
    }
    return {"event_id": f"e-{number}", "response": response, "type": "response.done"}


SAID = [json.dumps(event) for event in (CREATED, UPDATED, DELTA, done(1), HEARD, done(2, None, "cancelled"))]


@contextmanager
def answering(*events: str) -> Generator[str]:
    """A server that says so much to whoever says something; its address."""

    def answer(connection: ServerConnection) -> None:
        connection.recv()
        for event in events:
            connection.send(event)
        connection.recv()
        connection.close()

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """A provider's address, which is named as one that speaks OpenAI's API."""
    with answering(*SAID) as address:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{address}=openai")
        yield address


def _sdk(host: str) -> list[str]:
    client = openai.OpenAI(base_url=f"http://{host}/v1", api_key="k")
    with client, client.realtime.connect(model="gpt-realtime") as connection:
        connection.response.create()
        seen = [connection.recv() for _ in SAID]
        connection.response.cancel()
        return [event.type for event in seen] + [event.type for event in connection]


def _sdk_async(host: str) -> list[str]:
    async def run() -> list[str]:
        client = openai.AsyncOpenAI(base_url=f"http://{host}/v1", api_key="k")
        async with client, client.realtime.connect(model="gpt-realtime") as connection:
            await connection.response.create()
            seen = [await connection.recv() for _ in SAID]
            await connection.response.cancel()
            return [event.type for event in seen] + [event.type async for event in connection]

    return asyncio.run(run())


def _raw(host: str) -> list[str]:
    seen: list[str] = []
    with connect(f"ws://{host}/v1/realtime?model=gpt-realtime") as connection:
        connection.send("{}")
        for message in connection:
            assert isinstance(message, str)
            seen.append(message)
            if len(seen) == len(SAID):
                connection.send("{}")
    assert seen == SAID
    return [json.loads(message)["type"] for message in seen]


def _raw_async(host: str) -> list[str]:
    async def run() -> list[str | bytes]:
        seen: list[str | bytes] = []
        async with connect_async(f"ws://{host}/openai/realtime?deployment=gpt-realtime") as connection:
            await connection.send("{}")
            async for message in connection:
                seen.append(message)
                if len(seen) == len(SAID):
                    await connection.send("{}")
        return seen

    seen = asyncio.run(run())
    assert seen == SAID
    return [json.loads(message)["type"] for message in seen]


# The SDK opens its socket in a way that this release of the library would rather not see.
@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize("session", [_sdk, _sdk_async, _raw, _raw_async])
def test_a_response_is_a_usage_span(host: str, session: Callable[[str], list[str]]) -> None:
    """Text, audio and cache apart; what was transcribed is another model's; a response without usage is missing."""
    with metering() as metered, attribution(tenant="acme"):
        assert session(host) == [json.loads(message)["type"] for message in SAID]
    first, heard, second = metered.claims()
    assert (first.usage, first.usage_source, first.response_id) == (USED, "provider", "resp_1")
    assert (first.call.request_model, first.call.response_model) == ("gpt-realtime", "gpt-realtime-2025")
    assert (heard.usage, heard.response_id) == ({u.INPUT_AUDIO_SECONDS: 3}, "item_1/0")
    assert heard.call.request_model == "gpt-4o-mini-transcribe"
    assert (second.usage, second.usage_source, second.response_id) == ({}, "missing", "resp_2")
    assert {claim.attribution.tenant for claim in (first, heard, second)} == {"acme"}
    assert {(claim.call.provider, claim.call.dialect, claim.call.role) for claim in (first, heard, second)} == {
        ("openai", "wire", "inference")
    }
    assert metered.spans[0].attributes is not None
    assert metered.spans[0].attributes[a.FINISH_REASONS] == ("completed",)


def test_a_session_has_its_price(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each modality at its own, in millionths: 59 * 4 + 60 * 0.4 + 9 * 32 + 4 * 0.4 in, 30 * 16 + 91 * 64 out."""
    with answering(*SAID[2:4]) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}=openai")
        with metering() as metered, connect(f"ws://{host}/v1/realtime?model=gpt-realtime") as connection:
            connection.send("{}")
            connection.recv()
            connection.recv()
            connection.send("{}")
    desk = Desk(store, tmp_path / "journal")
    try:
        desk.post(encode_spans(metered.spans).SerializeToString())
    finally:
        desk.writer.close()
    assert store.query("SELECT model, cost_state, toString(cost) FROM charges") == [
        ("gpt-realtime", "priced", "0.0068536")
    ]


def test_a_session_that_only_transcribes_names_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the beta says it, when it begins and when it is changed."""
    said: list[str] = []
    for happened, model in (("created", "gpt-4o-transcribe"), ("updated", "whisper-1")):
        session = {"id": "s", "object": "realtime.transcription_session", "input_audio_transcription": {"model": model}}
        said += [json.dumps({"type": f"transcription_session.{happened}", "session": session}), json.dumps(HEARD)]
    with answering(*said) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}=openai")
        with metering() as metered, connect(f"ws://{host}/v1/realtime?intent=transcription") as connection:
            connection.send("{}")
            assert [connection.recv() for _ in said] == said
            connection.send("{}")
    assert [claim.call.request_model for claim in metered.claims()] == ["gpt-4o-transcribe", "whisper-1"]


def test_a_socket_is_metered_while_its_provider_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named and left out while it is open; what the session said of itself meanwhile is known."""
    said = [json.dumps(event) for event in (CREATED, done(1), done(2), done(3), done(4))]
    ended = Ended()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(ended)
    with answering(*said) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}=openai")
        try:
            instrument("anthropic", tracer_provider=tracers)
            with connect(f"ws://{host}/v1/realtime") as connection:
                connection.send("{}")
                seen = [connection.recv(), connection.recv()]
                instrument("openai", tracer_provider=tracers)
                seen.append(connection.recv())
                uninstrument("openai")
                seen.append(connection.recv())
                instrument("openai", tracer_provider=tracers)
                seen.append(connection.recv())
                connection.send("{}")
        finally:
            uninstrument()
    assert seen == said
    stated = [span.attributes or {} for span in ended.spans]
    assert [(each[a.RESPONSE_ID], each[a.RESPONSE_MODEL]) for each in stated] == [
        ("resp_2", "gpt-realtime-2025"),
        ("resp_4", "gpt-realtime-2025"),
    ]


def test_responses_come_by_sockets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of a stream of responses, one message each."""
    usage = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}
    response: dict[str, Any] = {
        "id": "resp_9",
        "model": "gpt-4o-2024-08-06",
        "status": "completed",
        "usage": usage,
        "output": [],
    }
    said = [json.dumps({"type": "response.completed", "response": response})]
    with answering(*said) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}=openai")
        with metering() as metered, connect(f"ws://{host}/v1/responses") as connection:
            connection.send("{}")
            assert connection.recv(decode=False) == said[0].encode()
            connection.send("{}")
    (claim,) = metered.claims()
    assert claim.usage == {u.INPUT_TOKENS: 9, u.OUTPUT_TOKENS: 3, u.CACHE_READ_TOKENS: 4}
    assert (claim.response_id, claim.call.response_model) == ("resp_9", "gpt-4o-2024-08-06")


@pytest.mark.parametrize(("path", "named"), [("/v1/realtime", ""), ("/chat", "=openai"), ("/v1/realtime", "=cohere")])
def test_other_sockets_are_left_alone(monkeypatch: pytest.MonkeyPatch, path: str, named: str) -> None:
    """A host that nobody named, another path, another API: messages pass, nothing is metered."""
    with answering(*SAID) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}{named}" if named else "127.0.0.1:1=openai")
        with metering() as metered, connect(f"ws://{host}{path}") as connection:
            connection.send("{}")
            assert [connection.recv() for _ in SAID] == SAID
            connection.send("{}")
    assert not metered.spans


@pytest.mark.parametrize(
    "event", ['{"type":"response.done"', '{"type":["response.done"],"response":7}', '"response.done"']
)
def test_a_message_that_lies_reaches_the_application(
    monkeypatch: pytest.MonkeyPatch, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It has what came, and reading goes on with the next message; our failure is logged once."""
    said = [event, event, json.dumps(done(1))]
    with answering(*said) as host:
        monkeypatch.setenv("SPANLEDGER_ENDPOINTS", f"{host}=openai")
        with metering(failures=True) as metered, connect(f"ws://{host}/v1/realtime") as connection:
            connection.send("{}")
            assert [connection.recv() for _ in said] == said
            connection.send("{}")
    assert [claim.response_id for claim in metered.claims()] == ["resp_1"]
    assert len(caplog.records) == 1
