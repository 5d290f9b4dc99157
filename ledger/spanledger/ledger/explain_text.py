"""An explanation as an accountant's note: what is charged, who told of it, why once, and the arithmetic."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from textwrap import wrap
from typing import Final, cast

from spanledger.ledger.explain import ClaimSeen, Explained
from spanledger.ledger.formats import plain_text
from spanledger.ledger.tables import EXACT, Table, Value, decimal_text
from spanledger.schemas import units as u

WIDTH: Final = 110

_RULES: Final = {
    "single": "It is the only one that tells of this call.",
    "response_id": "It names the same provider response as the others, so it is the same call.",
    "same_span": "The same span came more than once with different content; the fullest speaks.",
    "conflict": "The same span came again with different content; this one is not the fullest: kept as evidence.",
    "continuation": "It is the beginning or the end of one stream that its sender tells of in two spans.",
    "nested": "It lies around or inside the others and names no other response, so it is the same call.",
    "resemblance": "Not all of its tellers are linked; they told of the same time, service and counts, so it is "
    "probably the same call.",
    "rolled_up": "It repeats what the calls below it state: kept as evidence, not charged.",
    "pending": "It repeats what calls below it may state, and waits until they had time to arrive.",
    "aggregate": "It adds up calls of which nothing else is known, so its sum is charged.",
}
"""What a rule of settlement means for one claim (see `spanledger.exporter.settle`)."""

_KINDS: Final = {
    "charge": "is charged to",
    "attempt": "was tried, without stated usage, for",
    "denial": "was denied to",
    "reversal": "is given back to",
    "adjustment": "is corrected, by other prices, for",
}

_ENDING: Final = {"denial": "not sent and not charged"}
"""What became of what is told, where it was not charged."""

_QUALITIES: Final = {
    "exact": "exact: the provider's own counts, told once or told alike",
    "inferred": "inferred: a count, or what it contains, had to be worked out",
    "probable": "probable: claims were merged because they resemble each other",
    "aggregate": "aggregate: only a sum over several calls is known",
}

_SOURCES: Final = {
    "estimated": "The counts are the sender's estimate, not the provider's.",
    "missing": "Nobody told what was used: the quantities are unknown, which is not zero.",
    "manual": "The work was stated by the application itself.",
}

_FLAGS: Final = {
    "denied": "a budget or a policy did not let it go, so nothing was sent",
    "estimated": "the counts are the sender's own estimate",
    "cache_write_not_stated": "the sender leaves cache writes out, so the price may be short",
    "reasoning_not_stated": "the sender leaves reasoning out; the output contains it",
    "inclusion_unknown": "nothing says whether the input contains the cache counts",
    "server_side": "the model's server tells of it, beside whoever called",
    "continuation": "a stream that its sender tells of in two spans",
    "may_be_estimated": "the sender guesses when the provider's stream names no usage, and does not say when",
    "cache_not_stated": "the sender leaves cache counts out, so the input may be short",
    "output_overstated": "the sender adds a stream's placeholder to the output",
    "interrupted": "it failed after the answer had begun, so something was used",
    "output_not_stated": "the sender does not say what the provider sent",
    "inconsistent": "a part was larger than its whole, and was dropped",
    "unknown_operation": "the sender names an operation that nobody knows",
    "attributes_dropped": "the sender's limits dropped attributes",
    "tenant_conflict": "the span names a tenant that its credential may not charge",
    "account_assumed": "nobody names the account; it is the one that the caller runs in",
    "duration_clamped": "the span ends before it starts",
    "time_missing": "the span lacks its start or its end",
    "cache_lifetime_assumed": "nobody stated how long the cache was written for; the provider's plain price is charged",
    "no_sell_price": "the book sells such calls, and has no price that holds for this one",
    "no_fx_rate": "the day has no exchange rate to the reporting currency",
    "unknown_provider": "the prices know no such provider",
    "no_model": "the prices know no such model",
    "ambiguous_model": "the name fits several models with different prices",
    "unknown_tier": "the model has no price for this service tier at that time",
    "no_price": "the model is listed without any price",
    "no_price_for_unit": "something was used that the model has no price for",
    "mixed_currencies": "its prices are in more than one currency",
    "inconsistent_usage": "parts exceed their whole",
    "incomplete_usage": "a count is missing without which the others cannot be told apart",
    "late": "it arrived long after it ended",
    "clock_ahead": "it ended after it arrived",
}

_WORDS: Final = {u.INPUT_TOKENS: "input tokens", u.OUTPUT_TOKENS: "output tokens"}


def sentences(explained: Explained) -> Iterator[str]:
    """One event as lines of text."""
    event = explained.event
    if event["event_id"] is None:
        yield "Nothing is charged for this id; these claims are kept:"
        for seen in (*explained.claims, *explained.evidence):
            yield from _claim(seen, event)
        yield ""
        return
    yield from _what(event)
    count = len(explained.claims)
    if event["kind"] == "adjustment":
        yield f"  It corrects charge {event['charge_id']}: negative lines take back what was booked."
    else:
        became = _ENDING.get(str(event["kind"]), "charged once")
        yield f"  {'One claim tells' if count == 1 else f'{count} claims tell'} of it, {became}:"
        for seen in explained.claims:
            yield from _claim(seen, event)
    if explained.evidence and event["kind"] != "adjustment":
        yield "  Of the same trace, not charged:"
        for seen in explained.evidence:
            yield from _claim(seen, event)
    yield from _arithmetic(explained)
    yield ""


def _what(event: Mapping[str, Value]) -> Iterator[str]:
    what = event["model"] or event["request_model"] or event["operation"] or "An unnamed call"
    kind = _KINDS.get(str(event["kind"]), f"({event['kind']})")
    amount = f": {event['cost']} {event['currency']}" if event["cost"] is not None else ""
    yield f"{what} of {event['provider'] or 'an unnamed provider'} {kind} tenant {event['tenant']}{amount}"
    known = (("account", "account"), ("response", "response_id"), ("trace", "trace_id"))
    ids = [f"{name} {event[key]}" for name, key in known if event[key]]
    service = event["service_name"] or "an unnamed service"
    yield f"  It ended at {event['event_time']} in {service}{''.join(f', {each}' for each in ids)}."
    if (first_ms := event["time_to_first_token_ms"]) not in {None, ""}:
        yield f"  It took {event['duration_ms']} ms; its first token came after {first_ms} ms."
    yield f"  Quality {_QUALITIES.get(str(event['quality']), event['quality'])}."
    if sentence := _SOURCES.get(str(event["usage_source"])):
        yield f"  {sentence}"
    if event["kind"] == "denial":
        said = cast("Mapping[str, str]", event["metadata"] or {})
        reason = said.get("denial_reason") or "no reason was given"
        yield f"  Denied by {said.get('denied_by', 'nobody named')}: {reason}"
    for flag in cast("list[str]", event["flags"] or []):
        yield f"  Note {flag}: {_FLAGS.get(flag, 'see the documentation')}."
    yield f"  Event {event['event_id']}, charge {event['charge_id']}."


def _claim(seen: ClaimSeen, event: Mapping[str, Value]) -> Iterator[str]:
    claim = seen.claim
    teller = claim.get("emitter") or "An unnamed emitter"
    where = "log record" if claim.get("signal") == "logs" else "span"
    said = _usage(cast("Mapping[str, int]", claim.get("usage") or {}))
    role = f" ({claim['operation']})" if claim.get("operation") else ""
    more = ""
    if seen.rule not in {"single", "rolled_up", "pending", "conflict"}:
        owns = claim.get("span_id") == event.get("span_id")
        more = " It is the outermost: time, span and owner of the charge are its." if owns else ""
    text = (
        f"{teller}{role}, {where} {claim.get('span_id') or '-'}, read as {claim.get('dialect')}: {said}."
        f" {_RULES.get(seen.rule, seen.rule)}{more}"
    )
    yield from wrap(
        text, WIDTH, initial_indent="    - ", subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )


def _usage(usage: Mapping[str, int]) -> str:
    """Counts in words: wholes, each with the parts it contains."""
    if not usage:
        return "states no usage"
    parts: dict[str, list[str]] = {}
    for unit, number in usage.items():
        if (whole := _outermost(unit, usage)) != unit:
            parts.setdefault(whole, []).append(f"{number:,} {unit.removesuffix('_tokens').replace('_', ' ')}")
    wholes = [unit for unit in usage if _outermost(unit, usage) == unit]
    return "states " + " and ".join(
        f"{usage[unit]:,} {_WORDS.get(unit, unit.replace('_', ' '))}"
        + (f" (of which {', '.join(parts[unit])})" if unit in parts else "")
        for unit in wholes
    )


def _outermost(unit: str, usage: Mapping[str, int]) -> str:
    """The stated whole that contains a unit; itself if none does."""
    while (whole := u.WHOLE_OF.get(unit)) and whole in usage:
        unit = whole
    return unit


def _arithmetic(explained: Explained) -> Iterator[str]:
    event = explained.event
    if event["kind"] == "denial":
        yield f"  cost: {event['cost']} {event['currency']}, for nothing was used"
        return
    lines = Table(
        ("unit", "quantity", "unit price", "amount"),
        ("String", "Int64", "String", "String"),
        [
            (line.unit, line.quantity, line.unit_price or "no price", line.amount or "unknown")
            for line in explained.lines
        ],
    )
    if lines.rows:
        yield "  The arithmetic:"
        yield from (f"    {line}" for line in plain_text(lines).splitlines())
    if event["price_id"]:
        yield f"  Priced as {event['price_id']}."
    if event["cost"] is None:
        why = "no price was found" if event["cost_state"] == "unpriced" else "the usage is unknown"
        yield f"  cost: unknown, because {why} (never zero); prices asked: {event['price_book'] or '-'}"
        return
    check = "recomputed, it adds up" if explained.adds_up else "RECOMPUTED, IT DOES NOT ADD UP"
    yield f"  cost: {event['cost']} {event['currency']} ({check}); prices: {event['price_book'] or '-'}"
    yield from _beside(event)


def _beside(event: Mapping[str, Value]) -> Iterator[str]:
    """What stands beside the cost: in another currency, what it is sold for, what the sender says."""
    if event["reporting_cost"] not in {None, ""} and event["reporting_currency"] != event["currency"]:
        source = f", stated by {event['fx_source']}" if event["fx_source"] else ""
        rate = f"at {event['fx_rate']} for one {event['currency']}{source}"
        yield f"  in {event['reporting_currency']}: {event['reporting_cost']}, {rate}"
    if event["revenue"] not in {None, ""}:
        yield f"  sold for: {event['revenue']} {event['revenue_currency']}"
    if event["reported_cost"] not in {None, ""}:
        yield f"  the sender states a cost of {event['reported_cost']} USD; it is kept beside ours, never instead of it"


def together(found: Sequence[Explained]) -> Iterator[str]:
    """What each charge that was corrected costs by now: all its events added up, by currency."""
    sums: dict[str, dict[str, Decimal]] = {}
    corrected = {str(each.event["charge_id"]) for each in found if each.event.get("kind") == "adjustment"}
    for each in found:
        charge, currency = str(each.event.get("charge_id")), str(each.event.get("currency"))
        if charge in corrected and each.event["cost"] is not None:
            costs = sums.setdefault(charge, {})
            costs[currency] = EXACT.add(costs.get(currency, Decimal(0)), Decimal(str(each.event["cost"])))
    for charge, costs in sums.items():
        left = [f"{decimal_text(cost)} {currency}" for currency, cost in costs.items() if cost or len(costs) == 1]
        yield f"Charge {charge} with its corrections: {' and '.join(left)}"
