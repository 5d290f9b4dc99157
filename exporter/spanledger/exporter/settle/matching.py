"""Which calls are one and the same although nothing links them: matched one to one, the closest first. Pure.

Two claims may be one call if somebody else tells the second, at most one has a response id, and a rule allows it. A
teller tells of a call once, so in what becomes one call no teller stands twice. Of many that could match, each looks
at its nearest in time only: what costs no more for a crowd than for a few.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final

from spanledger.exporter.settle.standing import Standing

Call = list[Standing]

NEAREST: Final = 8
"""How many claims of each other teller, before and after its own start, a claim is compared with."""

_Entry = tuple[int, bytes, Standing]


class Timeline:
    """Claims under one key, by teller and start."""

    def __init__(self) -> None:
        self._by_teller: dict[tuple[str, str], list[_Entry]] = {}

    def add(self, standing: Standing) -> None:
        """Put a claim in its place."""
        entry = (standing.claim.start_ns, standing.claim_id, standing)
        insort(self._by_teller.setdefault(standing.teller, []), entry)

    def discard(self, standing: Standing) -> bool:
        """Take a claim out; whether any is left."""
        entries = self._by_teller.get(standing.teller, [])
        place = bisect_left(entries, (standing.claim.start_ns, standing.claim_id))
        if place < len(entries) and entries[place][1] == standing.claim_id:
            del entries[place]
        if not entries:
            self._by_teller.pop(standing.teller, None)
        return bool(self._by_teller)

    def claims(self) -> Iterator[Standing]:
        """All of them."""
        return (entry[2] for entries in self._by_teller.values() for entry in entries)

    def near(self, standing: Standing, *, own: bool = False) -> Iterator[Standing]:
        """The claims nearest to one by start, of each other teller, or of its own."""
        start_ns, teller = standing.claim.start_ns, standing.teller
        for other, entries in self._by_teller.items():
            if (other == teller) is own:
                place = bisect_left(entries, (start_ns, standing.claim_id))
                for entry in entries[max(0, place - NEAREST) : place + NEAREST]:
                    yield entry[2]


def matched(
    calls: Sequence[Call],
    keys_of: Callable[[Standing], Sequence[Hashable]],
    may_be_one: Callable[[Standing, Standing], bool],
) -> list[tuple[int, int]]:
    """Pairs of places in `calls` that are one call.

    `keys_of` gives the keys under which a claim is found, its own first, and then those it looks under as well.
    """
    timelines: dict[Hashable, Timeline] = defaultdict(Timeline)
    place_of: dict[bytes, int] = {}
    for place, call in enumerate(calls):
        for standing in call:
            place_of[standing.claim_id] = place
            for key in keys_of(standing)[:1]:
                timelines[key].add(standing)
    pairs = {
        (_distance(one, other), *sorted((one.claim_id, other.claim_id)))
        for call in calls
        for one in call
        for key in keys_of(one)
        if key in timelines
        for other in timelines[key].near(one)
        if place_of[one.claim_id] != place_of[other.claim_id] and may_be_one(one, other)
    }
    return list(_one_to_one(calls, [(place_of[one], place_of[other]) for _, one, other in sorted(pairs)]))


def _one_to_one(calls: Sequence[Call], pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Of pairs, closest first, those that leave every teller, and every response id, once in a call."""
    tellers = [{standing.teller for standing in call} for call in calls]
    ids = [{standing.response_charge for standing in call} - {b""} for call in calls]
    root = list(range(len(calls)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for one, other in pairs:
        this, that = find(one), find(other)
        if this != that and not tellers[this] & tellers[that] and len(ids[this] | ids[that]) < 2:
            root[that] = this
            tellers[this] |= tellers[that]
            ids[this] |= ids[that]
            yield one, other


def _distance(one: Standing, other: Standing) -> int:
    return abs(one.claim.start_ns - other.claim.start_ns) + abs(one.claim.end_ns - other.claim.end_ns)
