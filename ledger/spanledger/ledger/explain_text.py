"""An explanation in sentences and small tables, for people."""

from collections.abc import Iterator
from typing import Final

from spanledger.ledger.explain import ClaimSeen, Explained
from spanledger.ledger.formats import plain_text
from spanledger.ledger.tables import Table

_RULES: Final = {
    "single": "the only claim of its call",
    "response_id": "one of several claims with the same provider response id: charged once",
    "same_span": "the same span was sent again with other content: the fullest one speaks",
    "conflict": "the same span was sent again with other content: not the fullest, kept as evidence",
    "rolled_up": "repeats what the calls below it state: kept as evidence, not charged",
    "pending": "repeats what calls below it may state: waits until they had time to arrive",
    "aggregate": "nothing below it stated usage: the only evidence there is, so it is charged",
}
"""What a rule of settlement means (see `spanledger.exporter.settle`)."""

_KINDS: Final = {
    "charge": "is charged",
    "attempt": "was attempted, without stated usage",
    "reversal": "is taken back",
}


def sentences(explained: Explained) -> Iterator[str]:
    """One event as lines of text."""
    event = explained.event
    if event["event_id"] is None:
        yield "nothing is charged for this id; these claims are kept:"
    else:
        yield f"event {event['event_id']}"
        what = event["model"] or event["request_model"] or event["operation"] or "an unnamed call"
        kind = _KINDS.get(str(event["kind"]), str(event["kind"]))
        yield f"  {what} of {event['provider'] or 'an unnamed provider'} {kind} to tenant {event['tenant']}"
        yield f"  at {event['event_time']}, from {event['service_name'] or 'an unnamed service'}, {event['quality']}"
        yield f"  trace {event['trace_id'] or '-'}, response {event['response_id'] or '-'}, charge {event['charge_id']}"
        yield from _arithmetic(explained)
    yield from _claims("settled from", explained.claims)
    yield from _claims("not charged", explained.evidence)
    yield ""


def _arithmetic(explained: Explained) -> Iterator[str]:
    event = explained.event
    lines = Table(
        ("unit", "quantity", "unit price", "amount"),
        ("String", "Int64", "String", "String"),
        [
            (line.unit, line.quantity, line.unit_price or "no price", line.amount or "unknown")
            for line in explained.lines
        ],
    )
    if lines.rows:
        yield from (f"    {line}" for line in plain_text(lines).splitlines())
    if event["cost"] is None:
        why = "no price was found" if event["cost_state"] == "unpriced" else "the usage is unknown"
        yield f"  cost: unknown, because {why} (never zero); prices asked: {event['price_book'] or '-'}"
        return
    check = "recomputed, it adds up" if explained.adds_up else "RECOMPUTED, IT DOES NOT ADD UP"
    yield f"  cost: {event['cost']} {event['currency']} ({check}); prices: {event['price_book'] or '-'}"


def _claims(title: str, claims: tuple[ClaimSeen, ...]) -> Iterator[str]:
    for seen in claims:
        claim = seen.claim
        yield f"  {title} claim {seen.claim_id}: {_RULES.get(seen.rule, seen.rule)}"
        stated = claim.get("usage")
        usage = ", ".join(f"{unit} {count}" for unit, count in stated.items()) if isinstance(stated, dict) else ""
        yield f"    span {claim.get('span_id') or '-'} ({claim.get('dialect')}) states {usage or 'no usage'}"
