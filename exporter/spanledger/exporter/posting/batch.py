"""A batch of journal records → claims, and charges → rated charges. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.failures import Refused
from spanledger.exporter.journal import Record, RecordType
from spanledger.exporter.posting.book import duration_ms
from spanledger.exporter.rate import PriceBook, Rated
from spanledger.exporter.settle import Charge, Standing, stand
from spanledger.exporter.sift import Handoff, sift
from spanledger.exporter.sift.records import UsageRecord
from spanledger.exporter.store.blocks import QuarantineRow
from spanledger.schemas.claim import Claim


@dataclass(slots=True)
class Decoded:
    """A batch as claims; what could not be one is set aside."""

    arrivals: list[Standing] = field(default_factory=list[Standing])
    quarantine_rows: list[QuarantineRow] = field(default_factory=list[QuarantineRow])
    counts: Counter[str] = field(default_factory=Counter[str])
    close: bool = False
    """Whether the batch holds the order to end every settling window."""


def decode_batch(batch: Iterable[tuple[object, Record]], handoff: Handoff, poison: str = "") -> Decoded:
    """Read records back into claims. With `poison`, set every span aside for that reason instead."""
    decoded = Decoded()
    for _, record in batch:
        entry = record.entry
        if entry.type is RecordType.CLOSE:
            decoded.close = True
        signal = entry.signal.charged
        if entry.type is not RecordType.REQUEST or signal is None:
            continue
        decoded.counts["accepted"] += entry.elements
        try:
            spans = handoff.take(entry.payload, signal) or sift(entry.payload, signal).spans
        except Refused as refusal:
            # Another version may have journaled it. What stops here would stop everything behind it.
            decoded.counts["quarantined"] += entry.elements
            decoded.quarantine_rows.append(_whole_row(record, f"the record cannot be read back: {refusal}"))
            continue
        credential = Credential(entry.scope, entry.tenant)
        decoded.counts["not_usage"] += entry.elements - len(spans)
        for span in spans:
            claim = Quarantined(poison, entry.tenant, span) if poison else _decoded(span, credential)
            if isinstance(claim, Claim):
                decoded.arrivals.append(stand(claim, record.received_ns))
            elif claim is None:
                decoded.counts["not_usage"] += 1
            else:
                decoded.counts["quarantined"] += 1
                decoded.quarantine_rows.append(_quarantine_row(claim, record))
    return decoded


def _decoded(span: UsageRecord, credential: Credential) -> Claim | Quarantined | None:
    """As `decode`; a bug of ours that one span brings to light sets that span aside, and stops no other."""
    try:
        return decode(span, credential)
    except Exception as error:  # noqa: BLE001 (nobody knows what a bug raises)
        return Quarantined(f"our decoder failed: {type(error).__name__}", credential.tenant, span)


def _whole_row(record: Record, reason: str) -> QuarantineRow:
    entry = record.entry
    return QuarantineRow(record.received_ns, entry.tenant, entry.scope, reason, "", "", entry.payload)


def _quarantine_row(aside: Quarantined, record: Record) -> QuarantineRow:
    span, entry = aside.span, record.entry
    ids = span.trace_id.hex(), span.span_id.hex()
    return QuarantineRow(record.received_ns, aside.tenant, entry.scope, aside.reason, *ids, span.raw)


def rated(charge: Charge, book: PriceBook) -> Rated:
    """The price in force of what a charge used. An attempt used nothing that is known, and costs nothing."""
    claim = charge.claim
    call = claim.call
    return book.rate(
        claim.usage if charge.kind == "charge" else None,
        provider=call.provider,
        model=call.response_model,
        fallback_model=call.request_model,
        at_ns=claim.start_ns,
        service_tier=call.service_tier,
        region=call.region,
        tenant=claim.attribution.tenant,
        account=call.account,
        duration_ms=duration_ms(claim),
    )
