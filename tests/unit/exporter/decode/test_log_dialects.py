"""Coding agents' log records and spans, and events that repeat a span: each counts in its own way."""

import pytest
from support.decoding import claim_of, decoded
from support.otlp import NOON_NS, Value, chat
from support.otlp_logs import claim_told, log, told

CLAUDE = "com.anthropic.claude_code.events"
GEMINI = "gemini-cli"
CODEX = "codex_otel.log_only"
DETAILS = "gen_ai.client.inference.operation.details"


def _claude(**more: Value) -> dict[str, Value]:
    counts = {"input_tokens": 23, "output_tokens": 53, "cache_read_tokens": 2900, "cache_creation_tokens": 557}
    return {**counts, "event.name": "api_request", "model": "claude-x", "request_id": "req_1", **more}


def _gemini(**more: Value) -> dict[str, Value]:
    counts = {"input_token_count": 2203, "output_token_count": 41, "cached_content_token_count": 1800}
    return {**counts, "thoughts_token_count": 301, "event.name": "gemini_cli.api_response", "model": "gemini-x", **more}


def _codex(**more: Value) -> dict[str, Value]:
    counts: dict[str, Value] = {"input_token_count": "4099", "output_token_count": "613", "tool_token_count": "4712"}
    details = {"cached_token_count": 3072, "cache_write_token_count": 512, "reasoning_token_count": 448}
    return {**counts, **details, "event.name": "codex.sse_event", "model": "gpt-x", **more}


def test_claude_code_counts_as_anthropic_does() -> None:
    """Input is without caches; the length is before the record, and the request's id joins it to its span."""
    stated = _claude(duration_ms=16, cost_usd=0.003951, speed="fast")
    found = claim_told(log(stated, body="claude_code.api_request"), scope=CLAUDE)
    assert found.usage == {
        "input_tokens": 3480,
        "output_tokens": 53,
        "cache_read_tokens": 2900,
        "cache_write_tokens": 557,
    }
    assert (found.end_ns, found.end_ns - found.start_ns) == (NOON_NS, 16_000_000)
    assert (found.reported_cost, found.reported_currency) == ("0.003951", "USD")
    assert (found.call.provider, found.call.response_model, found.response_id) == ("anthropic", "claude-x", "req_1")
    assert found.call.service_tier == "fast"
    assert (found.signal, len(found.span_id), found.parent_span_id) == ("logs", 32, "0000000000000001")
    attributes = {**_claude(), "gen_ai.response.id": "req_1", "gen_ai.system": "anthropic", "gen_ai.request.model": "x"}
    traced = claim_of(attributes, scope="com.anthropic.claude_code.tracing", name="claude_code.llm_request")
    assert (traced.usage, traced.response_id, traced.call.request_model) == (found.usage, found.response_id, "x")


@pytest.mark.parametrize("length", ["soon", "nan", "-5", "1e30", ""])
def test_a_length_that_cannot_be_one_is_none(length: str) -> None:
    """The record stays a point in time."""
    found = claim_told(log(_claude(duration_ms=length)), scope=CLAUDE)
    assert found.start_ns == found.end_ns == NOON_NS


def test_an_error_of_claude_code_is_a_failed_attempt() -> None:
    """It states no counts, and its message goes no further."""
    attributes: dict[str, Value] = {"model": "claude-x", "error": "secret", "status_code": 529, "request_id": "req_2"}
    found = claim_told(log({**attributes, "event.name": "api_error"}), scope=CLAUDE)
    assert (found.status, found.error_type, found.usage, found.usage_source) == ("error", "529", {}, "missing")
    assert (found.response_id, found.flags) == ("req_2", ())


@pytest.mark.parametrize("event", ["user_prompt", "tool_result", "assistant_response", "api_requests"])
def test_other_events_of_claude_code_are_no_calls(event: str) -> None:
    """Even with a mark and a model among their attributes."""
    assert told(log(_claude(**{"event.name": event})), scope=CLAUDE) is None


@pytest.mark.parametrize("name", ["claude_code.interaction", "claude_code.tool", "claude_code.tool.execution"])
def test_other_spans_of_claude_code_are_no_calls(name: str) -> None:
    """What surrounds a request uses nothing of its own."""
    attributes = {**_claude(), "gen_ai.system": "anthropic"}
    assert decoded(attributes, scope="com.anthropic.claude_code.tracing", name=name) is None


def test_gemini_bills_thoughts_as_output_and_tools_as_input() -> None:
    """`output_token_count` is without thoughts, `input_token_count` without what tools put into the prompt."""
    found = claim_told(log(_gemini(tool_token_count=7, duration_ms=92)), scope=GEMINI)
    assert found.usage == {
        "input_tokens": 2210,
        "output_tokens": 342,
        "cache_read_tokens": 1800,
        "reasoning_tokens": 301,
    }
    assert (found.call.provider, found.call.response_model) == ("gcp.gen_ai", "gemini-x")
    assert found.end_ns - found.start_ns == 92_000_000


def test_gemini_counts_are_not_mistaken_for_exclusive_ones() -> None:
    """As many thoughts as cached tokens: the sum fits both ways of counting, the dialect decides."""
    found = claim_told(log(_gemini(thoughts_token_count=1800, total_token_count=4044)), scope=GEMINI)
    assert (found.usage["input_tokens"], found.inclusivity) == (2203, "table")


@pytest.mark.parametrize(
    ("auth_type", "provider"),
    [("vertex-ai", "gcp.vertex_ai"), ("oauth-personal", "gcp.gen_ai"), ("gemini-api-key", "gcp.gen_ai")],
)
def test_how_gemini_cli_signs_in_tells_who_serves(auth_type: str, provider: str) -> None:
    """Its own details event derives the provider so."""
    assert claim_told(log(_gemini(auth_type=auth_type)), scope=GEMINI).call.provider == provider


def test_the_twin_of_a_gemini_response_is_passed_over() -> None:
    """It repeats the response without its thoughts, and a request before it without counts."""
    twin = chat(event__name=DETAILS, gen_ai__response__id="gem-1", gen_ai__usage__output_tokens=41)
    assert told(log(twin), scope=GEMINI) is None
    assert told(log({"event.name": DETAILS, "gen_ai.request.model": "gemini-x"}), scope=GEMINI) is None


def test_an_error_of_gemini_cli_is_a_failed_attempt() -> None:
    """Its class is kept, its message is not."""
    attributes = {
        "event.name": "gemini_cli.api_error",
        "model": "gemini-x",
        "error": "secret",
        "error_type": "ApiError",
    }
    found = claim_told(log(attributes), scope=GEMINI)
    assert (found.status, found.error_type, found.usage) == ("error", "ApiError", {})


def test_codex_counts_as_openai_does() -> None:
    """Strings or numbers; input and output contain their parts, and `tool_token_count` is the sum."""
    record = log(_codex(**{"conversation.id": "c1"}), event="event otel/src/lib.rs:7", trace_id=0, span_id=0)
    found = claim_told(record, scope=CODEX)
    assert found.usage == {
        "input_tokens": 4099,
        "output_tokens": 613,
        "cache_read_tokens": 3072,
        "cache_write_tokens": 512,
        "reasoning_tokens": 448,
    }
    assert (found.trace_id, found.call.provider, found.call.response_model) == ("", "", "gpt-x")
    assert (found.attribution.conversation_id, found.usage_source, found.flags) == ("c1", "provider", ())


def test_the_record_of_a_codex_event_without_counts_is_not_found() -> None:
    """Two records tell of one completed response; one has the counts."""
    attributes = {"event.name": "codex.sse_event", "event.kind": "response.completed", "duration_ms": "9"}
    assert told(log({**attributes, "model": "gpt-x"}), scope=CODEX) is None
    assert told(log(_codex(**{"event.name": "codex.turn"})), scope=CODEX) is None


@pytest.mark.parametrize("name", ["handle_responses", "completed"])
def test_the_spans_of_codex_are_known_by_what_they_state(name: str) -> None:
    """A release may name the span after the event it handles; a turn repeats under other names."""
    attributes: dict[str, Value] = {
        "gen_ai.usage.input_tokens": 4099,
        "gen_ai.usage.cache_read.input_tokens": 3072,
        "gen_ai.usage.output_tokens": 613,
        "codex.usage.reasoning_output_tokens": 448,
        "codex.usage.total_tokens": 4712,
    }
    found = claim_of(attributes, scope="codex_exec", name=name)
    assert (found.call.role, found.call.dialect, found.flags) == ("inference", "codex-cli", ())
    assert (found.usage["input_tokens"], found.usage["reasoning_tokens"]) == (4099, 448)
    assert found.start_ns < claim_told(log(_codex(), time_ns=NOON_NS - 5), scope=CODEX).end_ns < found.end_ns
    turn: dict[str, Value] = {"codex.turn.token_usage.input_tokens": 4099, "codex.turn.token_usage.output_tokens": 613}
    assert decoded(turn, scope="codex_exec", name="session_task.turn") is None


@pytest.mark.parametrize(
    ("scope", "input_tokens", "dialect"),
    [
        ("opentelemetry.instrumentation.genai.anthropic", 3480, "otel-genai"),
        ("openlit.instrumentation.anthropic", 6937, "openlit-exclusive"),
        ("somebody", 3480, "semconv"),
    ],
)
def test_an_event_counts_as_its_emitters_spans_do(scope: str, input_tokens: int, dialect: str) -> None:
    """The same attributes mean one thing from one library and another from the next."""
    attributes = chat(
        gen_ai__provider__name="anthropic",
        gen_ai__response__id="msg_1",
        gen_ai__usage__input_tokens=3480,
        gen_ai__usage__cache_read__input_tokens=2900,
        gen_ai__usage__cache_creation__input_tokens=557,
    )
    found = claim_told(log(attributes, event=DETAILS), scope=scope)
    traced = claim_of(attributes, scope=scope)
    assert (found.usage["input_tokens"], found.call.dialect) == (input_tokens, dialect)
    assert (found.usage, found.inclusivity, found.response_id) == (traced.usage, traced.inclusivity, traced.response_id)


def test_a_guess_of_openlit_is_no_less_a_guess_in_an_event() -> None:
    """The event states zeros for caches nobody told of, and not whether the call was streamed."""
    zeros = chat(gen_ai__usage__cache_read__input_tokens=0, gen_ai__usage__cache_creation__input_tokens=0)
    scope = "openlit.instrumentation.openai"
    assert claim_told(log(zeros, event=DETAILS), scope=scope).usage_source == "estimated"
    cached = {**zeros, "gen_ai.usage.cache_read.input_tokens": 64}
    assert claim_told(log(cached, event=DETAILS), scope=scope).usage_source == "provider"


def test_an_event_without_counts_is_a_lost_count_or_a_failure() -> None:
    """An answer whose usage was not sent is not zero; a request that has no answer yet is no call."""
    asked: dict[str, Value] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-x"}
    lost = claim_told(log({**asked, "gen_ai.response.id": "r1"}, event=DETAILS))
    assert (lost.usage, lost.usage_source, lost.status) == ({}, "missing", "ok")
    failed = claim_told(
        log({**asked, "error.type": "429"}, event=DETAILS), scope="opentelemetry.instrumentation.genai."
    )
    assert (failed.usage, failed.status, failed.error_type) == ({}, "error", "429")
    assert told(log(asked, event=DETAILS)) is None


def test_a_turn_of_copilot_chat_is_passed_over() -> None:
    """It repeats the details events of the same turn, without saying which."""
    turn: dict[str, Value] = {"event.name": "copilot_chat.agent.turn", "turn.index": 0}
    used: dict[str, Value] = {"gen_ai.usage.input_tokens": 1500, "gen_ai.usage.output_tokens": 250}
    assert told(log({**turn, **used}), scope="copilot-chat") is None
    assert claim_told(log(chat(event__name=DETAILS)), scope="copilot-chat").usage["input_tokens"] == 100


def test_work_may_be_stated_in_a_record() -> None:
    """`ledger.units` means the same on every signal."""
    found = claim_told(log({"ledger.units": 3, "ledger.unit_type": "pages"}))
    assert (found.call.role, found.usage, found.signal) == ("work", {"pages": 3}, "logs")
