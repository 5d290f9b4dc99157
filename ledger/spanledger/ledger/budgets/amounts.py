"""Money between texts, whole atto units and currencies, for budgets. Exact; None where there is no rate."""

from decimal import ROUND_DOWN, Decimal
from typing import Final

from spanledger.exporter.rate import PriceBook
from spanledger.exporter.rate.book import CURRENCY
from spanledger.exporter.rate.exchange import Exchange
from spanledger.exporter.rate.layered import Layered
from spanledger.ledger.tables import EXACT
from spanledger.schemas import ConfigurationError
from spanledger.schemas.money import atto_to_decimal, parse_amount, round_half_even

NO_RATES: Final = Exchange(())
_HUNDREDTH: Final = Decimal("0.01")
_MILLION: Final = 1_000_000


def exchange_of(book: PriceBook) -> Exchange:
    """The dated rates of a book's price files."""
    return book.source.exchange if isinstance(book.source, Layered) else NO_RATES


def check_currency(currency: str, book: PriceBook) -> None:
    """Raise `ConfigurationError` for a currency that nothing is priced in and nothing is converted into."""
    exchange = exchange_of(book)
    layers = book.source.layers if isinstance(book.source, Layered) else ()
    priced_in = {entry.currency for layer in layers for entry in layer.prices} | {CURRENCY}
    if currency not in priced_in and not (exchange.reporting and exchange.converts(currency)):
        msg = (
            f"nothing is priced in {currency}, and the price files have no rate for it: state one under currencies, "
            f"or set the budget in {' or '.join(sorted((priced_in | {exchange.reporting}) - {''}))}"
        )
        raise ConfigurationError(msg)


def converted(exchange: Exchange, atto: int, source: str, target: str, day: int) -> int | None:
    """An amount in another currency by the rates of a day (since 1970, UTC); None without them."""
    if source == target:
        return atto
    given, taken = exchange.on(source, day), exchange.on(target, day)
    if given is None or taken is None:
        return None
    return round_half_even(atto * given[0], taken[0])


def worst_case(requests: int, tokens: int, per_million: Decimal, per_request: Decimal) -> int:
    """What usage without a price counts, in atto units."""
    return round_half_even(tokens * atto(per_million), _MILLION) + requests * atto(per_request)


def atto(amount: Decimal) -> int:
    """An exact amount in whole atto units. Raises `ValueError` for what the ledger cannot hold."""
    return parse_amount(amount)


def decimal(atto_units: int) -> Decimal:
    """Atto units as an amount, without needless zeros."""
    amount = atto_to_decimal(atto_units)
    whole = amount.to_integral_value()
    return whole if amount == whole else amount.normalize(EXACT)


def percent_of(part: int, limit: Decimal) -> Decimal:
    """How much of a limit is used, in percent and rounded down, so that no threshold is reached early."""
    return EXACT.divide(decimal(part) * 100, limit).quantize(_HUNDREDTH, ROUND_DOWN, context=EXACT)
