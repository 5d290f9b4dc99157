import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from support.application import text
from support.sdk import chat_span

from spanledger.exporter.inprocess import entries as module
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.entries import Home, entries
from spanledger.exporter.inprocess.environment import name_environment
from spanledger.exporter.inprocess.usage import usage_span
from spanledger.exporter.journal import RecordType, Signal
from spanledger.exporter.sift import sift
from spanledger.schemas import attributes as a


def models(payload: bytes) -> list[str]:
    """The models called in a payload."""
    return [text(span, a.REQUEST_MODEL) for span in sift(payload).spans]


def broken_span() -> ReadableSpan:
    """A span that no SDK makes: it has no context."""
    return ReadableSpan("broken", context=None, attributes={a.OPERATION_NAME: "chat"})


def test_a_group_becomes_one_entry() -> None:
    """All spans of a group share a record, under the open scope and the configured tenant."""
    (entry,) = entries([chat_span("m1"), chat_span("m2")], Home("acme"), Counts())
    assert models(entry.payload) == ["m1", "m2"]
    assert (entry.signal, entry.scope, entry.tenant, entry.elements) == (Signal.TRACES, "*", "acme", 2)
    assert entry.type is RecordType.REQUEST


def test_both_doors_keep_the_same() -> None:
    """The journal holds what a receiver would have kept of the same span sent by the OTLP exporter."""
    span = chat_span()
    kept = usage_span(span)
    assert kept is not None
    (entry,) = entries([kept], Home("acme"), Counts())
    request = encode_spans([span])
    name_environment(request, "")
    assert entry.payload == sift(request.SerializeToString()).payload


def test_a_span_that_cannot_be_encoded_costs_its_neighbours_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is found by halving, counted, and told once."""
    counts = Counts()
    spans = [chat_span("m1"), broken_span(), chat_span("m2"), broken_span()]
    kept = [model for entry in entries(spans, Home("acme"), counts) for model in models(entry.payload)]
    assert kept == ["m1", "m2"]
    assert counts.read() == {"refused": 2}
    assert len(caplog.records) == 1


def test_a_span_with_impossible_ids_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """As the receiver refuses it, with the same reason."""
    counts = Counts()
    zero = ReadableSpan("zero", context=SpanContext(0, 0, is_remote=False), attributes={a.OPERATION_NAME: "chat"})
    assert list(entries([zero], Home("acme"), counts)) == []
    assert counts.read() == {"refused": 1}
    assert "trace_id" in caplog.text


def test_a_span_that_states_nothing_is_counted_only() -> None:
    """It holds no mark once it is reduced, and makes no record."""
    counts = Counts()
    plain = ReadableSpan("plain", context=SpanContext(1, 1, is_remote=False))
    assert list(entries([plain], Home("acme"), counts)) == []
    assert counts.read() == {"unused": 1}


def test_a_large_group_becomes_several_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record stays well below a segment; a single span is never split."""
    monkeypatch.setattr(module, "ENTRY_BYTES_MAX", 400)
    made = list(entries([chat_span(f"m{number}") for number in range(4)], Home("acme"), Counts()))
    assert [model for entry in made for model in models(entry.payload)] == ["m0", "m1", "m2", "m3"]
    assert len(made) > 1


class Prompt:
    """What an instrumentation of somebody's own may have put into a span."""

    def __str__(self) -> str:
        return SECRET


SECRET = "what the user asked"


def test_what_cannot_be_encoded_is_quoted_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither by us nor by the SDK's encoder that we call: of an error its kind and place, and the call is booked."""
    counts = Counts()
    good = {a.OPERATION_NAME: "chat", a.REQUEST_MODEL: "m1"}
    odd = [
        {**good, a.CONVERSATION_ID: Prompt()},
        {**good, a.CONVERSATION_ID: f"{SECRET} \ud800"},
        {**good, a.CONVERSATION_ID: {"said": Prompt()}},
    ]
    context = SpanContext(1, 1, is_remote=False)
    spans = [ReadableSpan("chat", context=context, attributes=each) for each in odd]  # pyright: ignore[reportArgumentType]
    spans.append(ReadableSpan(f"{SECRET} \ud800", context=context, attributes=good))
    kept = [model for entry in entries(spans, Home("acme"), counts) for model in models(entry.payload)]
    assert kept == ["m1"] * 3
    assert counts.read() == {"attributes_left_out": 3, "refused": 1}
    assert SECRET not in caplog.text
    assert "cannot be encoded: UnicodeEncodeError at " in caplog.text
    assert len(caplog.records) == 2


def test_an_exporter_of_the_applications_own_logs_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    """The same encoder, called by somebody else."""
    assert list(entries([chat_span()], Home("acme"), Counts()))
    span = ReadableSpan("chat", context=SpanContext(1, 1, is_remote=False), attributes={"a": Prompt()})  # pyright: ignore[reportArgumentType]
    encode_spans([span])
    assert SECRET in caplog.text
