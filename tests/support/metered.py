"""Spans of the wire instrumentors, read back as claims through the real sift and decode."""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from support.decoding import OPEN
from support.sdk import Ended

from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.instrumentation import AttributionSpanProcessor
from spanledger.instrumentation.wire.guard import FAILURES
from spanledger.instrumentation.wire.instrumentors import INSTRUMENTORS, WireInstrumentor
from spanledger.schemas.claim import Claim


class Metered:
    """What was metered so far."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every span that ended."""
        return self._ended.spans

    def claims(self) -> list[Claim]:
        """What the ledger understands of them."""
        return [claim for span in self.spans for claim in claims_of(span)]


@contextmanager
def metering(*, failures: bool = False) -> Generator[Metered]:
    """Meter every library that is installed while the block runs; our own failures fail the test unless expected."""
    ended = Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(AttributionSpanProcessor())
    provider.add_span_processor(ended)
    FAILURES.clear()
    on: list[WireInstrumentor] = []
    try:
        for instrumentor in (kind() for kind in INSTRUMENTORS):
            instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
            on.append(instrumentor)
        yield Metered(ended)
        assert failures or not FAILURES, FAILURES
    finally:
        for instrumentor in on:
            instrumentor.uninstrument()


def claims_of(span: ReadableSpan) -> list[Claim]:
    """The claim of one span, if it is one."""
    found = [decode(record, OPEN) for record in sift(encode_spans([span]).SerializeToString()).spans]
    assert not any(isinstance(each, Quarantined) for each in found)
    return [each for each in found if isinstance(each, Claim)]
