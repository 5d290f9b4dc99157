"""Reading price files: everything that is wrong is refused with file, line and reason, and nothing is half-applied."""

import re
from pathlib import Path

import pytest

from spanledger.exporter import rate
from spanledger.exporter.rate import PriceFileError
from spanledger.exporter.rate.yaml_tree import TEXT_BYTES_MAX
from spanledger.schemas import ConfigurationError

PAGES = "units: {pages: 1}"
RATE = "{date: 2026-01-01, from: USD, to: EUR, rate: 1}"


def refused(text: str) -> list[str]:
    """The faults of a text, each as it is told."""
    with pytest.raises(PriceFileError) as caught:
        rate.read_layer(text, origin="mine.yaml")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{model: m}", "an entry of prices needs either units with prices or a discount"),
        (f"{{model: m, {PAGES}, discount: 5%}}", "an entry of prices needs either units with prices or a discount"),
        ("{units: {pages: -1}}", "the price of pages is negative: -1"),
        ("{units: {pages: 1e}}", "the price of pages must be a decimal number, such as 2.50"),
        ("{units: {pages: .inf}}", "the price of pages must be a decimal number, such as 2.50"),
        ("{units: {pages: }}", "the price of pages must be a decimal number, such as 2.50"),
        ("{units: {pages: [1]}}", "the price of pages must be a mapping of keys to values"),
        ("{units: {pages: 9999999999999}}", "the price of pages is beyond 12 digits: 9999999999999"),
        ("{units: {}}", "units is empty: state a price for at least one unit, 0 if it is free"),
        (
            "{units: {paegs: 1}}",
            "unknown unit paegs: declare a unit of your own under units at the top of the file",
        ),
        ("{units: {Pages: 1}}", "'Pages' is no unit: write small letters, digits and underscores"),
        ("{units: {input_tokens: 1}}", "prices of tokens need per: how many tokens a price is for, mostly 1000000"),
        ("{per: 0, units: {pages: 1}}", "per must be a whole number from 1 to 1000000000000"),
        ("{per: 1.5, units: {pages: 1}}", "per must be a whole number from 1 to 1000000000000"),
        (
            "{per: 1, units: {reasoning_tokens: 1, output_reasoning_tokens: 1}}",
            "output_reasoning_tokens has a price already, under its other name",
        ),
        ("{units: {pages: {5: 1}}}", "the price of pages needs a price from 0 input tokens on"),
        (
            "{units: {pages: {0: 1, few: 2}}}",
            "the price of pages has no band 'few': write the input tokens a price begins above",
        ),
        (f"{{modle: m, {PAGES}}}", "an entry of prices has no key 'modle': known are provider, model, from, to,"),
        (f"{{model: 'g*t', {PAGES}}}", "model 'g*t' may have one * only, at its end"),
        (f"{{model: '', {PAGES}}}", "model must be a word of 1 to 256 printable characters"),
        (f"{{currency: dollars, {PAGES}}}", "currency 'dollars' is no ISO 4217 code of three capital letters"),
        (f"{{from: yesterday, {PAGES}}}", "from 'yesterday' is no date such as 2026-07-01 and no time such as"),
        (
            f"{{from: 2026-07-01, to: 2026-07-01, {PAGES}}}",
            "to must be later than from: the entry would never hold",
        ),
        ("{discount: 101%}", "discount '101%' is above 100% (write 12.5% or 0.125)"),
        ("{discount: 12.5}", "discount '12.5' is above 100% (write 12.5% or 0.125)"),
        ("{discount: -5%}", "discount is negative: -5"),
        ("{discount: 5%, per: 5}", "a discount has no per: it is a part of another price"),
        (f"{{inherit: maybe, {PAGES}}}", "inherit must be true or false"),
        (f"{{gpus: 0, {PAGES}}}", "gpus must be a whole number from 1 to 65536"),
        ("plenty", "an entry of prices must be a mapping of keys to values"),
    ],
)
def test_a_broken_entry_is_refused_with_its_line(entry: str, reason: str) -> None:
    """The file and the line stand before the reason."""
    (fault,) = refused(f"name: mine\nprices:\n  - {entry}\n")
    assert fault.startswith(f"mine.yaml:3: {reason}")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("prices: [}", "mine.yaml:1: not YAML: "),
        ("a: b: c", "mine.yaml:1: not YAML: "),
        ("- a", "mine.yaml:1: a price file must be a mapping of keys to values"),
        ("price: []", "mine.yaml:1: a price file has no key 'price': known are name, source, aliases,"),
        ("prices: {}", "mine.yaml:1: prices must be a list (lines that begin with -)"),
        ("name: a\nname: b", "mine.yaml:2: name stands here twice"),
        ("? [a]\n: b", "mine.yaml:1: a key must be a word"),
        ("units: &u [a]\nprices: *u", "mine.yaml:1: anchors (&name, *name) are not taken: write the value again"),
        ("name: " + "[" * 30 + "]" * 30, "mine.yaml:1: is nested deeper than 20 levels"),
        ("name: " + "[" * 100_000, "mine.yaml"),
        ("aliases: {a: b, A: c}", "mine.yaml:1: alias 'A' stands here twice, or is empty"),
        ("aliases: {a: b, b: c}", "mine.yaml:1: alias a stands for b, itself an alias: name the model"),
        ("sell: [{model: m}]", "mine.yaml:1: an entry of sell needs either units with prices or a margin"),
        ("sell: [{margin: 20000%}]", "mine.yaml:1: margin '20000%' is above 10000%"),
        ("currencies: {reporting: euro}", "mine.yaml:1: reporting 'euro' is no ISO 4217 code"),
        ("currencies: {rates: [{from: USD}]}", "mine.yaml:1: an exchange rate needs date, to, rate"),
        (
            "currencies: {rates: [{date: 2026-01-01, from: USD, to: EUR, rate: 0}]}",
            "mine.yaml:1: rate must be above zero and have at most 18 places",
        ),
        (
            "currencies: {rates: [{date: 2026-01-01, from: USD, to: EUR, rate: -0.9}]}",
            "mine.yaml:1: rate is negative: -0.9",
        ),
        (
            "currencies: {rates: [{date: 1st of May, from: USD, to: EUR, rate: 1}]}",
            "mine.yaml:1: date '1st of May' is no date such as 2026-07-01",
        ),
        (
            "currencies: {rates: [{date: 2026-01-01, from: USD, to: USD, rate: 1}]}",
            "mine.yaml:1: a rate from USD to itself",
        ),
        (
            f"currencies:\n  rates:\n  - {RATE}\n  - {RATE}\n",
            "mine.yaml:4: the rate from USD to EUR of this date stands in line 3 already",
        ),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, fault: str) -> None:
    """What is not YAML, what no key is for, and what contradicts itself."""
    (told,) = refused(text)
    assert told.startswith(fault)


def test_a_file_beyond_any_price_list_is_refused_unread() -> None:
    """The limit is on what is parsed."""
    assert refused("#" * (TEXT_BYTES_MAX + 1)) == [f"mine.yaml: is larger than {TEXT_BYTES_MAX} bytes"]


@pytest.mark.parametrize(
    "second",
    [
        "{provider: openai, model: gpt-4o, from: 2026-06-30, units: {pages: 2}}",
        "{provider: OpenAI, model: GPT-4o, units: {pages: 1}}",
        "{provider: openai, model: gpt-4o, tenant: '*', tier: '', discount: 5%}".replace("tier: '', ", ""),
    ],
)
def test_two_entries_for_the_same_calls_at_the_same_time_are_refused(second: str) -> None:
    """Whatever they say: the line of the later one, and where the other stands."""
    first = "{provider: openai, model: gpt-4o, to: 2026-07-01, units: {pages: 1}}"
    assert refused(f"prices:\n  - {first}\n  - {second}\n") == [
        "mine.yaml:3: this price holds for the same calls at the same time as the one in line 2"
    ]


def test_one_entry_may_follow_the_other() -> None:
    """The first instant of the second is where the first no longer holds."""
    layer = rate.read_layer(
        f"prices:\n  - {{model: m, to: 2026-07-01, {PAGES}}}\n  - {{model: m, from: 2026-07-01, {PAGES}}}",
        origin="mine.yaml",
    )
    assert [entry.line for entry in layer.prices] == [2, 3]


def test_every_fault_of_a_file_is_told_at_once() -> None:
    """Nobody corrects a file line by line."""
    faults = refused("prices:\n  - {units: {pages: -1}}\n  - {units: {pages: 1}}\nsell:\n  - {margin: x}\n")
    assert [fault.split(":")[1] for fault in faults] == ["2", "5"]


def test_a_file_is_named_after_itself_unless_it_says_otherwise() -> None:
    """The name stands in the price ids of events."""
    assert rate.read_layer("", origin="/etc/prices/acme.2026.yaml").name == "acme"
    assert rate.read_layer("name: contract", origin="/etc/prices/acme.yaml").name == "contract"


def test_two_files_of_one_name_are_refused() -> None:
    """A price id would not say which."""
    layers = [rate.read_layer("name: same", origin=origin) for origin in ("a.yaml", "b.yaml")]
    with pytest.raises(PriceFileError, match=r"b.yaml:1: is named same, as a.yaml is"):
        rate.price_book(layers)


def test_a_currency_that_nothing_converts_is_refused() -> None:
    """A reporting currency asks for a rate from every currency that a price is in."""
    text = (
        "currencies:\n  reporting: EUR\n  rates: [{date: 2026-01-01, from: USD, to: EUR, rate: 1}]\n"
        "prices:\n  - {currency: GBP, units: {pages: 1}}\n"
    )
    with pytest.raises(PriceFileError, match=r"mine.yaml:5: GBP has no exchange rate to EUR, the reporting currency"):
        rate.price_book([rate.read_layer(text, origin="mine.yaml")])
    with pytest.raises(PriceFileError, match=r"mine.yaml:1: USD \(list prices\) has no exchange rate to EUR"):
        rate.price_book([rate.read_layer("currencies: {reporting: EUR}", origin="mine.yaml")])


def test_the_documented_file_is_one() -> None:
    """The example of docs/prices.md is read as it stands, and makes a book."""
    document = (Path(__file__).parents[4] / "docs" / "prices.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    layer = rate.read_layer(text, origin="prices.md")
    assert (layer.name, len(layer.prices), len(layer.sell)) == ("acme-contracts", 8, 2)
    book = rate.price_book([layer])
    call = {"provider": "openai", "model": "gpt-4o", "tenant": "acme"}
    answer = book.rate({"input_tokens": 1_000_000}, at_ns=1_767_225_600 * 10**9, **call)  # type: ignore[arg-type]
    assert (answer.cost, answer.revenue) == (225 * 10**16, 270 * 10**16)


def test_a_price_is_kept_as_it_is_written() -> None:
    """Neither quotes nor a missing zero make a float of it."""
    text = "prices: [{model: m, per: 1000000, units: {input_tokens: 0.1, output_tokens: '2.50', pages: 1e-3}}]"
    (entry,) = rate.read_layer(text, origin="mine.yaml").prices
    assert [(unit, steps[0].price.amount) for unit, steps in entry.prices.items()] == [
        ("input_tokens", "0.1"),
        ("output_tokens", "2.5"),
        ("pages", "0.001"),
    ]
    assert entry.prices["input_tokens"][0].price.numerator == 10**11


def test_a_book_is_made_again_from_its_kept_texts() -> None:
    """Two texts, the catalogue's and the files'; the digest depends on all of them and not on where they lay."""
    text = "name: mine\nprices: [{model: m, units: {pages: 1}}]"
    book = rate.price_book([rate.read_layer(text, origin="/here/mine.yaml")])
    kept = {one.digest: one.content for one in rate.texts(book)}
    assert list(kept) == [rate.catalogue().digest, book.digest]
    again = rate.stored_book(book.digest, kept.get)
    assert again is not book
    assert again.digest == book.digest
    assert again.rate({"pages": 2}, provider="p", model="m", at_ns=0).cost == 2 * 10**18
    elsewhere = rate.price_book([rate.read_layer(text, origin="/there/mine.yaml")])
    assert elsewhere.digest == book.digest
    other = rate.price_book([rate.read_layer(f"{text}\n", origin="/here/mine.yaml")])
    assert other.digest != book.digest


def test_an_old_catalogue_is_made_again_from_its_text() -> None:
    """Another version of the library cannot change what a line was priced with."""
    (kept,) = rate.texts(rate.catalogue())
    older = kept.content.replace('"version":"', '"version":"0.0.', 1)
    from spanledger.exporter.rate.genai import GenaiPrices  # noqa: PLC0415 (imports the catalogue)

    source = GenaiPrices.of_text(older)
    assert source.digest.startswith("genai-prices-0.0.")
    book = rate.stored_book(source.digest, {source.digest: older}.get)
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "cache_read_tokens": 500_000}
    for provider, model in (("openai", "gpt-4o"), ("gcp.gemini", "gemini-2.5-pro"), ("deepseek", "deepseek-chat")):
        for tier in ("", "batch"):
            call = {"provider": provider, "model": model, "at_ns": 1_795_264_800 * 10**9, "service_tier": tier}
            then, now = book.rate(usage, **call), rate.catalogue().rate(usage, **call)  # type: ignore[arg-type]
            assert (then.cost, then.reason, then.price_id) == (now.cost, now.reason, now.price_id)


def test_a_kept_text_that_was_altered_is_refused() -> None:
    """Its digest is another one: nothing can be priced with it."""
    (catalogue,) = rate.texts(rate.catalogue())
    book = rate.price_book([rate.read_layer("name: mine", origin="mine.yaml")])
    kept = {one.digest: one.content.replace("mine", "ours") for one in rate.texts(book)}
    with pytest.raises(ConfigurationError, match=f"price book {book.digest} is another one"):
        rate.stored_book(book.digest, kept.get)
    digest = "genai-prices-0.0.1:0123456789abcdef"
    for text in (catalogue.content, "{}", "[]", "no JSON", '{"version":1,"units":{},"providers":[{}]}'):
        with pytest.raises(ConfigurationError, match=f"price book {digest} is another one"):
            rate.stored_book(digest, {digest: text}.get)
    with pytest.raises(ConfigurationError, match=f"price book {digest} is not kept here"):
        rate.stored_book(digest, lambda _: None)


def test_a_listing_shows_what_a_book_states_and_where() -> None:
    """Files first, then the catalogue; with dates, sources and lines."""
    text = (
        "name: mine\nsource: contract 7\naliases: {prod: gpt-4o}\nprices:\n"
        "  - {provider: openai, model: gpt-4o, from: 2026-01-01, per: 1000, units: {input_tokens: {0: 2, 1000: 4}}}\n"
        "  - {provider: openai, model: 'gpt-5*', discount: 12.5%, source: mail of May}\n"
        "currencies: {rates: [{date: 2026-01-02, from: USD, to: EUR, rate: 0.9, source: ECB}]}\n"
    )
    book = rate.price_book([rate.read_layer(text, origin="mine.yaml")])
    listed = list(rate.listings(book, provider="openai", model="gpt-4o"))
    assert [(one.kind, one.unit, one.above, one.line) for one in listed if one.layer == "mine"] == [
        ("price", "input_tokens", -1, 5),
        ("price", "input_tokens", 1000, 5),
    ]
    assert listed[0].since_ns == 1_767_225_600 * 10**9
    assert (listed[0].source, listed[0].origin) == ("contract 7", "mine.yaml")
    listed_prices = {one.unit: one.price and one.price.amount for one in listed if one.layer != "mine" and not one.tier}
    tokens = {unit: price for unit, price in listed_prices.items() if unit.endswith("_tokens")}
    assert tokens == {"input_tokens": "2.5", "cache_read_tokens": "1.25", "output_tokens": "10"}
    kinds = {one.kind: one for one in rate.listings(book) if one.layer == "mine"}
    assert (kinds["discount"].share, kinds["discount"].source) == ("0.125", "mail of May")
    assert (kinds["alias"].model, kinds["alias"].price_id) == ("prod", "gpt-4o")
    exchange = kinds["exchange"]
    assert (exchange.unit, exchange.currency, exchange.price and exchange.price.amount) == ("USD", "EUR", "0.9")
