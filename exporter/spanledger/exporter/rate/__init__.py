"""Rating: what a call used, times the prices in force when it happened, exactly. No clock, disk or network.

providers.py   provider and model names as telemetry spells them → what to look up
genai.py       the bundled catalogue (`genai-prices`) → a tariff: prices by unit, and when they change
snapshot.py    the catalogue as text, and back: what a line was priced with can be read years later
supplement.py  models the catalogue lacks
tariff.py      the port between a catalogue and the arithmetic
overlay.py     a file of one's own prices as frozen data
overlay_text.py  its text (YAML) → that data, every fault with file, line and reason (yaml_tree.py, fields.py)
layered.py     overlays over the catalogue → a tariff; who wins
exchange.py    dated exchange rates
buckets.py     which stated count is part of which, and what each price is charged for
plan.py        one shape of usage under one set of prices, compiled to integer sums: the hot path
book.py        the price book: finds, compiles, remembers, rates
library.py     books by their texts, and what a book lists
rated.py       the answer: lines, cost, or the reason why there is none
"""

from spanledger.exporter.rate.book import PriceBook
from spanledger.exporter.rate.faults import Fault, PriceFileError
from spanledger.exporter.rate.library import BookText, catalogue, listings, price_book, read_layer, stored_book, texts
from spanledger.exporter.rate.listing import Listing
from spanledger.exporter.rate.overlay import Layer
from spanledger.exporter.rate.rated import Description, Line, ListPrice, Rated, Reason, describe
from spanledger.exporter.rate.tariff import Source

__all__ = [
    "BookText",
    "Description",
    "Fault",
    "Layer",
    "Line",
    "ListPrice",
    "Listing",
    "PriceBook",
    "PriceFileError",
    "Rated",
    "Reason",
    "Source",
    "catalogue",
    "describe",
    "listings",
    "price_book",
    "read_layer",
    "stored_book",
    "texts",
]
