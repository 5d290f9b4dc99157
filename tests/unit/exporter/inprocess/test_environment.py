import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from spanledger.exporter.inprocess.environment import name_environment
from spanledger.schemas import attributes as a


@pytest.mark.parametrize(
    ("stated", "resource", "named"),
    [
        ("", {}, {a.ENVIRONMENT_NAME: "dev"}),
        ("prod", {}, {a.ENVIRONMENT_NAME: "prod"}),
        ("", {a.ENVIRONMENT_NAME: "staging"}, {a.ENVIRONMENT_NAME: "staging"}),
        ("", {a.ENVIRONMENT_OLD: "staging"}, {a.ENVIRONMENT_OLD: "staging"}),
        ("prod", {a.ENVIRONMENT_NAME: "staging"}, {a.ENVIRONMENT_NAME: "prod"}),
    ],
)
def test_all_usage_of_a_process_names_its_environment(
    stated: str, resource: dict[str, str], named: dict[str, str]
) -> None:
    """What the settings say, else its resource, else `dev`: each resource for itself."""
    spans = [_span({**resource, a.SERVICE_NAME: name}) for name in ("a", "b")]
    request = encode_spans(spans)
    name_environment(request, stated)
    assert [
        {pair.key: pair.value.string_value for pair in group.resource.attributes} for group in request.resource_spans
    ] == [{**named, a.SERVICE_NAME: name} for name in ("a", "b")]
    assert dict(spans[0].resource.attributes) == {**resource, a.SERVICE_NAME: "a"}, "the application's own stays"


def _span(resource: dict[str, str]) -> ReadableSpan:
    context = SpanContext(1, 2, is_remote=False)
    return ReadableSpan("chat", context, resource=Resource(resource), attributes={a.OPERATION_NAME: "chat"})
