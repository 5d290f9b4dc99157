"""Single calls by what they cost: the charges as they stand, their adjustments counted in."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from spanledger.ledger.queries.question import ask
from spanledger.ledger.queries.sources import Query
from spanledger.ledger.queries.statements import charges_where_sql
from spanledger.ledger.tables import Table, decimal_text
from spanledger.schemas import ConfigurationError

LIMIT: Final = 100

_NOTHING: Final[Mapping[str, str]] = {}
_COLUMNS: Final = (
    "event_id, booked_time, tenant, user_id, agent, feature, operation, provider, model, input_tokens, output_tokens,"
    " cost, currency, usage_source, quality, trace_id"
)
# What Decimal(38, 18) holds.
_WHOLE_DIGITS_MAX: Final = 20
_DECIMALS_MAX: Final = 18


def expensive(
    query: Query,
    *,
    min_cost: str | Decimal,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    where: Mapping[str, str | Sequence[str]] = _NOTHING,
    tenants: frozenset[str] | None = None,
    limit: int = LIMIT,
) -> Table:
    """The charges that cost at least `min_cost` in their own currency, the dearest of each currency first.

    Raises `ConfigurationError` for a question that has no answer.
    """
    asked = ask(where=where, since=since, until=until, tz=tz, tenants=tenants, limit=limit)
    if any(name == "kind" for name, _ in asked.where):
        msg = "'kind' cannot be filtered by here: all of these are charges"
        raise ConfigurationError(msg)
    # The embedded engine converts no text to a decimal of this size, but reads one.
    condition = f"cost >= JSONExtract('[\"{decimal_text(_amount(min_cost))}\"]', 1, 'Decimal(38, 18)')"
    where_told = charges_where_sql(asked)
    return query(
        f"SELECT {_COLUMNS} FROM charges{where_told}{' AND' if where_told else ' WHERE'} {condition}"  # noqa: S608
        f" ORDER BY currency, cost DESC, event_id LIMIT {limit}"
    )


def _amount(text: str | Decimal) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    exponent = amount.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or amount < 0
        or exponent < -_DECIMALS_MAX
        or amount.adjusted() >= _WHOLE_DIGITS_MAX
    ):
        msg = f"min-cost {str(text)!r} is no amount: write one such as 0.50, not negative"
        raise ConfigurationError(msg)
    return amount
