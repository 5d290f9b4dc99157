import pytest
from opentelemetry.util.types import AnyValue
from support.sdk import chat_span, ended_span

from spanledger.exporter.inprocess.usage import usage_span
from spanledger.schemas import attributes as a


@pytest.mark.parametrize("attributes", [{}, {"db.system": "sqlite"}, {"message": "gen_ai.usage.input_tokens"}])
def test_a_span_without_a_mark_is_not_kept(attributes: dict[str, AnyValue]) -> None:
    """Nearly every span of an application: no attribute's name has to do with usage."""
    assert usage_span(ended_span(attributes)) is None


@pytest.mark.parametrize("name", [a.OPERATION_NAME, a.USAGE_INPUT_TOKENS, a.LEDGER_UNITS])
def test_a_span_with_a_mark_is_kept(name: str) -> None:
    """A GenAI attribute or an explicit unit makes a usage span."""
    kept = usage_span(ended_span({"http.route": "/", name: 7}))
    assert kept is not None
    assert dict(kept.attributes or {}) == {name: 7}


def test_prompts_are_left_out_and_attribution_stays() -> None:
    """The allow-list decides: content never waits in memory, whatever is attributed does."""
    kept = usage_span(
        ended_span(
            {
                a.OPERATION_NAME: "chat",
                "gen_ai.input.messages": "a secret prompt",
                "gen_ai.prompt": "another",
                "ledger.tenant": "acme",
                "ledger.anything": "blue",
            }
        )
    )
    assert kept is not None
    assert dict(kept.attributes or {}) == {
        a.OPERATION_NAME: "chat",
        "ledger.tenant": "acme",
        "ledger.anything": "blue",
    }


def test_what_identifies_and_dates_the_span_stays() -> None:
    """Ids, times, status, resource and scope are the span's own."""
    span = chat_span()
    kept = usage_span(span)
    assert kept is not None
    assert (kept.name, kept.context, kept.parent, kept.kind) == (span.name, span.context, span.parent, span.kind)
    assert (kept.start_time, kept.end_time, kept.status) == (span.start_time, span.end_time, span.status)
    assert kept.resource is span.resource
    assert kept.instrumentation_scope is span.instrumentation_scope
    assert (kept.events, kept.links) == ((), ())


def test_attributes_the_sdk_dropped_are_still_counted() -> None:
    """The usage may have been among them: a reader of the ledger should know."""
    span = ended_span({a.OPERATION_NAME: "chat", a.USAGE_INPUT_TOKENS: 1, "x": 2}, attributes_max=2)
    kept = usage_span(span)
    assert kept is not None
    assert kept.dropped_attributes == 1
