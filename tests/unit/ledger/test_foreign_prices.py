"""Public price lists become price files: exactly, and whatever is left out is told."""

import json
from decimal import Decimal

import pytest

from spanledger.exporter.rate import price_book, read_layer
from spanledger.ledger.prices.foreign import Entry, Imported, read
from spanledger.ledger.prices.writing import file_text
from spanledger.schemas import ConfigurationError
from spanledger.schemas.money import format_amount

LITELLM = """{
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of"},
  "house/m-1": {
    "litellm_provider": "house", "mode": "chat", "max_tokens": 8192, "supports_vision": true,
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "output_cost_per_token_above_200k_tokens": 2.25e-05, "input_cost_per_token_above_200k_tokens": 6e-06,
    "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 7.5e-06,
    "input_cost_per_token_flex": 1.1e-06,
    "output_cost_per_reasoning_token": 0.00000040000000000000003,
    "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.01},
    "input_dbu_cost_per_token": 4.2e-05
  },
  "free-1": {"litellm_provider": "house", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
  "bedrock/eu-west-1/anthropic.x": {"litellm_provider": "bedrock", "input_cost_per_token": 8e-06},
  "1024-x-1024/dall-e-2": {"litellm_provider": "openai", "input_cost_per_pixel": 1.9e-08},
  "whisper-x": {"litellm_provider": "house", "mode": "audio_transcription", "input_cost_per_second": 0.0001},
  "chat-by-time": {"litellm_provider": "house", "mode": "chat", "input_cost_per_second": 0.0001},
  "sized": {"litellm_provider": "house", "input_cost_per_token": 1e-06,
            "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.02}},
  "wild*": {"litellm_provider": "house", "input_cost_per_token": 1e-06}
}"""

PORTKEY = """{
  "default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0}}, "currency": "USD"}},
  "gpt-4o": {"pricing_config": {
    "pay_as_you_go": {"request_token": {"price": 0.00025}, "response_token": {"price": 0.001},
      "cache_write_input_token": {"price": 0}, "cache_read_input_token": {"price": 0.000125},
      "additional_units": {"web_search": {"price": 1}, "moon_search": {"price": 2}}},
    "batch_config": {"request_token": {"price": 0.000125}, "response_token": {"price": 0.0005}}}},
  "gemini-x-lte-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0000075}}}},
  "gemini-x-gt-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.000015}}}}
}"""


def entries(imported: Imported) -> dict[tuple[str, str, str], Entry]:
    """The entries by model, tier and region."""
    return {(entry.model, entry.tier, entry.region): entry for entry in imported.entries}


def test_litellm_s_keys_become_units_tiers_bands_and_regions() -> None:
    """Every digit of the list's text is kept: no binary float comes between."""
    found = entries(read(LITELLM.encode(), "litellm"))
    assert set(found) == {
        ("m-1", "", ""),
        ("m-1", "batch", ""),
        ("m-1", "flex", ""),
        ("anthropic.x", "", "eu-west-1"),
        ("whisper-x", "", ""),
        ("sized", "", ""),
    }
    assert found["m-1", "", ""].provider == "house"
    assert found["m-1", "", ""].units == {
        "input_tokens": {0: Decimal("0.000003"), 200_000: Decimal("0.000006")},
        "output_tokens": {0: Decimal("0.000015"), 200_000: Decimal("0.0000225")},
        "cache_read_tokens": {0: Decimal("0.0000003")},
        "cache_write_1h_tokens": {0: Decimal("0.000006")},
        "reasoning_tokens": {0: Decimal("0.00000040000000000000003")},
        "web_searches": {0: Decimal("0.01")},
    }
    assert found["m-1", "batch", ""].units == {
        "input_tokens": {0: Decimal("0.0000015")},
        "output_tokens": {0: Decimal("0.0000075")},
    }
    assert found["whisper-x", "", ""].units == {"audio_seconds": {0: Decimal("0.0001")}}


def test_what_cannot_be_said_is_told_by_name() -> None:
    """Nothing of a list is dropped in silence."""
    assert read(LITELLM.encode(), "litellm").left == [
        "house/m-1: input_dbu_cost_per_token has no counterpart here",
        "house/free-1: every price is 0, which may be free or unknown",
        "1024-x-1024/dall-e-2: a size or a commitment in a model's name is no name of a model",
        "chat-by-time: input_cost_per_second has no counterpart here",
        "sized: search_context_cost_per_query depends on the size of what was searched",
        "house/wild*: a name with a star would stand for many models",
    ]


def test_portkey_s_cents_become_dollars() -> None:
    """0.00025 cents a token are 2.50 dollars a million; a band in a name becomes a band."""
    imported = read(PORTKEY.encode(), "portkey", provider="openai")
    found = entries(imported)
    assert found["gpt-4o", "", ""].units == {
        "input_tokens": {0: Decimal("0.0000025")},
        "output_tokens": {0: Decimal("0.00001")},
        "cache_read_tokens": {0: Decimal("0.00000125")},
        "web_searches": {0: Decimal("0.01")},
    }
    assert found["gpt-4o", "batch", ""].units["output_tokens"] == {0: Decimal("0.000005")}
    assert found["gemini-x", "", ""].units == {
        "input_tokens": {0: Decimal("0.000000075"), 128_000: Decimal("0.00000015")}
    }
    assert imported.left == [
        "gpt-4o: moon_search has no counterpart here",
        "openai/gpt-4o: a price of 0 for cache_write_tokens, which may be free or unknown",
    ]


def test_an_imported_list_is_a_price_file_that_prices() -> None:
    """250 000 * 6 + 1 000 * 22.50 a million, above the band; batch 1 000 * 1.50 + 500 * 7.50."""
    imported = read(LITELLM.encode(), "litellm")
    text = file_text("litellm", "the list", imported.entries, ["made\nup"], since="2026-01-01")
    assert text.startswith("# made up\nname: litellm\n")
    book = price_book([read_layer(text, origin="litellm.yaml")])
    at_ns = 1_795_264_800 * 10**9
    usage = {"input_tokens": 250_000, "output_tokens": 1000}
    rated = book.rate(usage, provider="house", model="m-1", at_ns=at_ns)
    assert (format_amount(rated.cost or 0), rated.price_id) == ("1.5225", "litellm:house/m-1")
    usage = {"input_tokens": 1000, "output_tokens": 500}
    batch = book.rate(usage, provider="house", model="m-1", at_ns=at_ns, service_tier="batch")
    assert format_amount(batch.cost or 0) == "0.00525"
    before = book.rate(usage, provider="house", model="m-1", at_ns=0)
    assert before.state == "unpriced"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": ', '{"a": {"b": 1}}', json.dumps({"m": {"input_cost_per_token": "1"}})]
)
def test_what_is_no_price_list_is_refused(text: str) -> None:
    """In a sentence, before anything is written."""
    with pytest.raises(ConfigurationError, match="the file"):
        read(text.encode(), "litellm")


def test_a_list_that_says_two_things_of_a_model_keeps_the_first() -> None:
    """And says so; the same thing twice is no contradiction."""
    imported = Imported()
    for price in ("1", "1", "2"):
        imported.take(Entry("p", "M", units={"input_tokens": {0: Decimal(price)}}))
        imported.take(Entry("p", "m", units={"input_tokens": {0: Decimal(1)}}))
    assert [entry.units for entry in imported.entries] == [{"input_tokens": {0: Decimal(1)}}]
    assert imported.left == ["p/M: the list has it twice, with different prices; the first is kept"]
