"""The front of the pipeline: a request's bytes in, an answer once its usage is durable. Knows no transport."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Permanent
from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.receiver.port import Answer
from spanledger.exporter.receiver.reasons import summary
from spanledger.exporter.sift import Handoff, Mask, Pseudonyms, Sifted, sift
from spanledger.exporter.sift.bounds import bounded
from spanledger.exporter.sift.sift import RESOURCES_MAX
from spanledger.exporter.sift.wire import REQUEST, WireError
from spanledger.exporter.tenant_rates import TenantRates

# An SDK's batch is sifted within milliseconds. A larger one would hold up every other answer (12 MiB: 3 s, measured),
# so it is sifted beside them, one at a time. Files are read in pieces of this size, and stay in their order.
INLINE_BYTES_MAX: Final = 1024 * 1024

_NOTHING: Final = Answer()
_LOG: Final = logging.getLogger("spanledger.receiver")


class Intake:
    """Sift, journal, answer. One instance serves every door of a process."""

    def __init__(
        self,
        writer: JournalWriter,
        handoff: Handoff | None = None,
        pseudonyms: Pseudonyms | None = None,
        *,
        rates: TenantRates | None = None,
    ) -> None:
        """Journal what is kept through `writer`, with `pseudonyms` for persons if there are any.

        The poster of this process, if there is one, is told by `handoff`.
        """
        self._pseudonyms = pseudonyms
        self._writer = writer
        self._handoff = handoff
        self._rates = TenantRates() if rates is None else rates
        self._told_of_metrics = False
        self._beside = ThreadPoolExecutor(1, "spanledger-sift")

    def within(self, rates: TenantRates) -> "Intake":
        """The same intake, for senders that are held to these rates."""
        return Intake(self._writer, self._handoff, self._pseudonyms, rates=rates)

    async def __call__(self, signal: Signal, body: bytes, credential: Credential) -> Answer:
        """Accept one OTLP protobuf request; returns after its usage spans (log records) are on disk (`fdatasync`).

        Raises `Permanent` (cannot be decoded), `TooLarge` (over a limit), `Throttled` (its tenant is over its rate)
        or `Transient` (cannot be journaled now).
        """
        self._rates.check(credential)
        charged = signal.charged
        if charged is None:
            answer = acknowledged(body)
            self._tell_of_metrics()
            self._rates.spend(credential, spans=0, body_bytes=len(body))
            return answer
        mask = Mask(self._pseudonyms, credential) if self._pseudonyms else None
        if len(body) <= INLINE_BYTES_MAX:
            sifted = sift(body, charged, mask)
        else:
            sifted = await asyncio.get_running_loop().run_in_executor(self._beside, sift, body, charged, mask)
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
        return _answer(sifted)

    def _tell_of_metrics(self) -> None:
        if not self._told_of_metrics:
            self._told_of_metrics = True
            _LOG.warning("metrics are accepted and never charged: only spans and log records state usage")


def acknowledged(body: bytes) -> Answer:
    """Metrics are sums of what spans and log records state one by one: they are read for validity, and not kept."""
    try:
        bounded(body, RESOURCES_MAX, "resource_metrics")
        REQUEST.FromString(body)
    except WireError as error:
        msg = "the body is not a protobuf export request"
        raise Permanent(msg) from error
    return _NOTHING


def _answer(sifted: Sifted) -> Answer:
    if not sifted.reasons and not sifted.remarks:
        return _NOTHING
    remarks = (f"{count} taken: {remark}" for remark, count in sifted.remarks.items())
    message = "; ".join(filter(None, (summary(sifted.reasons), *remarks)))
    return Answer(sifted.rejected, message, (*sifted.reasons, *sifted.remarks))
