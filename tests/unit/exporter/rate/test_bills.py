"""Bills worked out by hand from the providers' public price lists, at 21 November 2026 unless told otherwise."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from spanledger.exporter.rate import Rated, catalogue
from spanledger.schemas import units as u
from spanledger.schemas.money import format_amount

INPUT, OUTPUT, READ, WRITE = u.INPUT_TOKENS, u.OUTPUT_TOKENS, u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS
WRITE_5M, WRITE_1H = u.CACHE_WRITE_5M_TOKENS, u.CACHE_WRITE_1H_TOKENS
SONNET = "claude-sonnet-4-5-20250929"
BEDROCK_SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def at(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """An instant in UTC, in nanoseconds since 1970."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 10**9


NOW = at(2026, 11, 21)


def rate(usage: dict[str, int], provider: str, model: str, tier: str = "", at_ns: int = NOW) -> Rated:
    """Rate with the bundled catalogue."""
    return catalogue().rate(usage, provider=provider, model=model, at_ns=at_ns, service_tier=tier)


class Bill(NamedTuple):
    """What was used, and what it costs; the comment beside each holds the sum."""

    provider: str
    model: str
    usage: dict[str, int]
    cost: str
    tier: str = ""


BILLS = [
    # 1 000 * 0.15 + 3 000 * 0.075 + 500 * 0.60, all per million
    Bill("openai", "gpt-4o-mini", {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.000675"),
    # 1 000 * 1.25 + 3 000 * 0.125 + 500 * 10; reasoning is inside the output and costs the same
    Bill("openai", "gpt-5", {INPUT: 4000, READ: 3000, OUTPUT: 500, u.REASONING_TOKENS: 400}, "0.006625"),
    # 1 000 * 3 + 3 000 * 0.30 + 500 * 15
    Bill("anthropic", SONNET, {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.0114"),
    # 1 000 * 3 + 3 000 * 3.75 + 500 * 15
    Bill("anthropic", SONNET, {INPUT: 4000, WRITE: 3000, WRITE_5M: 3000, OUTPUT: 500}, "0.02175"),
    # 1 000 * 3 + 3 000 * 6 + 500 * 15
    Bill("anthropic", SONNET, {INPUT: 4000, WRITE: 3000, WRITE_1H: 3000, OUTPUT: 500}, "0.0285"),
    # 1 000 * 3 + 3 000 * 0.30 + 2 000 * 3.75 + 500 * 6 + 400 * 15
    Bill(
        "anthropic",
        SONNET,
        {INPUT: 6500, READ: 3000, WRITE: 2500, WRITE_5M: 2000, WRITE_1H: 500, OUTPUT: 400},
        "0.0204",
    ),
    # 1 000 * 1 + 3 000 * 0.10 + 500 * 1.25 + 750 * 2 + 500 * 5
    Bill(
        "anthropic",
        "claude-haiku-4-5-20251001",
        {INPUT: 5250, READ: 3000, WRITE: 1250, WRITE_5M: 500, WRITE_1H: 750, OUTPUT: 500},
        "0.005925",
    ),
    # the US profile costs a tenth more: 1 000 * 3.30 + 3 000 * 0.33 + 700 * 4.125 + 500 * 16.50
    Bill(
        "aws.bedrock",
        BEDROCK_SONNET,
        {INPUT: 4700, READ: 3000, WRITE: 700, WRITE_5M: 700, OUTPUT: 500},
        "0.0154275",
    ),
    # 1 000 * 0.30 + 3 000 * 0.03 + 500 * 2.50
    Bill("gcp.gemini", "gemini-2.5-flash", {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.00164"),
    # half: 1 000 * 0.075 + 500 * 0.30
    Bill("openai", "gpt-4o-mini", {INPUT: 1000, OUTPUT: 500}, "0.000225", "batch"),
    # half: 1 000 * 0.625 + 500 * 5
    Bill("openai", "gpt-5", {INPUT: 1000, OUTPUT: 500}, "0.003125", "batch"),
    Bill("openai", "gpt-5", {INPUT: 1000, OUTPUT: 500}, "0.003125", "flex"),
    # 1 000 * 0.125 + 3 000 * 0.0125 + 500 * 1
    Bill("openai", "gpt-5-mini", {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.0006625", "flex"),
    # 1 000 * 0.55 + 500 * 2.20
    Bill("openai", "o4-mini", {INPUT: 1000, OUTPUT: 500}, "0.00165", "flex"),
    # double: 1 000 * 2.50 + 500 * 20
    Bill("openai", "gpt-5", {INPUT: 1000, OUTPUT: 500}, "0.0125", "priority"),
    # half: 1 000 * 1.50 + 500 * 7.50
    Bill("anthropic", SONNET, {INPUT: 1000, OUTPUT: 500}, "0.00525", "batch"),
    # half: 1 000 * 0.625 + 500 * 5
    Bill("gcp.gemini", "gemini-2.5-pro", {INPUT: 1000, OUTPUT: 500}, "0.003125", "batch"),
    # fast mode: 1 000 * 10 + 500 * 50
    Bill("anthropic", "claude-opus-5", {INPUT: 1000, OUTPUT: 500}, "0.035", "fast"),
    # beyond 200 000 input tokens every token costs the higher price: 250 000 * 6 + 500 * 22.50
    Bill("anthropic", SONNET, {INPUT: 250_000, OUTPUT: 500}, "1.51125"),
    # cached tokens count for the height: 50 000 * 6 + 200 000 * 0.60 + 500 * 22.50
    Bill("anthropic", SONNET, {INPUT: 250_000, READ: 200_000, OUTPUT: 500}, "0.43125"),
    # 250 000 * 2.50 + 500 * 15
    Bill("gcp.gemini", "gemini-2.5-pro", {INPUT: 250_000, OUTPUT: 500}, "0.6325"),
    # 8 000 * 0.02
    Bill("openai", "text-embedding-3-small", {INPUT: 8000}, "0.00016"),
    # text 200 * 2.50 + audio 800 * 6 + 100 * 10
    Bill("openai", "gpt-4o-transcribe", {INPUT: 1000, u.INPUT_AUDIO_TOKENS: 800, OUTPUT: 100}, "0.0063"),
    # text 300 * 4 + audio 300 * 32 + cached text 100 * 0.40 + cached audio 300 * 0.40 + text 50 * 16 + audio 150 * 64
    Bill(
        "openai",
        "gpt-realtime",
        {
            INPUT: 1000,
            u.INPUT_AUDIO_TOKENS: 600,
            READ: 400,
            u.CACHE_AUDIO_READ_TOKENS: 300,
            OUTPUT: 200,
            u.OUTPUT_AUDIO_TOKENS: 150,
        },
        "0.02136",
    ),
    # 90 seconds at 0.36 per hour
    Bill("openai", "whisper-1", {"audio_seconds": 90}, "0.009"),
    # Groq bills ten seconds at least: 10 at 0.111 per hour is 0.000308333..., rounded to 18 places
    Bill("groq", "whisper-large-v3", {"audio_seconds": 3}, "0.000308333333333333"),
    # 1 200 characters at 15 per million
    Bill("openai", "tts-1", {"input_characters": 1200}, "0.018"),
    # 25 pages at 4 per thousand
    Bill("mistral_ai", "mistral-ocr-latest", {"input_document_pages": 25}, "0.1"),
    # 1 000 * 3 + 500 * 15 and three searches at 10 per thousand
    Bill("anthropic", SONNET, {INPUT: 1000, OUTPUT: 500, "web_searches": 3}, "0.0405"),
    # 1 000 * 3 + 500 * 15 and two searches at 10 per thousand; what is fetched is billed as the tokens it is, no more
    Bill("anthropic", SONNET, {INPUT: 1000, OUTPUT: 500, u.WEB_SEARCHES: 2, u.WEB_FETCHES: 1}, "0.0305"),
    # 1 000 * 1.50 + 500 * 7.50: half the price in a batch, and nothing for a fetch there either
    Bill("anthropic", SONNET, {INPUT: 1000, OUTPUT: 500, u.WEB_FETCHES: 4}, "0.00525", tier="batch"),
    # 1 000 * 1 + 500 * 1 and one request at 12 per thousand
    Bill("perplexity", "sonar", {INPUT: 1000, OUTPUT: 500}, "0.0135"),
    # 1 000 * 2 + answer 500 * 8 + reasoning 2 000 * 3
    Bill("perplexity", "sonar-deep-research", {INPUT: 1000, OUTPUT: 2500, u.REASONING_TOKENS: 2000}, "0.012"),
    # 1 000 * 3 + 3 000 * 0.30 + 500 * 15: the router passes the price of the provider on
    Bill("openrouter", "anthropic/claude-sonnet-4.5", {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.0114"),
    # 250 000 * 6 + 1 000 * 22.50
    Bill("openrouter", "anthropic/claude-sonnet-4.5", {INPUT: 250_000, OUTPUT: 1000}, "1.5225"),
    # 20 000 * 0.15 + 1 000 * 0.60
    Bill("openrouter", "openai/gpt-4o-mini", {INPUT: 20_000, OUTPUT: 1000}, "0.0036"),
    # the global profile costs the list price: 1 000 * 3 + 500 * 15
    Bill("aws.bedrock", BEDROCK_SONNET.replace("us.", "global.", 1), {INPUT: 1000, OUTPUT: 500}, "0.0105"),
    # 10 000 * 0.06 + 30 000 * 0.015 + 2 000 * 0.24
    Bill("aws.bedrock", "us.amazon.nova-lite-v1:0", {INPUT: 40_000, READ: 30_000, OUTPUT: 2000}, "0.00153"),
    # a model of one's own tuning: 1 000 * 0.30 + 500 * 1.20
    Bill("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123", {INPUT: 1000, OUTPUT: 500}, "0.0009"),
    # an Azure deployment that names its model: 1 000 * 2.50 + 500 * 10
    Bill("azure.ai.openai", "azure/gpt-4o-2024-11-20", {INPUT: 1000, OUTPUT: 500}, "0.0075"),
    # 1 000 * 15 + 4 000 * 1.50 + 1 000 * 18.75 + 1 000 * 30 + 200 * 75
    Bill(
        "anthropic",
        "claude-opus-4-1-20250805",
        {INPUT: 7000, READ: 4000, WRITE: 2000, WRITE_5M: 1000, WRITE_1H: 1000, OUTPUT: 200},
        "0.08475",
    ),
    # 2 000 * 2 + 8 000 * 0.50 + 3 000 * 8, of which 2 500 were reasoning; two searches at 10 per thousand
    Bill(
        "openai",
        "o3",
        {INPUT: 10_000, READ: 8000, OUTPUT: 3000, u.REASONING_TOKENS: 2500, u.WEB_SEARCHES: 2},
        "0.052",
    ),
    # text 50 * 5 + picture 300 * 10 + made picture 1 000 * 40
    Bill("openai", "gpt-image-1", {INPUT: 350, u.INPUT_IMAGE_TOKENS: 300, OUTPUT: 1000}, "0.04325"),
    # 200 * 0.30 + picture 1 290 * 30 + words 10 * 2.50
    Bill("gcp.gemini", "gemini-2.5-flash-image", {INPUT: 200, OUTPUT: 1300, u.OUTPUT_IMAGE_TOKENS: 1290}, "0.038785"),
    # 50 000 * 2.50 + 200 000 * 0.25 + 500 * 15: what is cached counts for the band and costs its price
    Bill("gcp.vertex_ai", "gemini-2.5-pro", {INPUT: 250_000, READ: 200_000, OUTPUT: 500}, "0.1825"),
    # 1 000 * 2 + 500 * 6
    Bill("mistral_ai", "mistral-large-2411", {INPUT: 1000, OUTPUT: 500}, "0.005"),
    # 1 000 * 2.50 + 500 * 10
    Bill("cohere", "command-r-plus-08-2024", {INPUT: 1000, OUTPUT: 500}, "0.0075"),
    # 1 000 * 3 + 3 000 * 0.75 + 500 * 15
    Bill("x_ai", "grok-4-0709", {INPUT: 4000, READ: 3000, OUTPUT: 500}, "0.01275"),
    # 100 000 * 0.13
    Bill("openai", "text-embedding-3-large", {INPUT: 100_000}, "0.013"),
]


@pytest.mark.parametrize("bill", BILLS, ids=lambda bill: f"{bill.model} {bill.tier} {bill.cost}")
def test_a_bill_worked_out_by_hand(bill: Bill) -> None:
    """The cost is the sum on paper, to the last of 18 places, and the lines add up to it."""
    rated = rate(bill.usage, bill.provider, bill.model, bill.tier)
    assert rated.state == "priced", rated.reason
    assert format_amount(rated.cost or 0) == bill.cost
    assert rated.cost == sum(line.amount or 0 for line in rated.lines)


def test_each_line_is_the_share_no_finer_price_took() -> None:
    """Of 6 500 input tokens, 1 000 were neither read from nor written to the cache."""
    rated = rate({INPUT: 6500, OUTPUT: 400, READ: 3000, WRITE: 2500, WRITE_1H: 500}, "anthropic", SONNET)
    assert [(line.unit, line.quantity, line.unit_price, line.amount) for line in rated.lines] == [
        ("input_tokens", 1000, 3 * 10**12, 3 * 10**15),
        ("output_tokens", 400, 15 * 10**12, 6 * 10**15),
        ("cache_read_tokens", 3000, 3 * 10**11, 9 * 10**14),
        ("cache_write_tokens", 2000, 375 * 10**10, 75 * 10**14),
        ("cache_write_1h_tokens", 500, 6 * 10**12, 3 * 10**15),
    ]
    assert rated.currency == "USD"
    assert rated.model == SONNET
    assert rated.price_id == "anthropic/claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("input_tokens", "cost"),
    [
        (200_000, "0.25"),  # 200 000 * 1.25 per million
        (200_001, "0.5000025"),  # 200 001 * 2.50 per million
    ],
)
def test_the_context_band_begins_above_its_threshold(input_tokens: int, cost: str) -> None:
    """Gemini 2.5 Pro doubles its input price for prompts longer than 200 000 tokens, not at 200 000."""
    rated = rate({INPUT: input_tokens}, "gcp.vertex_ai", "gemini-2.5-pro")
    assert format_amount(rated.cost or 0) == cost


@pytest.mark.parametrize(
    ("at_ns", "cost"),
    [
        (at(2025, 6, 10, 0) - 1, "0.03"),  # 1 000 * 10 + 500 * 40
        (at(2025, 6, 10, 0), "0.006"),  # 1 000 * 2 + 500 * 8
    ],
)
def test_a_dated_price_begins_at_midnight_utc(at_ns: int, cost: str) -> None:
    """OpenAI cut o3 to a fifth on 10 June 2025; the last nanosecond before is at the old price."""
    rated = rate({INPUT: 1000, OUTPUT: 500}, "openai", "o3", at_ns=at_ns)
    assert format_amount(rated.cost or 0) == cost


@pytest.mark.parametrize(
    ("at_ns", "cost"),
    [
        (at(2025, 3, 1, 0, 30) - 1, "0.00041"),  # off-peak: 1 000 * 0.135 + 500 * 0.55
        (at(2025, 3, 1, 0, 30), "0.00082"),  # 1 000 * 0.27 + 500 * 1.10
        (at(2025, 3, 1, 16, 30) - 1, "0.00082"),
        (at(2025, 3, 1, 16, 30), "0.00041"),
        (at(1969, 12, 31, 16, 30), "0.00041"),
    ],
)
def test_a_price_by_the_hour_changes_within_the_day(at_ns: int, cost: str) -> None:
    """DeepSeek's off-peak hours are 16:30 to 00:30 UTC, every day."""
    rated = rate({INPUT: 1000, OUTPUT: 500}, "deepseek", "deepseek-chat", at_ns=at_ns)
    assert format_amount(rated.cost or 0) == cost


def test_lines_of_quantity_zero_are_left_out() -> None:
    """Most calls cache nothing, and say so; the ledger keeps those counts in its own columns."""
    rated = rate({INPUT: 1000, OUTPUT: 500, READ: 0, WRITE: 0}, "anthropic", SONNET)
    assert rated.units == (INPUT, OUTPUT)
    assert rated.quantities == (1000, 500)


def test_nothing_used_costs_nothing() -> None:
    """A call that states zero of everything is a known zero, not an unknown cost."""
    rated = rate({INPUT: 0, OUTPUT: 0}, "openai", "gpt-4o")
    assert (rated.state, rated.cost, rated.lines) == ("priced", 0, ())


def test_a_cost_is_exact_where_a_float_is_not() -> None:
    """999 999 999 tokens at 0.15 per million, and 333 333 333 at 0.075: no digit is lost."""
    rated = rate({INPUT: 999_999_999, READ: 333_333_333}, "openai", "gpt-4o-mini")
    # 666 666 666 * 0.00000015 + 333 333 333 * 0.000000075 = 99.9999999 + 24.999999975
    assert format_amount(rated.cost or 0) == "124.999999875"
