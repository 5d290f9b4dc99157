"""The one meter of a process: whether a request is a call to a model, and whose attempt it is then."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer, TracerProvider

from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.endpoints import Endpoint, Endpoints
from spanledger.instrumentation.wire.request import read_request
from spanledger.schemas import attributes as a

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

OWNED: Final[ContextVar[bool]] = ContextVar("spanledger_attempt_owned", default=False)
"""Whether a library further out has taken this attempt: httpx may run over aiohttp, requests over urllib3."""

# Stainless writes the SDKs of OpenAI, Anthropic, Groq and others; botocore counts from 1.
_STAINLESS_RETRIES: Final = "x-stainless-retry-count"
_AMAZON_ATTEMPT: Final = "amz-sdk-request"


class Meter:
    """What the hooks ask. One a process; every library's hook shares it."""

    def __init__(
        self, endpoints: Endpoints, tracer_provider: TracerProvider | None = None, only: frozenset[str] | None = None
    ) -> None:
        self.endpoints = endpoints
        self._only = only or None
        self._tracer: Tracer = trace.get_tracer(a.WIRE_SCOPE, tracer_provider=tracer_provider)

    def recognise(self, scheme: str, host: str, port: int | None, path: str) -> Endpoint | None:
        """The endpoint of a POST to this URL, if it is metered and nobody further out has taken it."""
        endpoint = self.endpoints.recognise(scheme, host.lower(), port, path)
        if endpoint is None or OWNED.get():
            return None
        if self._only is not None and self._only.isdisjoint((endpoint.provider, endpoint.family)):
            return None
        return endpoint

    def admit(self, providers: frozenset[str]) -> None:
        """Meter these providers or families as well; all of them, if none is named."""
        self._only = None if self._only is None or not providers else self._only | providers

    def dismiss(self, providers: frozenset[str]) -> bool:
        """Meter these no more, of those that were named; whether others are left."""
        if self._only is not None:
            self._only -= providers
        return bool(self._only)

    def begin(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes | None) -> Attempt | None:
        """Begin an attempt; None if nobody would see its span."""
        request = read_request(endpoint, body)
        attributes: dict[str, AttributeValue] = {
            a.OPERATION_NAME: endpoint.operation,
            a.PROVIDER_NAME: endpoint.provider,
            a.SERVER_ADDRESS: endpoint.address,
            a.SERVER_PORT: endpoint.port,
        }
        if request.model:
            attributes[a.REQUEST_MODEL] = request.model
        if request.streams:
            attributes[a.REQUEST_STREAM] = True
        if endpoint.region:
            attributes[a.CLOUD_REGION] = endpoint.region
        if request.tier and endpoint.family == "openai":
            attributes[a.OPENAI_REQUEST_TIER] = request.tier
        if request.user:
            attributes[a.GEN_AI_USER] = request.user
        if resent := _resent(headers, endpoint):
            attributes[a.HTTP_RESEND_COUNT] = resent
        name = f"{endpoint.operation} {request.model}" if request.model else endpoint.operation
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        return Attempt(endpoint, request, body, span) if span.is_recording() else None


def _resent(headers: Mapping[str, str], endpoint: Endpoint) -> int:
    if endpoint.family != "bedrock":
        return _number(headers.get(_STAINLESS_RETRIES, "0"))
    _, _, attempt = headers.get(_AMAZON_ATTEMPT, "").partition("attempt=")
    return max(0, _number(attempt.partition(";")[0]) - 1)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
