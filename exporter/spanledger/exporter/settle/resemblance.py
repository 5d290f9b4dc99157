"""Broken context: two instrumentations tell of one call and nothing links them (docs/settlement.md, rule 4). Pure.

A framework's callback does not become the current context, so the client's span starts a trace of its own. Told by
somebody else, from the same service, at overlapping times, with equal input, nearly equal output and at most one
response id: matched one to one by closeness, and said to be `probable`, never `exact`.
"""

from collections.abc import Sequence
from typing import Final

from spanledger.exporter.settle.matching import Call, matched
from spanledger.exporter.settle.standing import Standing, likenesses_near
from spanledger.schemas import units as u

OUTPUT_TOLERANCE: Final = 16
"""Output tokens by which two tellers of one call may differ (an emitter adds a stream's placeholder count)."""


def alike(one: Standing, other: Standing) -> bool:
    """Whether two claims may tell of one call without being linked."""
    this, that = one.claim, other.claim
    return (
        one.teller != other.teller
        and not (one.response_charge and other.response_charge)
        and this.scope == that.scope
        and this.usage.get(u.INPUT_TOKENS) == that.usage.get(u.INPUT_TOKENS)
        and abs(this.usage.get(u.OUTPUT_TOKENS, 0) - that.usage.get(u.OUTPUT_TOKENS, 0)) <= OUTPUT_TOLERANCE
        and this.start_ns <= that.end_ns
        and that.start_ns <= this.end_ns
        and _service(one) == _service(other)
    )


def resembling(calls: Sequence[Call]) -> list[tuple[int, int]]:
    """Pairs of places in `calls` that are probably one call."""
    return matched(calls, lambda standing: likenesses_near(standing.likeness), alike)


def _service(standing: Standing) -> str:
    who = standing.claim.attribution
    return who.service_instance or who.service_name
