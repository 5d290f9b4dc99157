"""An answer as people read it: shares in percent, only those that tell something; and what it comes to."""

from decimal import Decimal
from typing import cast

from spanledger.ledger.queries.measures import SHARES
from spanledger.ledger.tables import EXACT, Table, Value, decimal_text


def for_people(table: Table) -> Table:
    """The answer with its shares in percent, without those that are nothing everywhere."""
    at = [place for place, name in enumerate(table.columns) if name not in SHARES or any(r[place] for r in table.rows)]
    return Table(
        columns=tuple(table.columns[place].removesuffix("_share") for place in at),
        types=tuple(table.types[place] for place in at),
        rows=[tuple(_percent(row[p]) if table.columns[p] in SHARES else row[p] for p in at) for row in table.rows],
    )


def totals(table: Table) -> list[str]:
    """For each currency of an answer a phrase of its requests and exact cost."""
    requests: dict[str, int] = {}
    costs: dict[str, Decimal] = {}
    for record in table.records():
        currency = cast("str | None", record["currency"]) or ""
        requests[currency] = requests.get(currency, 0) + cast("int", record["requests"])
        costs[currency] = EXACT.add(costs.get(currency, Decimal(0)), Decimal(cast("str | None", record["cost"]) or 0))
    return [
        f"{count} requests, {decimal_text(costs[currency])} {currency}" if currency else f"{count} without a cost"
        for currency, count in sorted(requests.items())
    ]


def _percent(value: Value) -> Value:
    return f"{value:.1%}" if isinstance(value, float) else value
