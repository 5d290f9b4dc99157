"""A booked charge rated once more with the very book it names: equal, different, or the book is not to be had.

What the ledger says is the charge with its corrections; its book is the newest one named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from spanledger.exporter.posting.batch import rated
from spanledger.exporter.posting.book import event_of
from spanledger.exporter.posting.repricing import charge_of_claims
from spanledger.exporter.rate import PriceBook
from spanledger.ledger.accounts import Query
from spanledger.ledger.explain import Explained
from spanledger.ledger.prices.shelf import kept_book
from spanledger.ledger.tables import EXACT, decimal_text
from spanledger.schemas import ConfigurationError
from spanledger.schemas.claim import unseal
from spanledger.schemas.money import format_amount

Verdict = Literal["equal", "different", "book not available", "claims not available"]

_CORRECTED: Final = ("charge", "adjustment")


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One charge, rated again."""

    charge_id: str
    verdict: Verdict
    price_book: str
    ledger: str
    """What the ledger says: `0.00012 USD`, or `no price`."""
    book: str
    """What the book says; or why it cannot be asked."""

    def __str__(self) -> str:
        beside = self.book if self.verdict != "equal" else f"{self.ledger}"
        return f"Charge {self.charge_id} rated again with {self.price_book}: {self.verdict} ({beside})"


def recompute(query: Query, found: Sequence[Explained]) -> list[Recomputed]:
    """Rate every charge of an explanation again, those that were taken back left out."""
    back = {str(event["reverses"]) for each in found if (event := each.event).get("kind") == "reversal"}
    charges: dict[str, list[Explained]] = {}
    for each in found:
        if each.event.get("kind") in _CORRECTED and str(each.event["event_id"]) not in back:
            charges.setdefault(str(each.event["charge_id"]), []).append(each)
    books: dict[str, PriceBook | str] = {}
    return [_recomputed(query, charge_id, events, books) for charge_id, events in charges.items()]


def _recomputed(
    query: Query, charge_id: str, events: Sequence[Explained], books: dict[str, PriceBook | str]
) -> Recomputed:
    newest = max(events, key=lambda each: (each.event["kind"] == "adjustment", str(each.event["ingest_time"])))
    digest = str(newest.event["price_book"])
    says = _says(events)
    if digest not in books:
        try:
            books[digest] = kept_book(query, digest)
        except ConfigurationError as error:
            books[digest] = str(error)
    book = books[digest]
    if isinstance(book, str):
        return Recomputed(charge_id, "book not available", digest, says, book)
    rows = query(f"SELECT rule, payload FROM ledger_claims FINAL WHERE charge_id = unhex('{charge_id}')").rows  # noqa: S608
    if not rows:
        why = "nothing says what was used"
        return Recomputed(charge_id, "claims not available", digest, says, why)
    group = [(str(rule), unseal(str(payload))) for rule, payload in rows]
    charge = charge_of_claims(bytes.fromhex(charge_id), group)
    now = event_of(charge, rated(charge, book))
    told = "no price" if now.cost is None else f"{format_amount(now.cost)} {now.currency}"
    return Recomputed(
        charge_id, "equal" if told == says else "different", digest, says, f"the book says {told}, the ledger {says}"
    )


def _says(events: Sequence[Explained]) -> str:
    sums: dict[str, Decimal] = {}
    for each in events:
        if each.event["cost"] is not None:
            currency = str(each.event["currency"])
            sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), Decimal(str(each.event["cost"])))
    left = {currency: cost for currency, cost in sums.items() if cost or len(sums) == 1}
    return " and ".join(f"{decimal_text(cost)} {currency}" for currency, cost in left.items()) or "no price"
