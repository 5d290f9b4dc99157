"""The time to the first token: who states it, in which unit, and what is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.decoding import claim_of, claims_in
from support.otlp import NOON_NS, Value, chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim, seal, unseal

CORPUS = Path(__file__).parents[3] / "corpus"
CHUNK = "gen_ai.response.time_to_first_chunk"


def first_token(value: Value, *, key: str = CHUNK, scope: str = "test", **changes: Value) -> int | None:
    """What is read of a call of one second."""
    return claim_of(chat(**{key: value}, **changes), scope=scope).time_to_first_token_ns


@pytest.mark.parametrize(
    ("scope", "key", "value", "expected_ns"),
    [
        ("spanledger.wire", CHUNK, 0.522_360_239, 522_360_239),
        ("unknown", CHUNK, "0.5", 500_000_000),
        ("pydantic-ai", "gen_ai.client.operation.time_to_first_chunk", 0.25, 250_000_000),
        ("openlit.instrumentation.openai", "gen_ai.server.time_to_first_token", 0.25, 250_000_000),
        ("strands.telemetry.tracer", "gen_ai.server.time_to_first_token", 64, 64_000_000),
        ("unknown", "gen_ai.server.time_to_first_token", 64, None),
        ("github.copilot", "copilot_chat.time_to_first_token", 450, 450_000_000),
        ("vllm.llm_engine", "gen_ai.latency.time_to_first_token", 0.045, 45_000_000),
    ],
)
def test_each_emitter_has_its_unit(scope: str, key: str, value: Value, expected_ns: int | None) -> None:
    """Seconds by the conventions, milliseconds where an emitter writes them; exact to the nanosecond."""
    assert first_token(value, key=key, scope=scope) == expected_ns


@pytest.mark.parametrize(
    "value", [-0.1, float("nan"), float("inf"), 1e300, True, "soon", "", 1.002, 410.0, '"2026-01-01T12:00:00.5Z"']
)
def test_what_cannot_be_is_unknown(value: Value) -> None:
    """Negative, no number, or later than the call's end; it is neither zero nor a flag, and the counts stand."""
    found = claim_of(chat(**{CHUNK: value}), scope="test")
    assert (found.time_to_first_token_ns, found.flags, found.usage["input_tokens"]) == (None, (), 100)


def test_nothing_of_an_answer_that_came_whole_is_the_first() -> None:
    """OpenLIT states the whole length for an answer that did not stream."""
    told: dict[str, Value] = {"key": "gen_ai.server.time_to_first_token", "scope": "openlit.instrumentation.openai"}
    assert first_token(0.9, **told, gen_ai__request__is_stream=False) is None  # pyright: ignore[reportArgumentType]
    assert first_token(0.9, **told, gen_ai__request__is_stream=True) == 900_000_000  # pyright: ignore[reportArgumentType]


def test_a_call_may_start_now_and_stream_at_once() -> None:
    """Zero is a time; absent is not."""
    assert first_token(0.0) == 0
    assert claim_of(chat(), scope="test").time_to_first_token_ns is None


@pytest.mark.parametrize(
    ("instant", "expected_ns"),
    [
        ('"2026-01-01T12:00:00.25Z"', 250_000_000),
        ("2026-01-01T13:00:00.250000+01:00", 250_000_000),
        ('"2026-01-01T11:59:59Z"', None),
        ('"2026-01-01T12:00:00.25"', None),
        ('"0001-01-01T00:00:00+14:00"', None),
        ("0.25", None),
    ],
)
def test_an_instant_is_measured_from_the_start(instant: str, expected_ns: int | None) -> None:
    """Langfuse says when the completion began; without a zone nobody knows when that was."""
    attributes: dict[str, Value] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "m",
        "langfuse.observation.usage_details": '{"input": 3, "output": 4}',
        "langfuse.observation.completion_start_time": instant,
    }
    assert claim_of(attributes, scope="langfuse-sdk").time_to_first_token_ns == expected_ns


def test_a_record_without_a_length_may_state_up_to_a_day() -> None:
    """There is no end to compare it with."""

    def read(seconds: float) -> int | None:
        kept = sift(sift(request(span(chat(**{CHUNK: seconds}), end_ns=NOON_NS))).payload).spans
        found = decode(kept[0], Credential("*", "acme"))
        assert isinstance(found, Claim)
        return found.time_to_first_token_ns

    assert (read(90.0), read(86_401.0)) == (90 * 10**9, None)


def test_a_claim_keeps_it_and_one_without_it_has_the_same_id_as_ever() -> None:
    """It is stored with the claim; unknown leaves no trace in the payload."""
    told = claim_of(chat(**{CHUNK: 0.5}), scope="test")
    assert unseal(seal(told)[1]) == told
    assert b"first_token" not in seal(claim_of(chat(), scope="test"))[1]


def told_in_corpus() -> Iterator[tuple[str, bool]]:
    """Each recording of spans in which somebody states the time, and whether a claim has it."""
    names = (CHUNK, "ttft_ms", "ai.response.msToFirstChunk", "langfuse.observation.completion_start_time")
    names += ("gen_ai.client.operation.time_to_first_chunk",)
    for path in sorted(CORPUS.glob("*/*.pb")):
        if len(path.suffixes) == 1 and any(name.encode() in path.read_bytes() for name in names):
            yield str(path), any(claim.time_to_first_token_ns is not None for claim in claims_in(path))


def test_every_recording_that_states_it_has_it() -> None:
    """Real emitters' streams, each in its own unit and within its own span."""
    found = dict(told_in_corpus())
    assert (len(found) >= 30, [path for path, read in found.items() if not read]) == (True, [])
