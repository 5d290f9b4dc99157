"""Other posters on the same store: what they stored since we looked, so that what we remember of it is not trusted.

Each poster stores its claims before it looks. Of two that hold claims of one call, the later one to look sees both,
and settles them together; if both do, they write the same events. Only a ClickHouse server is shared so: the embedded
engine has one process.
"""

from collections.abc import Iterable
from uuid import uuid4

from spanledger.exporter.posting.seen import Seen, charge_seen_key, trace_seen_key
from spanledger.exporter.posting.tables import Foreign, LedgerTables
from spanledger.exporter.settle import Teller, TraceKey, Unknown, response_charge

# A row can appear this long after the instant it bears: an insert, with its retries, takes no longer.
_OVERLAP_NS = 60 * 10**9


class Neighbours:
    """What this poster knows of the others."""

    def __init__(self, tables: LedgerTables) -> None:
        self.poster = uuid4().hex
        """Marks the claims that this poster stores."""
        self._tables = tables
        self._since_ns = tables.now_ns()
        self._known: dict[tuple[bytes, bytes, str], int] = {}

    def news(self, seen: Seen) -> tuple[Unknown, list[tuple[TraceKey, Teller]]]:
        """The keys of what others stored since the last call, put into the filter; and who told of it."""
        rows = self._tables.claims_of_others(self.poster, self._since_ns - _OVERLAP_NS)
        fresh = [row for row in rows if row[:3] not in self._known]
        self._known |= {row[:3]: row[-1] for row in fresh}
        self._since_ns = max([self._since_ns, *(row[-1] for row in fresh)])
        self._known = {key: at for key, at in self._known.items() if at >= self._since_ns - _OVERLAP_NS}
        keys = _keys(fresh)
        seen.add(trace_seen_key(trace_id) for _, trace_id in keys.traces)
        seen.add(map(charge_seen_key, keys.responses))
        seen.add(keys.likenesses)
        return keys, [((row[3], row[7]), (row[8], row[9])) for row in fresh if row[6]]


def _keys(rows: Iterable[Foreign]) -> Unknown:
    keys = Unknown(set(), {}, set())
    for _, _, _, scope, trace_id, response_id, likeness, *_ in rows:
        keys.traces.add((scope, trace_id))
        if response_id:
            keys.responses[response_charge(scope, response_id)] = response_id
        if likeness:
            keys.likenesses.add(likeness)
    return keys
