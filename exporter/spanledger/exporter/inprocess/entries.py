"""Spans of the SDK → journal entries, through OTLP and the same sift as a request to the receiver. No I/O."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spanledger.exporter.credential import Credential
from spanledger.exporter.inprocess.counts import Counts, kind_and_place
from spanledger.exporter.inprocess.encoding import encode_quietly
from spanledger.exporter.inprocess.environment import name_environment
from spanledger.exporter.journal import Entry, Signal
from spanledger.exporter.sift import Mask, Pseudonyms, sift

# A credential is what a sender proves itself with; the own process needs none, like the open loopback door.
SCOPE: Final = "*"

# Half of the segments an application journals into; a group of 256 spans is some 100 kB.
ENTRY_BYTES_MAX: Final = 128 * 1024


class Home(NamedTuple):
    """What a process says of all its usage."""

    tenant: str
    environment: str = ""
    pseudonyms: Pseudonyms | None = None
    """Whether, and by which key, persons are renamed before anything is written."""

    @property
    def mask(self) -> Mask | None:
        """The pseudonyms of what this process states."""
        return Mask(self.pseudonyms, Credential(SCOPE, self.tenant)) if self.pseudonyms else None


def entries(spans: Sequence[ReadableSpan], home: Home, counts: Counts) -> Iterator[Entry]:
    """The entries that hold `spans`. One that cannot be encoded is set apart by halving, counted and left out."""
    try:
        request = encode_quietly(spans, counts)
        name_environment(request, home.environment)
        sifted = sift(request.SerializeToString(), "traces", home.mask)
    except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
        # Whatever a span of the application may hold, its neighbours are kept and the application goes on.
        if len(spans) == 1:
            counts.add("refused", reason=f"a usage span cannot be encoded: {kind_and_place(error)}")
        else:
            yield from _halves(spans, home, counts)
        return
    if len(sifted.payload) > ENTRY_BYTES_MAX and len(spans) > 1:
        yield from _halves(spans, home, counts)
        return
    if sifted.rejected:
        counts.add("refused", sifted.rejected, reason=f"a usage span is refused: {next(iter(sifted.reasons))}")
    kept = len(sifted.spans)
    unused = sifted.received - sifted.rejected - kept
    if unused:
        counts.add("unused", unused)
    if kept:
        yield Entry(payload=sifted.payload, signal=Signal.TRACES, scope=SCOPE, tenant=home.tenant, elements=kept)


def _halves(spans: Sequence[ReadableSpan], home: Home, counts: Counts) -> Iterator[Entry]:
    middle = len(spans) // 2
    yield from entries(spans[:middle], home, counts)
    yield from entries(spans[middle:], home, counts)
