"""A batch of journal records → claims, and charges → rated charges. Pure.

A replay is of what was accepted and counted before: it is counted as it arrives, and taken back where it lay, which is
one row however many take it out at once. What is set aside again, or replayed again, is known by its id; the record of
a posting that was cut off is known by its place, and counts anew.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias

import msgspec

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.failures import Refused
from spanledger.exporter.journal import Record, RecordType
from spanledger.exporter.posting.aside import Aside, Place, alone, aside_id
from spanledger.exporter.posting.book import duration_ms
from spanledger.exporter.rate import PriceBook, Rated
from spanledger.exporter.settle import Charge, Standing, stand
from spanledger.exporter.sift import Handoff, sift
from spanledger.exporter.sift.records import UsageRecord
from spanledger.exporter.store.blocks import DecisionRow, PostingRow, QuarantineRow
from spanledger.schemas.claim import Claim

_NONE: Final[Mapping[bytes, Aside]] = {}

_Read: TypeAlias = "list[Claim | Quarantined | None] | str"
"""What the elements of a record say, or why it cannot be read."""


class _Shard(Protocol):
    @property
    def id(self) -> str: ...


@dataclass(slots=True)
class Decoded:
    """A batch as claims; what could not be one is set aside, and counted by `count_aside`."""

    arrivals: list[Standing] = field(default_factory=list[Standing])
    quarantine_rows: list[QuarantineRow] = field(default_factory=list[QuarantineRow])
    decisions: list[DecisionRow] = field(default_factory=list[DecisionRow])
    """What became of what is replayed."""
    replayed: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """Of that what is out of quarantine, each with the elements it stands for."""
    counts: Counter[str] = field(default_factory=Counter[str])
    close: bool = False
    """Whether the batch holds the order to end every settling window."""

    def count_aside(self, held: Mapping[bytes, Aside]) -> None:
        """Count what is set aside, given what of it the store `held` before; what another record brought is left."""
        fresh: dict[bytes, QuarantineRow] = {}
        for row in self.quarantine_rows:
            before = held.get(row.quarantine_id)
            if row.quarantine_id in fresh or (before and before.brought != (row.shard, row.seq)):
                self.counts["duplicates"] += row.elements
            else:
                self.counts["quarantined"] += row.elements
                fresh[row.quarantine_id] = row
        self.quarantine_rows = list(fresh.values())

    def received_ns(self, quarantine_id: bytes, place: Place, held: Mapping[bytes, Aside]) -> int | None:
        """When something was received that a record may take out of quarantine, also one whose posting was cut off.

        None: it is not there.
        """
        if quarantine_id in self.replayed:
            return None
        if before := held.get(quarantine_id):
            return before.received_ns if before.replayed in {None, place} else None
        return next((row.received_at for row in self.quarantine_rows if row.quarantine_id == quarantine_id), None)


def taken_out(quarantine_id: bytes, elements: int, posted_at: int) -> PostingRow:
    """What takes back the first count of something that left quarantine: the same row, whoever posts the replay."""
    counts = {"accepted": -elements, "quarantined": -elements}
    return PostingRow(posted_at, f"quarantine {quarantine_id.hex()}", 0, 0, counts)


def replayed_ids(batch: Iterable[tuple[_Shard, Record]]) -> list[bytes]:
    """The ids of what a batch replays."""
    return [aside_id(record.entry) for _, record in batch if record.entry.type is RecordType.REPLAY]


def decode_batch(
    batch: Iterable[tuple[_Shard, Record]], handoff: Handoff, poison: str = "", held: Mapping[bytes, Aside] = _NONE
) -> Decoded:
    """Read records back into claims. With `poison`, set every span aside for that reason instead.

    `held` is what the store knows of `replayed_ids`.
    """
    decoded = Decoded()
    for shard, record in batch:
        entry = record.entry
        if entry.type is RecordType.CLOSE:
            decoded.close = True
        elif entry.type is RecordType.REQUEST and entry.signal.charged:
            decoded.counts["accepted"] += entry.elements
            _take(decoded, _read(record, handoff, poison), shard.id, record)
        elif entry.type is RecordType.REPLAY:
            _replay(decoded, _read(record, handoff, poison), shard.id, record, held)
    return decoded


def _read(record: Record, handoff: Handoff, poison: str) -> _Read:
    entry, signal = record.entry, record.entry.signal.charged
    if signal is None:
        return "nothing is charged by its signal"
    try:
        spans = handoff.take(entry.payload, signal) or sift(entry.payload, signal).spans
    except Refused as refusal:
        # Another version may have journaled it. What stops here would stop everything behind it.
        return f"the record cannot be read back: {refusal}"
    if poison:
        return [Quarantined(poison, entry.tenant, span) for span in spans]
    credential = Credential(entry.scope, entry.tenant)
    return [_decoded(span, credential) for span in spans]


def _take(decoded: Decoded, read: _Read, shard: str, record: Record) -> None:
    """Give each element of a record its heading."""
    entry = record.entry
    if isinstance(read, str):
        decoded.quarantine_rows.append(_whole_row(shard, record, read))
        return
    decoded.counts["not_usage"] += entry.elements - len(read)
    for claim in read:
        if isinstance(claim, Claim):
            decoded.arrivals.append(stand(claim, record.received_ns))
        elif claim is None:
            decoded.counts["not_usage"] += 1
        else:
            decoded.quarantine_rows.append(_quarantine_row(claim, shard, record))


def _replay(decoded: Decoded, read: _Read, shard: str, record: Record, held: Mapping[bytes, Aside]) -> None:
    """Take something out of quarantine if it can be read now, and write down what became of it.

    It was received when it was set aside: so a claim that a refused posting left in the store is known for its own.
    """
    quarantine_id, entry = aside_id(record.entry), record.entry
    received_ns = decoded.received_ns(quarantine_id, (shard, record.seq), held)
    if received_ns is None:
        return
    failure = read if isinstance(read, str) else ""
    if entry.elements == 1 and not failure:
        failure = next((each.reason for each in read if isinstance(each, Quarantined)), "")
    if not failure:
        decoded.replayed[quarantine_id] = entry.elements
        decoded.counts["accepted"] += entry.elements
        _take(decoded, read, shard, replace(record, received_ns=received_ns))
    decision = "failed" if failure else "replayed"
    decoded.decisions.append(DecisionRow(quarantine_id, record.received_ns, decision, failure, shard, record.seq))


def _decoded(span: UsageRecord, credential: Credential) -> Claim | Quarantined | None:
    """As `decode`; a bug of ours that one span brings to light sets that span aside, and stops no other."""
    try:
        return decode(span, credential)
    except Exception as error:  # noqa: BLE001 (nobody knows what a bug raises)
        return Quarantined(f"our decoder failed: {type(error).__name__}", credential.tenant, span)


def _whole_row(shard: str, record: Record, reason: str) -> QuarantineRow:
    entry = record.entry
    return QuarantineRow(
        aside_id(entry),
        record.received_ns,
        shard,
        record.seq,
        entry.tenant,
        entry.scope,
        entry.tenant,
        entry.signal.charged or "",
        reason,
        "",
        "",
        entry.elements,
        entry.payload,
    )


def _quarantine_row(aside: Quarantined, shard: str, record: Record) -> QuarantineRow:
    span, entry = aside.span, alone(record.entry, aside.span)
    return QuarantineRow(
        aside_id(entry),
        record.received_ns,
        shard,
        record.seq,
        aside.tenant,
        entry.scope,
        entry.tenant,
        entry.signal.charged or "",
        aside.reason,
        span.trace_id.hex(),
        span.span_id.hex(),
        entry.elements,
        entry.payload,
    )


def rated(charge: Charge, book: PriceBook) -> Rated:
    """The price in force of what a charge used. An attempt used nothing that is known; a denial surely nothing."""
    claim = charge.claim
    call = claim.call
    found = book.rate(
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
    return msgspec.structs.replace(found, cost=0, state="priced", reason="") if charge.kind == "denial" else found
