"""The one meter of a process: whether a request is a call to a model, and whose attempt it is then."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.trace import TracerProvider

from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.endpoints import Endpoint, Endpoints
from spanledger.instrumentation.wire.request import read_request
from spanledger.instrumentation.wire.spans import Spans
from spanledger.schemas import attributes as a

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from spanledger.schemas.guarding import Guard


class Owner:
    """Who has taken an attempt: a library further out, for as long as it sends. httpx may run over aiohttp."""

    __slots__ = ("sending",)

    def __init__(self) -> None:
        self.sending = True
        _OWNER.set(self)


# Never reset: a task that was started while its parent sent has its parent's, which is no owner any more.
_OWNER: Final[ContextVar[Owner | None]] = ContextVar("spanledger_attempt_owner", default=None)


class Meter:
    """What the hooks ask. One a process; every library's hook shares it."""

    def __init__(
        self, endpoints: Endpoints, tracer_provider: TracerProvider | None = None, only: frozenset[str] | None = None
    ) -> None:
        self.endpoints = endpoints
        self._only = only or None
        self._dismissed: frozenset[str] = frozenset()
        self.guard: Guard | None = None
        """Who is asked before a call is sent, where somebody is."""
        self._spans = Spans(trace.get_tracer(a.WIRE_SCOPE, tracer_provider=tracer_provider))

    def recognise(self, scheme: str, host: str, port: int | None, path: str) -> Endpoint | None:
        """The endpoint of a POST to this URL, if it is metered and nobody further out has taken it."""
        endpoint = self.endpoints.recognise(scheme, host, port, path)
        if endpoint is None or ((owner := _OWNER.get()) is not None and owner.sending):
            return None
        return endpoint if self.admits(endpoint) else None

    def admits(self, endpoint: Endpoint) -> bool:
        """Whether calls to it are metered now: providers are admitted and dismissed at any time."""
        names = (endpoint.provider, endpoint.family)
        return self._dismissed.isdisjoint(names) if self._only is None else not self._only.isdisjoint(names)

    def admit(self, providers: frozenset[str]) -> None:
        """Meter these providers or families as well; all of them, if none is named."""
        self._only = None if self._only is None or not providers else self._only | providers
        self._dismissed = self._dismissed - providers if providers else frozenset()

    def dismiss(self, providers: frozenset[str]) -> bool:
        """Meter these no more; whether others are left."""
        if self._only is None:
            self._dismissed |= providers
            return True
        self._only -= providers
        return bool(self._only)

    def begin(self, endpoint: Endpoint, resent: str | None, body: bytes | None) -> Attempt | None:
        """Begin an attempt; None if nobody would see its span. `resent`: what the header `endpoint.resends` says."""
        request = read_request(endpoint, body)
        attributes: dict[str, AttributeValue] = {**endpoint.stated}
        name = endpoint.operation
        if request.model:
            attributes[a.REQUEST_MODEL] = request.model
            name = f"{name} {request.model}"
        if request.streams:
            attributes[a.REQUEST_STREAM] = True
        if request.tier and endpoint.family == "openai":
            attributes[a.OPENAI_REQUEST_TIER] = request.tier
        if request.user:
            attributes[a.GEN_AI_USER] = request.user
        if resent and resent != "0" and (count := _resent(resent)):
            attributes[a.HTTP_RESEND_COUNT] = count
        span = self._spans.begin(name, attributes)
        if span is None and self.guard is None:
            return None
        return Attempt(endpoint, request, body, span, self.guard)


def _resent(stated: str) -> int:
    """The SDKs that Stainless writes count from 0; botocore, in `attempt=2; max=4`, from 1."""
    _, amazon, attempt = stated.partition("attempt=")
    text = attempt.partition(";")[0] if amazon else stated
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    return max(0, number - 1) if amazon else number
