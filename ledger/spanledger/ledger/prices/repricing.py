"""Rating the ledger again, stretch by stretch, through whoever holds the store; and the account of it as a table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from spanledger.exporter.posting.repriced import Asked, Difference, Repriced
from spanledger.ledger.access import Access
from spanledger.ledger.tables import EXACT, Row, Table, decimal_text

COLUMNS = {
    "tenant": "String",
    "model": "String",
    "charges": "Int64",
    "before": "Nullable(Decimal(38, 18))",
    "after": "Nullable(Decimal(38, 18))",
    "difference": "Nullable(Decimal(38, 18))",
    "currency": "String",
}

Progress = Callable[[int, int], None]
"""Told the charges of a stretch that is done, and of all stretches."""


@dataclass(slots=True)
class Account:
    """What repricing did, or would do, added up."""

    seen: int = 0
    adjusted: int = 0
    newly_priced: int = 0
    still_unpriced: int = 0
    kept: int = 0
    without_claims: int = 0
    differences: dict[tuple[str, str, str], Difference] = field(default_factory=dict[tuple[str, str, str], Difference])

    def add(self, some: Repriced) -> None:
        """Add a stretch."""
        for name in ("seen", "adjusted", "newly_priced", "still_unpriced", "kept", "without_claims"):
            setattr(self, name, getattr(self, name) + getattr(some, name))
        for each in some.differences:
            key = (each.tenant, each.model, each.currency)
            self.differences[key] = _together(self.differences.get(key), each)

    def table(self) -> Table:
        """A row for each tenant, model and currency, the largest difference first."""
        rows = [_row(each) for each in self.differences.values()]
        rows.sort(key=lambda row: (-abs(Decimal(str(row[5]))), row))
        return Table(tuple(COLUMNS), tuple(COLUMNS.values()), rows)

    def sentences(self, *, dry_run: bool) -> Iterable[str]:
        """What became of the charges, in words."""
        would = "would be adjusted" if dry_run else "adjusted"
        yield f"{self.seen} charges looked at, {self.adjusted} {would}, {self.newly_priced} of them had no price before"
        if self.still_unpriced:
            yield f"{self.still_unpriced} charges have no price yet: spanledger prices show MODEL says why"
        if self.kept:
            yield f"{self.kept} charges keep their cost: the present prices have none for them"
        if self.without_claims:
            yield f"{self.without_claims} charges were left: the claims that say what was used are not in the store"


def reprice(access: Access, asked: Asked, progress: Progress, *, dry_run: bool) -> Account:
    """Rate again what is asked for. Stopped at any point and run again, it goes on where it was."""
    account = Account()
    stretches = access.stretches(asked)
    total = sum(stretch.charges for stretch in stretches)
    progress(0, total)
    for stretch in stretches:
        account.add(access.reprice(asked, stretch, dry_run=dry_run))
        progress(stretch.charges, total)
    return account


def _together(one: Difference | None, other: Difference) -> Difference:
    if one is None:
        return other
    charges = one.charges + other.charges
    return Difference(
        one.tenant, one.model, one.currency, charges, _sum(one.before, other.before), _sum(one.after, other.after)
    )


def _sum(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return decimal_text(EXACT.add(Decimal(one), Decimal(other)))


def _row(each: Difference) -> Row:
    moved = EXACT.subtract(Decimal(each.after or 0), Decimal(each.before or 0))
    return each.tenant, each.model, each.charges, each.before, each.after, decimal_text(moved), each.currency
