"""The price book: its digest, its memory, its import, and what it tells people."""

import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal

from genai_prices.data import providers as bundled_providers
from genai_prices.types import ModelPrice
from hypothesis import given, settings
from hypothesis import strategies as st

from spanledger.exporter.rate import PriceBook, catalogue, describe
from spanledger.exporter.rate.book import TARIFFS_MAX
from spanledger.exporter.rate.genai import GenaiPrices
from spanledger.exporter.rate.tariff import Dimensions, Miss, Sought, Tariff
from spanledger.schemas import units

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC


def _python(code: str, hash_seed: str) -> str:
    """Run code in a process of its own and give back what it prints."""
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


def test_importing_the_package_does_not_load_the_catalogue() -> None:
    """Only the process that rates pays a third of a second and 38 MB."""
    code = "import sys, spanledger.exporter.rate; print('genai_prices' in sys.modules)"
    assert _python(code, "0") == "False"


def test_without_the_library_the_cure_is_named() -> None:
    """An application's own installation carries no prices: one sentence says which extra brings them."""
    code = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from spanledger.exporter.rate import catalogue\n"
        "from spanledger.schemas import ConfigurationError\n"
        "try:\n catalogue()\n"
        "except ConfigurationError as error:\n print(error)"
    )
    assert "spanledger[clickhouse]" in _python(code, "0")


def test_the_digest_is_the_same_in_every_process() -> None:
    """It hashes the content in one order, whatever the hash seed of the process."""
    code = "from spanledger.exporter.rate import catalogue; print(catalogue().digest)"
    assert {_python(code, "1"), _python(code, "2")} == {catalogue().digest}


def test_the_digest_names_the_version_and_changes_with_any_price() -> None:
    """One price of one model moved by a cent makes another book."""
    digest = GenaiPrices(bundled_providers, "9.9").digest
    assert digest.startswith("genai-prices-9.9:")
    assert len(digest) == len("genai-prices-9.9:") + 16
    moved = deepcopy(bundled_providers)
    moved[0].models[0].prices = ModelPrice(input_mtok=Decimal("0.01"))
    assert GenaiPrices(moved, "9.9").digest != digest
    assert GenaiPrices(deepcopy(bundled_providers), "9.9").digest == digest


class Nowhere:
    """A source that knows nothing, and counts how often it is asked."""

    digest = "nowhere"
    units: Mapping[str, Dimensions]

    def __init__(self) -> None:
        self.units = {}
        self.asked = 0

    def find(self, sought: Sought) -> Tariff | Miss:
        """No model, whatever is sought."""
        self.asked += bool(sought)
        return Miss("no_model")


def test_a_lookup_is_made_once() -> None:
    """The second rating of the same model asks nobody, found or not, whatever was used and when."""
    source = Nowhere()
    book = PriceBook(source)
    for count in range(5):
        book.rate({"input_tokens": 1, f"unit_{count}": count}, provider="p", model="m", at_ns=NOW + count)
    assert source.asked == 1


def test_memory_is_bounded_however_many_names_are_sent() -> None:
    """Model names come from senders: the oldest lookups are forgotten, and asked again when needed."""
    source = Nowhere()
    book = PriceBook(source)
    for number in range(TARIFFS_MAX + 10):
        book.rate({"input_tokens": 1}, provider="p", model=f"m-{number}", at_ns=NOW)
    assert source.asked == TARIFFS_MAX + 10
    for number in range(10, TARIFFS_MAX + 10):
        book.rate({"input_tokens": 1}, provider="p", model=f"m-{number}", at_ns=NOW)
    assert source.asked == TARIFFS_MAX + 10
    book.rate({"input_tokens": 1}, provider="p", model="m-0", at_ns=NOW)
    assert source.asked == TARIFFS_MAX + 11


def test_our_names_of_units_are_the_registry_names() -> None:
    """Every token unit of the contract is a usage key of the catalogue, contained in the same wholes."""
    registry = GenaiPrices().units
    ours = {*units.WHOLE_OF, *units.WHOLE_OF.values(), units.REQUESTS} - {units.REASONING_TOKENS}
    assert ours <= registry.keys()
    for part, whole in units.WHOLE_OF.items():
        assert registry[whole] < registry["output_reasoning_tokens" if part == units.REASONING_TOKENS else part]


def test_an_explanation_can_be_checked_by_hand() -> None:
    """1 500 tokens at 2.5 per 1 000 000 are 0.00375; a price per hour is finer than 18 places, and shown as listed."""
    book = catalogue()
    chat = book.rate({"input_tokens": 1500}, provider="openai", model="gpt-4o", at_ns=NOW)
    assert [(line.list_price, line.unit_price, line.amount) for line in describe(chat)] == [
        ("2.5 per 1000000", "0.0000025", "0.00375")
    ]
    audio = book.rate({"audio_seconds": 60}, provider="groq", model="whisper-large-v3", at_ns=NOW)
    assert [(line.list_price, line.unit_price, line.amount) for line in describe(audio)] == [
        ("0.111 per 3600", "0.000030833333333333", "0.00185")
    ]
    unknown = book.rate({"input_tokens": 1}, provider="openai", model="gpt-99", at_ns=NOW)
    assert [(line.unit_price, line.list_price, line.amount) for line in describe(unknown)] == [(None, None, None)]


_COUNTS = st.dictionaries(st.sampled_from(sorted({*units.WHOLE_OF, *units.WHOLE_OF.values()})), st.integers(0, 50))
_MODELS = st.sampled_from(["gpt-5", "gpt-realtime", "gpt-image-1", "text-embedding-3-small", "gpt-99"])


@settings(deadline=None)  # the first example loads the catalogue
@given(_COUNTS, _MODELS)
def test_whatever_is_stated_the_answer_adds_up(usage: dict[str, int], model: str) -> None:
    """Any counts at all: priced with a sum and shares that fit the wholes, or without a cost and with a reason."""
    rated = catalogue().rate(usage, provider="openai", model=model, at_ns=NOW)
    if rated.state == "priced":
        assert rated.reason == ""
        assert rated.cost == sum(amount for amount in rated.amounts if amount is not None)
        assert None not in rated.amounts
        assert sum(rated.quantities) == usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    else:
        assert rated.cost is None
        assert rated.reason
    assert all(quantity > 0 for quantity in rated.quantities)
