"""One attempt to call a model, as one CLIENT span that ends exactly once: answered, failed, broken off or abandoned."""

import os
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Final
from weakref import WeakSet

from opentelemetry.util.types import AttributeValue

from spanledger.instrumentation.wire.answer import Answer
from spanledger.instrumentation.wire.apis import APIS
from spanledger.instrumentation.wire.apis.bedrock import from_headers
from spanledger.instrumentation.wire.endpoints import Endpoint
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.inflate import Inflate, UnreadableEncodingError, inflater
from spanledger.instrumentation.wire.request import BODY_BYTES_MAX, Request, estimated_input, spoken_characters
from spanledger.instrumentation.wire.spans import AttemptSpan
from spanledger.instrumentation.wire.streams import UNREADABLE, Document, EventStream, Lines, Reader
from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.wire import ESTIMATED, MISSING, UNIT_ATTRIBUTES
from spanledger.schemas.ending import before_the_end
from spanledger.schemas.errors import BudgetExceededError, PolicyDeniedError
from spanledger.schemas.guarding import Guard, Permit, denied_by, reason_of

# HTTP statuses from here on are no answer to the question.
_REFUSED: Final = 400
_NO_HEADERS: Final[Mapping[str, str]] = {}
_TIERS: Final = {"openai": a.OPENAI_RESPONSE_TIER, "anthropic": a.ANTHROPIC_RESPONSE_TIER}


class Attempt:
    """What one attempt has told so far. Its methods are called by the hooks, under their guard."""

    __slots__ = (
        "_api",
        "_done",
        "_reader",
        "_started_ns",
        "answer",
        "body",
        "endpoint",
        "guard",
        "permit",
        "request",
        "span",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        request: Request,
        body: bytes | None,
        span: AttemptSpan | None,
        guard: Guard | None = None,
    ) -> None:
        self.endpoint, self.request, self.span = endpoint, request, span
        self.answer = Answer()
        self.body = body
        self._api = APIS[endpoint.api]
        self.guard = None if self._api.free else guard
        self.permit: Permit | None = None
        self._reader: Reader | None = None
        self._done = False
        self._started_ns = perf_counter_ns()

    def answered(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The whole answer is here, inflated."""
        if status < _REFUSED and not self._api.free:
            # What begins as JSON is a document, whatever its type says.
            if body[:1] == b"{" and len(body) <= BODY_BYTES_MAX:
                try:
                    self._api.body(body, self.answer)
                except UNREADABLE:
                    failed("read an answer")
            elif (reader := self.read_by(headers.get("content-type", ""))) is not None:
                reader.feed(body)
        self.end(status, headers)

    def read_by(self, kind: str) -> Reader | None:
        """The reader of this attempt's stream, by its media type."""
        reader = self._reader = None if self._api.free else _reader(kind, self)
        return reader

    def end(
        self,
        status: int = 200,
        headers: Mapping[str, str] = _NO_HEADERS,
        error: BaseException | None = None,
        first_chunk_ns: int = 0,
    ) -> None:
        """End the span, the first time; `error` is what the application saw instead of (the rest of) an answer."""
        if self._done:
            return
        self._done = True
        self.answer.on_over = None
        attributes: dict[str, AttributeValue] = {}
        kind = ""
        try:
            if first_chunk_ns and self.request.streams:
                attributes[a.TIME_TO_FIRST_CHUNK] = (first_chunk_ns - self._started_ns) / 1e9
            if status >= _REFUSED:
                attributes[a.HTTP_STATUS_CODE] = status
                kind = str(status)
            else:
                self._state_answer(attributes, headers, began=error is None or self._reader is not None)
                kind = self.answer.error_type or ("" if error is None else _named(error))
            if kind:
                attributes[a.ERROR_TYPE] = kind
            if self.permit is not None:
                self._keep_permit(self.permit, attributes, failed=bool(kind))
        except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
            failed("describe a call")
        self._end_span(attributes, failed_call=bool(kind))

    def deny(self, denial: BudgetExceededError | PolicyDeniedError) -> None:
        """End the span of a call that is not sent, which says who denied it and why. Never raises."""
        self._done = True
        denied = {a.LEDGER_DENIED_BY: denied_by(denial), a.LEDGER_DENIAL_REASON: reason_of(denial)}
        self._end_span({**denied, a.ERROR_TYPE: type(denial).__name__}, failed_call=True)

    def _keep_permit(self, permit: Permit, attributes: dict[str, AttributeValue], *, failed: bool) -> None:
        """Say what held money for this call; give that back where nothing was used."""
        if failed and not (self.answer.usage or self.answer.response_id):
            permit.failed()
            return
        permit.used()
        if permit.reservation_id:
            attributes[a.LEDGER_RESERVATION_ID] = permit.reservation_id

    def _end_span(self, attributes: Mapping[str, AttributeValue], *, failed_call: bool) -> None:
        try:
            if self.span is not None:
                self.span.end(attributes, failed=failed_call)
        except Exception:  # noqa: BLE001 (a processor of the application's that raises, here instead of an answer)
            failed("end a span")

    def _state_answer(self, attributes: dict[str, AttributeValue], headers: Mapping[str, str], *, began: bool) -> None:
        """What the answer names, and the counts: the provider's, or what there is instead."""
        answer = self.answer
        if self._reader is not None:
            self._finish_reading()
        if self.endpoint.family == "bedrock":
            from_headers(headers, answer)
        if not (answer.final or self._api.free):
            self._make_do(attributes, began=began)
        if answer.response_id:
            attributes[a.RESPONSE_ID] = answer.response_id
        if answer.model:
            attributes[a.RESPONSE_MODEL] = answer.model
        if answer.finish_reasons:
            attributes[a.FINISH_REASONS] = tuple(answer.finish_reasons)
        if answer.tier:
            attributes[_TIERS.get(self.endpoint.family, a.LEDGER_SERVICE_TIER)] = answer.tier
        if answer.cost is not None:
            attributes[a.USAGE_COST] = answer.cost
        for unit, number in answer.usage.items():
            attributes[UNIT_ATTRIBUTES[unit]] = number

    def _finish_reading(self) -> None:
        if self._reader is not None:
            self._reader.end()
            if self._reader.faults:
                failed("read an answer")

    def _make_do(self, attributes: dict[str, AttributeValue], *, began: bool) -> None:
        """An estimate that says so, or that the counts are missing."""
        usage = self.answer.usage
        if self._api.characters and (number := spoken_characters(self.body)) is not None:
            usage[u.INPUT_CHARACTERS] = number
        elif began:
            deltas = self._reader.deltas if self._reader else 0
            if deltas or usage:
                self._estimate(usage, deltas)
                attributes[a.LEDGER_USAGE_SOURCE] = ESTIMATED
            else:
                attributes[a.LEDGER_USAGE_SOURCE] = MISSING

    def _estimate(self, usage: dict[str, int], deltas: int) -> None:
        if u.INPUT_TOKENS not in usage and (number := estimated_input(self.body)) is not None:
            usage[u.INPUT_TOKENS] = number
        usage[u.OUTPUT_TOKENS] = max(deltas, usage.get(u.OUTPUT_TOKENS, 0))


class Flow:
    """The bytes of one streamed answer on their way to the application: looked at, never held back."""

    __slots__ = ("__weakref__", "_attempt", "_feed", "_first_ns", "_headers", "_inflate", "_status")

    def __init__(self, attempt: Attempt, status: int, headers: Mapping[str, str]) -> None:
        self._attempt, self._status, self._headers = attempt, status, headers
        self._first_ns = 0
        self._inflate: Inflate | None = None
        attempt.answer.on_over = self.end
        reader = None if status >= _REFUSED else attempt.read_by(headers.get("content-type", ""))
        self._feed = reader.feed if reader is not None else _ignore
        try:
            self._inflate = inflater(headers.get("content-encoding", ""))
        except UnreadableEncodingError:
            self._feed = _ignore
        _flows.add(self)

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes as they came. Never raises."""
        try:
            if not self._first_ns:
                self._first_ns = perf_counter_ns()
            if self._inflate is None:
                self._feed(chunk)
            else:
                for piece in self._inflate(chunk):
                    self._feed(piece)
        except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
            self._feed, self._inflate = _ignore, None
            failed("read a stream")

    def inflated(self) -> None:
        """Somebody inflates the bytes before they come here."""
        self._inflate = None

    def end(self, error: BaseException | None = None) -> None:
        """No more comes: read to its end, closed, collected, or broken off by `error`. Never raises; once is enough."""
        self._attempt.end(self._status, self._headers, error, self._first_ns)


class _Flows:
    """The flows of this process. Those that are still open when it ends are ended, while they can be recorded."""

    def __init__(self) -> None:
        self._registered = False
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def add(self, flow: Flow) -> None:
        """Take one more, which nobody keeps alive for it."""
        if not self._registered:
            # Not before: exit handlers run in reverse, and the provider of this flow's span closes by one.
            self._registered = True
            before_the_end(self.end)
        self._flows.add(flow)

    def end(self) -> bool:
        """End them all; whether there was any."""
        ended = False
        while True:
            # Other threads may begin more meanwhile, so nothing is iterated.
            try:
                flow = self._flows.pop()
            except KeyError:
                return ended
            ended = True
            flow.end()

    def _forget(self) -> None:
        """A child's answers are not its parent's."""
        self._flows: WeakSet[Flow] = WeakSet()


_flows: Final = _Flows()


def _reader(kind: str, attempt: Attempt) -> Document | Lines | EventStream | None:
    """By media type; a body that says it is something else is a document, unless it is surely no text."""
    api, answer = APIS[attempt.endpoint.api], attempt.answer
    if not kind:
        return Document(api, answer)
    kind = kind.lower()
    if "amazon.eventstream" in kind:
        return EventStream(api, answer)
    if "event-stream" in kind or "ndjson" in kind or "stream+json" in kind or "jsonl" in kind:
        return Lines(api, answer)
    if kind.startswith(("audio/", "image/", "video/", "application/octet-stream")):
        return None
    return Document(api, answer)


def _ignore(_chunk: bytes) -> None:
    """For bytes we cannot read."""


def _named(error: BaseException | None) -> str:
    if error is None:
        return ""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
