import pytest
from opentelemetry.sdk.resources import Resource
from support.sdk import chat_span

from spanledger.exporter.inprocess.environment import Environment
from spanledger.exporter.inprocess.usage import usage_span
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
def test_every_span_of_a_process_names_its_environment(
    stated: str, resource: dict[str, str], named: dict[str, str]
) -> None:
    """What the settings say, else its resource, else `dev`; the application's own resource stays as it is."""
    span = usage_span(chat_span())
    assert span is not None
    applications = Resource(resource)
    (kept,) = Environment(stated).of([span.of_resource(applications)])
    assert dict(kept.resource.attributes) == named
    assert dict(applications.attributes) == resource


def test_each_resource_is_named_for_itself() -> None:
    """Also where a process has several, in turns."""
    environment = Environment("")
    resources = [Resource({a.SERVICE_NAME: name}) for name in ("a", "b", "a")]
    spans = [usage_span(chat_span()) for _ in resources]
    given = [span.of_resource(resource) for span, resource in zip(spans, resources, strict=True) if span is not None]
    assert [span.resource.attributes[a.SERVICE_NAME] for span in environment.of(given)] == ["a", "b", "a"]
