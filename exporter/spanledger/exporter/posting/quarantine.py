"""What a person decides about what is set aside: bring it again, or leave it for good. Asks the store, plain data out.

A decision is a row more; nothing is ever taken out of these tables.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, cast

import msgspec

from spanledger.exporter.journal import Entry, RecordType, Signal
from spanledger.exporter.store import Store

State = Literal["open", "discarded", "replayed", "unknown"]

_SIGNALS: Final = {each.charged: each for each in Signal}
_ID_DIGITS: Final = 32

_STATES: Final = """
SELECT quarantine_id, state, if(failure = '', reason, failure) FROM quarantine
WHERE quarantine_id IN {ids:Array(String)}
"""
_CONTENT: Final = """
SELECT lower(hex(payload)), signal, scope, default_tenant, elements FROM ledger_quarantine FINAL
WHERE quarantine_id = toFixedString(unhex({id:String}), 16)
"""
_DISCARD: Final = """
INSERT INTO ledger_quarantine_decisions (quarantine_id, decided_at, decision, reason, shard, seq)
SELECT unhex(quarantine_id), now64(9), 'discarded', {why:String}, '', 0 FROM quarantine
WHERE quarantine_id IN {ids:Array(String)} AND state = 'open'
"""


class Outcome(msgspec.Struct, frozen=True):
    """Where something that was set aside is now."""

    quarantine_id: str
    state: State
    """`replayed`: in the ledger. `unknown`: nothing has this id."""
    reason: str = ""
    """Why it is set aside; of the last replay that failed, if one did."""


class Quarantine:
    """What lies in quarantine, by the ids that the view of this name shows."""

    def __init__(self, store: Store) -> None:
        """Decide over an open, migrated store."""
        self._store = store

    def outcomes(self, ids: Sequence[str]) -> list[Outcome]:
        """Where each of some ids is, in their order."""
        asked = [each for each in map(_normal, ids) if each]
        rows = self._store.query(_STATES, {"ids": asked}) if asked else []
        found = {quarantine_id: (state, reason) for quarantine_id, state, reason in rows}
        return [Outcome(each, *cast("tuple[State, str]", found.get(_normal(each), ("unknown", "")))) for each in ids]

    def entries(self, ids: Iterable[str]) -> Iterator[Entry]:
        """What brings some of it again, unless it is in the ledger; read one by one, as it may be large."""
        waiting = {each.quarantine_id for each in self.outcomes([*ids]) if each.state in {"open", "discarded"}}
        for each in sorted(map(_normal, waiting)):
            for row in self._store.query(_CONTENT, {"id": each}):
                payload, signal, scope, tenant, elements = cast("tuple[str, str, str, str, int]", row)
                known = _SIGNALS[cast("Literal['traces', 'logs']", signal)]
                yield Entry(bytes.fromhex(payload), known, scope, tenant, elements, RecordType.REPLAY)

    def discard(self, ids: Sequence[str], why: str) -> None:
        """Note that what is open of some ids is left for good. What is discarded already, or in the ledger, is left."""
        asked = [each for each in map(_normal, ids) if each]
        if asked:
            self._store.command(_DISCARD, {"ids": asked, "why": why})
            self._store.make_durable()


def _normal(given: str) -> str:
    """An id as the view writes it; empty for a text that can be none."""
    lowered = given.strip().lower()
    return lowered if len(lowered) == _ID_DIGITS and not set(lowered) - set("0123456789abcdef") else ""
