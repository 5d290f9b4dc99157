"""Model names as applications state them, 1 000 input and 500 output tokens each: dollars per 1 000 calls, by hand.

Thirty-three have a list price; six say nothing of their model, and have none.
"""

import pytest
from genai_prices.data_units import unit_data

from spanledger.exporter import rate
from spanledger.exporter.rate import catalogue
from spanledger.exporter.rate.supplement import FINE_TUNED, UNITS
from spanledger.schemas.money import format_amount

NOW = 1_795_264_800 * 10**9  # 2026-11-21 12:40 UTC
ARN = "arn:aws:bedrock:us-east-1:123456789012"

PRICED = [
    ("openai", "gpt-4o", "7.5"),
    ("openai", "gpt-4o-2024-08-06", "7.5"),
    ("openai", "gpt-4o-2024-05-13", "12.5"),
    ("openai", "gpt-4o-mini-2024-07-18", "0.45"),
    ("openai", "gpt-4.1-2025-04-14", "6"),
    ("openai", "gpt-5-2025-08-07", "6.25"),
    ("openai", "gpt-5-mini-2025-08-07", "1.25"),
    ("openai", "o4-mini-2025-04-16", "3.3"),
    ("openai", "gpt-3.5-turbo-0125", "1.25"),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", "0.9"),
    ("openai", "ft:gpt-4o-2024-08-06:acme:prod:xyz789", "11.25"),
    ("openai", "ft:gpt-4.1-mini-2025-04-14:acme::q1", "2.4"),
    ("anthropic", "claude-sonnet-4-5-20250929", "10.5"),
    ("anthropic", "claude-opus-4-1-20250805", "52.5"),
    ("anthropic", "claude-haiku-4-5", "3.5"),
    ("anthropic", "claude-3-5-haiku-latest", "2.8"),
    ("azure.ai.openai", "azure/gpt-4o-2024-11-20", "7.5"),
    ("aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "10.5"),
    ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "11.55"),
    ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "10.5"),
    ("aws.bedrock", f"{ARN}:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "11.55"),
    ("aws.bedrock", "us.amazon.nova-lite-v1:0", "0.18"),
    ("openrouter", "openrouter/anthropic/claude-sonnet-4.5", "10.5"),
    ("openrouter", "anthropic/claude-sonnet-4.5", "10.5"),
    ("openrouter", "openai/gpt-4o-mini", "0.45"),
    ("gcp.gemini", "gemini-2.5-pro", "6.25"),
    ("gcp.gemini", "models/gemini-2.5-flash", "1.55"),
    ("gcp.gemini", "gemini-2.5-flash-lite", "0.3"),
    ("mistral_ai", "mistral-large-2411", "5"),
    ("mistral_ai", "codestral-2508", "0.75"),
    ("cohere", "command-r-plus-08-2024", "7.5"),
    ("x_ai", "grok-4-0709", "10.5"),
    ("x_ai", "grok-3-mini", "0.55"),
]

OPAQUE = [
    ("azure.ai.openai", "azure/my-prod-gpt4o"),
    ("azure.ai.openai", "my-prod-gpt4o"),
    ("aws.bedrock", f"{ARN}:application-inference-profile/abc123def456"),
    ("openai", "gpt-99-turbo"),
    ("openai", "my-company-llm-v2"),
    ("openai", "llama3:8b"),
]


def thousand_calls(provider: str, model: str, book: rate.PriceBook | None = None) -> str:
    """Dollars for 1 000 calls, or the reason why they are unknown."""
    usage = {"input_tokens": 1000, "output_tokens": 500}
    answer = (book or catalogue()).rate(usage, provider=provider, model=model, at_ns=NOW)
    return answer.reason or format_amount(1000 * (answer.cost or 0))


@pytest.mark.parametrize(("provider", "model", "dollars"), PRICED)
def test_a_name_with_a_list_price_has_it(provider: str, model: str, dollars: str) -> None:
    """Snapshots, fine-tunes, deployments, profiles, ARNs, routers' and libraries' prefixes."""
    assert thousand_calls(provider, model) == dollars


@pytest.mark.parametrize(("provider", "model"), OPAQUE)
def test_a_name_that_says_nothing_is_unpriced_until_an_alias_does(provider: str, model: str) -> None:
    """No family is guessed from a name; one line of a file says what it stands for."""
    assert thousand_calls(provider, model) == "no_model"
    known = rate.price_book([rate.read_layer(f'aliases: {{"{model}": openai/gpt-4o}}', origin="names.yaml")])
    assert thousand_calls(provider, model, known) == "7.5"


@pytest.mark.parametrize("model", FINE_TUNED)
def test_what_we_add_to_the_catalogue_is_still_missing_there(model: str) -> None:
    """Once the library knows a model by itself, ours has to go."""
    own = [one.price_id for one in rate.listings(catalogue(), provider="openai", model=model)]
    assert set(own) == {f"openai/{model}"}
    found = catalogue().rate({"input_tokens": 1}, provider="openai", model=f"{model}:acme::id", at_ns=NOW)
    assert found.price_id == f"openai/{model}"


@pytest.mark.parametrize("unit", UNITS)
def test_what_we_say_is_free_is_no_unit_of_the_catalogue_yet(unit: str) -> None:
    """Once the library knows a unit by itself, ours has to go."""
    assert unit not in unit_data


def test_what_is_free_is_free_with_every_model_of_its_provider_and_no_other() -> None:
    """The zero is a price, stated in the book and on the line; another provider's fetches have none."""
    usage = {"input_tokens": 1000, "web_fetches": 2}
    listed = {one.price_id for one in rate.listings(catalogue(), provider="anthropic")}
    free = {one.price_id for one in rate.listings(catalogue(), provider="anthropic") if one.unit == "web_fetches"}
    assert free == listed
    found = catalogue().rate(usage, provider="anthropic", model="claude-opus-4-5", at_ns=NOW)
    assert [(line.unit, line.quantity, line.amount) for line in found.lines][1:] == [("web_fetches", 2, 0)]
    assert catalogue().rate(usage, provider="openai", model="gpt-4o", at_ns=NOW).reason == "no_price_for_unit"


def test_runs_of_code_are_charged_by_the_hour_and_stay_without_a_price() -> None:
    """Some hours are free, and of the rest only the sum of a month is known: the count of runs is no price."""
    usage = {"input_tokens": 1000, "code_executions": 1}
    found = catalogue().rate(usage, provider="anthropic", model="claude-opus-4-5", at_ns=NOW)
    assert (found.cost, found.reason) == (None, "no_price_for_unit")


def test_a_fine_tune_costs_what_its_base_does_not() -> None:
    """1 000 000 at 0.80, of them 400 000 cached at 0.20, and 100 000 at 3.20: 0.48 + 0.08 + 0.32."""
    usage = {"input_tokens": 1_000_000, "cache_read_tokens": 400_000, "output_tokens": 100_000}
    answer = catalogue().rate(usage, provider="openai", model="ft:gpt-4.1-mini-2025-04-14:acme::q1", at_ns=NOW)
    assert format_amount(answer.cost or 0) == "0.88"
