"""The front of the pipeline: a request's bytes in, an answer once its usage is durable. Knows no transport."""

import asyncio
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Permanent
from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.receiver.port import Answer
from spanledger.exporter.sift import Handoff, sift
from spanledger.exporter.sift.wire import REQUEST, WireError
from spanledger.exporter.tenant_rates import TenantRates

_NOTHING: Final = Answer()


class Intake:
    """Sift, journal, answer. One instance serves every door of a process."""

    def __init__(self, writer: JournalWriter, handoff: Handoff | None = None, rates: TenantRates | None = None) -> None:
        """Journal what is kept through `writer`; tell the poster of this process, if there is one, by `handoff`."""
        self._writer = writer
        self._handoff = handoff
        self._rates = TenantRates() if rates is None else rates

    def within(self, rates: TenantRates) -> "Intake":
        """The same intake, for senders that are held to these rates."""
        return Intake(self._writer, self._handoff, rates)

    async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
        """Accept one OTLP protobuf request; returns after its usage spans (log records) are on disk (`fdatasync`).

        Raises `Permanent` (cannot be decoded), `TooLarge` (over a limit), `Throttled` (its tenant is over its rate)
        or `Transient` (cannot be journaled now).
        """
        self._rates.check(credential)
        charged = signal.charged
        if charged is None:
            self._rates.spend(credential, spans=0, body_bytes=len(body))
            return _acknowledged(body)
        sifted = sift(body, charged)
        self._rates.spend(credential, spans=sifted.received, body_bytes=len(body))
        if sifted.payload:
            entry = Entry(
                payload=sifted.payload,
                signal=signal,
                scope=credential.scope,
                tenant=credential.tenant,
                elements=sifted.received - sifted.rejected,
            )
            if self._handoff:
                self._handoff.put(sifted.payload, sifted.spans)
            # A sender that hangs up does not undo what it sent: the append goes on, and its retry is a duplicate.
            await asyncio.shield(self._writer.append_async(entry, asyncio.get_running_loop()))
        if not sifted.reasons:
            return _NOTHING
        return Answer(sifted.rejected, "; ".join(sifted.reasons))


def _acknowledged(body: bytes) -> Answer:
    """Metrics are sums of what spans and log records state one by one: they are read for validity, and not kept."""
    try:
        REQUEST.FromString(body)
    except WireError as error:
        msg = "the body is not a protobuf export request"
        raise Permanent(msg) from error
    return _NOTHING
