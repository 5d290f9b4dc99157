"""Whether anything ran below a span: by a parent link, else inside its time (the spans between are not kept). Pure.

Asked of every roll-up of a trace, so it must not look at every claim each time: of the claims that started late
enough, a tree of minima knows the one that ended first.
"""

from bisect import bisect_left

from spanledger.exporter.settle.standing import SKEW_NS
from spanledger.schemas.claim import Claim

_NEVER = 1 << 63


class Below:
    """Claims of one trace: first all that may come are expected, then those that count are added as they do."""

    def __init__(self) -> None:
        self._parents: set[str] = set()
        self._starts: list[int] = []
        self._earliest_end: list[int] = []

    def expect(self, claim: Claim) -> None:
        """Say that a claim may be added."""
        self._starts.append(claim.start_ns)

    def add(self, claim: Claim) -> None:
        """Count a claim that was expected."""
        if not self._earliest_end:
            self._starts.sort()
            self._earliest_end = [_NEVER] * (len(self._starts) + 1)
        self._parents.add(claim.parent_span_id)
        # A Fenwick tree from the right: a place answers for those that started at or after it.
        place = len(self._starts) - bisect_left(self._starts, claim.start_ns)
        while place < len(self._earliest_end):
            self._earliest_end[place] = min(self._earliest_end[place], claim.end_ns)
            place += place & -place

    def has(self, outer: Claim) -> bool:
        """Whether a claim that was added lies below a span."""
        if outer.span_id in self._parents:
            return True
        place = len(self._starts) - bisect_left(self._starts, outer.start_ns - SKEW_NS) if self._earliest_end else 0
        while place > 0:
            if self._earliest_end[place] <= outer.end_ns + SKEW_NS:
                return True
            place -= place & -place
        return False
