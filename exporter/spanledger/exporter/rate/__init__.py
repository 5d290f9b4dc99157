"""Rating: what a call used, times the prices in force when it happened, exactly. No clock, disk or network.

providers.py   provider and model names as telemetry spells them → what to look up
genai.py       the bundled catalogue (`genai-prices`) → a tariff: prices by unit, and when they change
tariff.py      the port between a catalogue and the arithmetic
buckets.py     which stated count is part of which, and what each price is charged for
plan.py        one shape of usage under one set of prices, compiled to integer sums: the hot path
book.py        the price book: finds, compiles, remembers, rates
rated.py       the answer: lines, cost, or the reason why there is none
"""

from functools import cache

from spanledger.exporter.rate.book import PriceBook
from spanledger.exporter.rate.rated import Description, Line, ListPrice, Rated, Reason, describe
from spanledger.exporter.rate.tariff import Source
from spanledger.schemas import ConfigurationError

__all__ = ["Description", "Line", "ListPrice", "PriceBook", "Rated", "Reason", "Source", "catalogue", "describe"]


@cache
def catalogue() -> PriceBook:
    """The bundled price book, one per process. The first call imports `genai-prices` (0.4 s CPU, 38 MB).

    Raises `ConfigurationError` where the library is not installed.
    """
    try:
        from spanledger.exporter.rate.genai import GenaiPrices  # noqa: PLC0415 - only who rates pays for the catalogue
    except ModuleNotFoundError as missing:
        msg = f"prices need {missing.name}, which is not installed: pip install 'spanledger[clickhouse]'"
        raise ConfigurationError(msg) from missing
    return PriceBook(GenaiPrices())
