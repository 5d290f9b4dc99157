"""Booked charges, rated again by the price book of today, a stretch of the ledger at a time.

The usage is what the claims say, not what the event kept of it. What differs is posted as adjustments; a stretch that
was posted and is asked again finds nothing to do.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, cast

from spanledger.exporter.posting.adjusting import Booked, BookedEvent, adjustments
from spanledger.exporter.posting.repriced import Asked, Difference, Repriced, Stretch
from spanledger.exporter.posting.stretches import WITHIN, bounds, conditions, edges
from spanledger.exporter.rate import Rated
from spanledger.exporter.settle import Charge, charge_of, stand
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import ADJUSTMENT_TYPES, AdjustmentRow, adjustments_block
from spanledger.exporter.store.rollup import Rollup
from spanledger.exporter.store.statements import quoted
from spanledger.schemas.claim import Claim, unseal
from spanledger.schemas.event import COLUMNS, NO_EVENT
from spanledger.schemas.money import format_amount

_STALE_SECONDS: Final = 3_600
"""A passing table older than this belongs to a process that was killed."""
_TABLE_PREFIX: Final = "ledger_adjusting_"

_MONEY: Final = "reinterpretAsInt128({0})"
_MONEYS: Final = "arrayMap(money -> reinterpretAsInt128(money), {0})"
_SAID: Final = (
    "tenant",
    "event_id",
    "charge_id",
    "kind",
    "toUnixTimestamp64Nano(booked_time)",
    "model",
    "currency",
    _MONEY.format("cost"),
    "cost_state",
    "revenue_currency",
    _MONEY.format("revenue"),
    "reporting_currency",
    _MONEY.format("reporting_cost"),
    "`lines.unit`",
    "`lines.quantity`",
    _MONEYS.format("`lines.unit_price`"),
    _MONEYS.format("`lines.amount`"),
)
"""The columns of a `BookedEvent`."""

_STANDING: Final = "event_id NOT IN (SELECT reverses FROM ledger_events WHERE kind = 'reversal')"

_OF_AN_ADJUSTMENT: Final = {
    "kind": "'adjustment'",
    "reverses": f"toFixedString(unhex('{NO_EVENT.hex()}'), 16)",
    "requests": "0",
    "input_tokens": "NULL",
    "cache_read_tokens": "NULL",
    "cache_write_tokens": "NULL",
    "output_tokens": "NULL",
    "reasoning_tokens": "NULL",
    "reported_cost": "NULL",
    "flags": "[]",
}
"""What an adjustment counts: nothing but money."""

Rate = Callable[[Charge], Rated]
"""A charge by the price book in use."""


class Repricing:
    """Rates and adjusts the charges of one store. One thread at a time, and no posting beside it."""

    def __init__(self, store: Store, rollup: Rollup, rate: Rate) -> None:
        self._store = store
        self._rollup = rollup
        self._rate = rate

    def reprice(self, asked: Asked, stretch: Stretch, *, dry_run: bool) -> Repriced:
        """Rate a stretch again, and unless it is a dry run post the adjustments."""
        # The engine reads the claims on one core while the events are read on the other.
        with ThreadPoolExecutor(max_workers=1) as beside:
            claims = beside.submit(self._claims, asked, stretch)
            booked = self._booked(asked, stretch)
            charges = _charges(claims.result())
        account = _Account()
        rows: list[AdjustmentRow] = []
        days_ns: set[int] = set()
        for each in booked:
            charge = charges.get(each.charge.charge_id)
            if charge is None:
                account.counts["without_claims"] += 1
                continue
            now = self._rate(charge)
            made = adjustments(each, now)
            account.take(each, now, made)
            if made:
                rows += made
                days_ns.add(each.charge.booked_time)
        if rows and not dry_run:
            with self._rollup.touching(self._rollup.days_of(days_ns)):
                self._post(rows, stretch)
        return account.repriced(len(booked))

    def _booked(self, asked: Asked, stretch: Stretch) -> list[Booked]:
        rows = self._store.query(
            f"SELECT {', '.join(_SAID)} FROM ledger_events"  # noqa: S608 (our own columns)
            f" WHERE ((kind = 'charge' AND {conditions(asked)}) OR kind = 'adjustment')"
            f" AND {_STANDING} AND {WITHIN} ORDER BY tenant, event_id",
            {**bounds(asked), **edges(stretch)},
        )
        charges: dict[bytes, BookedEvent] = {}
        changes: dict[bytes, dict[bytes, BookedEvent]] = {}
        for row in rows:
            said = BookedEvent(*cast("Sequence[Any]", row))
            if said.kind == "charge":
                charges[said.charge_id] = said
            else:
                # By id: a row that was posted twice is one event.
                changes.setdefault(said.charge_id, {})[said.event_id] = said
        booked = [Booked(charge, tuple(changes.get(charge_id, {}).values())) for charge_id, charge in charges.items()]
        return [each for each in booked if asked.everything or not each.priced]

    def _claims(self, asked: Asked, stretch: Stretch) -> list[tuple[bytes, str, str]]:
        """The claims of what is asked for: charge, rule and payload."""
        rows = self._store.query(
            "SELECT charge_id, rule, payload FROM ledger_claims FINAL WHERE (tenant, claim_id) IN ("  # noqa: S608
            "SELECT tenant, claim_id FROM ledger_claims WHERE charge_id IN ("
            f"SELECT charge_id FROM ledger_events WHERE kind = 'charge' AND {conditions(asked)} AND {WITHIN}))",
            {**bounds(asked), **edges(stretch)},
        )
        return cast("list[tuple[bytes, str, str]]", rows)

    def _post(self, rows: Sequence[AdjustmentRow], stretch: Stretch) -> None:
        """Append the adjustments: each is its charge's row with other money. The engine copies what is alike.

        A charge whose row is there twice is copied twice, and both copies are one event: they have one id.
        """
        with self._passing_table() as table:
            self._store.insert(table, *adjustments_block(rows))
            now_ns = time.time_ns()
            said = {**_OF_AN_ADJUSTMENT, "ingest_time": f"fromUnixTimestamp64Nano(toInt64({now_ns}), 'UTC')"}
            said |= {name: f"a.`{name}`" for name in ADJUSTMENT_TYPES if name not in {"tenant", "adjusts"}}
            self._store.command(
                f"INSERT INTO ledger_events ({', '.join(map(quoted, COLUMNS))})"  # noqa: S608 (our own columns)
                f" SELECT {', '.join(said.get(name, f'e.`{name}`') for name in COLUMNS)}"
                f" FROM (SELECT * FROM ledger_events WHERE kind = 'charge' AND {WITHIN}) AS e"
                f" INNER JOIN {table} AS a ON e.tenant = a.tenant AND e.event_id = a.adjusts",
                edges(stretch),
            )

    @contextmanager
    def _passing_table(self) -> Generator[str]:
        """A table of this stretch alone, gone afterwards; one that a killed process left is dropped here."""
        stale = self._store.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, {prefix:String})"
            " AND metadata_modification_time < now() - {stale:Int64}",
            {"prefix": _TABLE_PREFIX, "stale": _STALE_SECONDS},
        )
        for (name,) in stale:
            self._store.command(f"DROP TABLE IF EXISTS {quoted(str(name))}")
        table = quoted(f"{_TABLE_PREFIX}{os.urandom(8).hex()}")
        columns = ", ".join(f"{quoted(name)} {type_}" for name, type_ in ADJUSTMENT_TYPES.items())
        # Not in memory: of several servers behind one address only the one that took the rows would have them.
        self._store.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY tenant")
        try:
            yield table.strip("`")
        finally:
            self._store.command(f"DROP TABLE IF EXISTS {table}")


class _Account:
    """What repricing moves, added up by tenant, model and currency."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._charges = Counter[tuple[str, str, str]]()
        self._before: dict[tuple[str, str, str], int] = {}
        self._after: dict[tuple[str, str, str], int] = {}

    def take(self, booked: Booked, now: Rated, made: Sequence[AdjustmentRow]) -> None:
        """Count a charge, and what it cost and costs if that differs."""
        if now.cost is None:
            self.counts["kept" if booked.priced else "still_unpriced"] += 1
        elif not booked.priced:
            self.counts["newly_priced"] += 1
        if not made:
            return
        self.counts["adjusted"] += 1
        charge = booked.charge
        if len(made) == 1 and not booked.adjustments and charge.currency == made[0].currency:
            self._add((charge.tenant, charge.model, charge.currency), charge.cost, made[0].cost or 0)
            return
        before = booked.cost
        moved = {row.currency: row.cost for row in made if row.cost is not None}
        for currency in {**before, **moved}:
            self._add((charge.tenant, charge.model, currency), before.get(currency), moved.get(currency, 0))

    def _add(self, key: tuple[str, str, str], before: int | None, moved: int) -> None:
        self._charges[key] += 1
        if before is not None:
            self._before[key] = self._before.get(key, 0) + before
        self._after[key] = self._after.get(key, 0) + (before or 0) + moved

    def repriced(self, seen: int) -> Repriced:
        """The account of `seen` charges."""
        counts = self.counts
        return Repriced(
            seen=seen,
            adjusted=counts["adjusted"],
            newly_priced=counts["newly_priced"],
            still_unpriced=counts["still_unpriced"],
            kept=counts["kept"],
            without_claims=counts["without_claims"],
            differences=[
                Difference(*key, charges, _text(self._before.get(key)), _text(self._after.get(key)))
                for key, charges in sorted(self._charges.items())
            ],
        )


def _text(atto: int | None) -> str | None:
    return None if atto is None else format_amount(atto)


def _charges(claims: Iterable[tuple[bytes, str, str]]) -> dict[bytes, Charge]:
    """The charges as settlement makes them of their claims."""
    groups: dict[bytes, list[tuple[str, Claim]]] = {}
    for charge_id, rule, payload in claims:
        groups.setdefault(charge_id, []).append((rule, unseal(payload)))
    return {charge_id: charge_of_claims(charge_id, group) for charge_id, group in groups.items()}


def charge_of_claims(charge_id: bytes, group: Sequence[tuple[str, Claim]]) -> Charge:
    """The charge of its claims; one alone speaks for itself."""
    if len(group) == 1:
        [(_, claim)] = group
        return Charge(charge_id, "charge", (), claim, "exact", 0, claim.start_ns)
    rules = {rule for rule, _ in group}
    return charge_of((stand(claim, 0) for _, claim in group), "aggregate" if "aggregate" in rules else "nested")
