"""Several claims about one call → one that says the best of each (docs/settlement.md, rule 6). Pure, in any order.

Usage comes from the most precise claim, with the parts that only others split; identity from the outermost; the
tenant from whichever names one, and an account that is named before an assumed one; the rest from whoever states it,
the innermost first.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from spanledger.schemas import units as u
from spanledger.schemas.claim import ACCOUNT_ASSUMED, UNATTRIBUTED, Attribution, Claim, Inclusivity
from spanledger.schemas.dialects import DIALECTS

_SOURCE_RANK: Final = {"provider": 3, "manual": 3, "estimated": 2, "missing": 1}
_PRECISION: Final = {dialect.name: dialect.precision for dialect in DIALECTS}
_CALL_NAMES: Final = ("provider", "request_model", "response_model", "service_tier", "region", "operation")
# What one teller does not know of a count another does; what concerns the span stays with the call.
_OF_COUNTS: Final = frozenset({"inconsistent"}).union(doubt.flag for dialect in DIALECTS for doubt in dialect.doubts)


def merged(claims: Sequence[Claim]) -> Claim:
    """The claims (at least one) made one."""
    if len(claims) == 1:
        return claims[0]
    precise = max(claims, key=_precision)
    outer = min(claims, key=lambda claim: (claim.start_ns, -claim.end_ns, claim.span_id))
    inner_first = sorted(claims, key=lambda claim: (-claim.start_ns, claim.end_ns, claim.span_id))
    calls = [precise.call, *(claim.call for claim in inner_first)]
    said = {name: _first_stated(name, calls) for name in _CALL_NAMES}
    account, is_assumed = _account([outer, *reversed(inner_first)], said["provider"])
    usage, inclusivity = _usage(precise, inner_first)
    flags = _flags(precise, claims)
    return msgspec.structs.replace(
        precise,
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        parent_span_id=outer.parent_span_id,
        start_ns=outer.start_ns,
        end_ns=max(outer.start_ns, outer.end_ns),
        response_id=_first_stated("response_id", (precise, *inner_first)),
        call=msgspec.structs.replace(precise.call, **said, account=account),
        attribution=_attribution([outer.attribution, *(claim.attribution for claim in reversed(inner_first))]),
        usage=usage,
        inclusivity=inclusivity,
        time_to_first_token_ns=_first_token((precise, *inner_first)),
        flags=flags if is_assumed else tuple(flag for flag in flags if flag != ACCOUNT_ASSUMED),
    )


def _precision(claim: Claim) -> tuple[int, bool, int, bool, int, int, str]:
    source, rank = _SOURCE_RANK[claim.usage_source], _PRECISION.get(claim.call.dialect, 0)
    sure = _OF_COUNTS.isdisjoint(claim.flags)
    return source, sure, rank, claim.signal == "traces", len(claim.usage), sum(claim.usage.values()), claim.span_id


def _usage(precise: Claim, others: Iterable[Claim]) -> tuple[dict[str, int], Inclusivity]:
    """The most precise usage, and the parts of it that only claims with the same wholes split off."""
    usage, inclusivity = dict(precise.usage), precise.inclusivity
    for claim in others:
        if all(claim.usage.get(whole) == usage.get(whole) for whole in (u.INPUT_TOKENS, u.OUTPUT_TOKENS)):
            usage = {**claim.usage, **usage}
            inclusivity = inclusivity or claim.inclusivity
    whole_of = u.WHOLE_OF
    kept = {unit: number for unit, number in usage.items() if number <= usage.get(whole_of.get(unit, unit), 0)}
    return kept, inclusivity


def _flags(precise: Claim, claims: Iterable[Claim]) -> tuple[str, ...]:
    """Doubts about counts are those of the counts that are taken; everything else is worth knowing."""
    more = {flag for claim in claims for flag in claim.flags} - _OF_COUNTS
    return tuple(sorted(more.union(precise.flags)))


def _first_stated(name: str, holders: Iterable[object]) -> str:
    return next((value for holder in holders if (value := str(getattr(holder, name)))), "")


def _first_token(claims: Iterable[Claim]) -> int | None:
    told = (claim.time_to_first_token_ns for claim in claims)
    return next((taken_ns for taken_ns in told if taken_ns is not None), None)


def _account(outer_first: list[Claim], provider: str) -> tuple[str, bool]:
    """The account that the outermost claim names; else what the innermost to this provider assumes, and if so."""
    named = [claim.call.account for claim in outer_first if ACCOUNT_ASSUMED not in claim.flags]
    if account := next(filter(None, named), ""):
        return account, False
    near = (claim.call for claim in reversed(outer_first))
    account = next((call.account for call in near if call.account and call.provider == provider), "")
    return account, bool(account)


def _attribution(outer_first: list[Attribution]) -> Attribution:
    """Each field from the outermost claim that states it; a tenant that is named before one that is a default."""
    fields: dict[str, object] = {}
    for attribution in reversed(outer_first):
        fields |= {name: value for name in Attribution.__struct_fields__ if (value := getattr(attribution, name))}
    named = [who.tenant for who in outer_first if who.tenant not in {"", UNATTRIBUTED}]
    metadata = {key: value for who in reversed(outer_first) for key, value in who.metadata.items()}
    return msgspec.convert({**fields, "metadata": metadata, "tenant": named[0] if named else UNATTRIBUTED}, Attribution)
