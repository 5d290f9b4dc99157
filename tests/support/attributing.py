"""What spans that start here and now are stamped with."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from spanledger.instrumentation import AttributionSpanProcessor
from spanledger.instrumentation.work.sink import Sink, sinks
from spanledger.schemas.attributes import LEDGER_PREFIX

_R = TypeVar("_R")

provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(AttributionSpanProcessor())
tracer = provider.get_tracer("tests")


def stamped() -> dict[str, object]:
    """The attribution of a span that starts here, by field."""
    attributes = cast("Mapping[str, object]", getattr(tracer.start_span("span"), "attributes", {}))
    return {key.removeprefix(LEDGER_PREFIX): value for key, value in attributes.items()}


async def stamped_in_task() -> dict[str, object]:
    """The same, in a task of its own."""
    return await asyncio.create_task(_stamped())


async def _stamped() -> dict[str, object]:
    await asyncio.sleep(0)
    return stamped()


def plainly(function: Callable[[], _R]) -> Callable[[], _R]:
    """A plain function that hands on what another makes, as many a decorator has it."""

    def handing_on() -> _R:
        return function()

    return handing_on


class Taken(SpanProcessor):
    """A ledger processor that remembers what it is handed."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Remember one."""
        self.spans.append(span)

    def ledger_counts(self) -> dict[str, int]:
        """How many."""
        return {"journaled": len(self.spans)}

    def said(self) -> list[dict[str, object]]:
        """The attributes of everything that was handed over."""
        return [dict(span.attributes or {}) for span in self.spans]


@contextmanager
def taking() -> Generator[Taken]:
    """Explicit work of this process is handed to a processor that remembers it."""
    taken = Taken()
    sinks.use(Sink(taken, Resource({})))
    try:
        yield taken
    finally:
        sinks.use(None)
