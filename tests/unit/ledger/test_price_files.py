"""Writing into price files: comments and order stay, contradictions change nothing."""

from pathlib import Path

import pytest

from spanledger.exporter.settings import Settings, load
from spanledger.ledger.cli import main
from spanledger.ledger.prices.shelf import file_for, save
from spanledger.ledger.prices.writing import entry_line, inserted
from spanledger.schemas import ConfigurationError

LINE = entry_line({"provider": "p", "model": "gpt-5*", "per": 1, "units": {"seconds": "0.1"}})
WRITTEN = '- {provider: p, model: "gpt-5*", per: 1, units: {seconds: "0.1"}}'


def settings(tmp_path: Path) -> Settings:
    """A store in a folder of the test."""
    return load({}, store=str(tmp_path / "store"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\n", f"name: a\nprices:\n  {WRITTEN}\n"),
        ("name: a\nprices:\n- {x: 1}\n", f"name: a\nprices:\n{WRITTEN}\n- {{x: 1}}\n"),
        (
            "prices: # ours\n    # the first\n    - {x: 1}\nsell:\n  - {y: 1}\n",
            f"prices: # ours\n    {WRITTEN}\n    # the first\n    - {{x: 1}}\nsell:\n  - {{y: 1}}\n",
        ),
    ],
)
def test_an_entry_goes_into_its_section(text: str, expected: str) -> None:
    """Beside the entries there, with their indentation; nothing else of the file is touched."""
    assert inserted(text, ("prices",), LINE) == expected


def test_a_nested_section_is_made_where_it_is_missing() -> None:
    """Exchange rates lie under currencies; what follows stays outside."""
    path = ("currencies", "rates")
    made = inserted("currencies:\n  reporting: EUR\nsell:\n  - {y: 1}\n", path, "- {x: 1}")
    assert made == "currencies:\n  rates:\n    - {x: 1}\n  reporting: EUR\nsell:\n  - {y: 1}\n"
    assert inserted(made, path, "- {x: 2}") == made.replace("rates:\n", "rates:\n    - {x: 2}\n")


def test_a_section_in_one_line_is_left_alone() -> None:
    """It cannot be added to without rewriting what its author wrote."""
    with pytest.raises(ConfigurationError, match="one line"):
        inserted("prices: []\n", ("prices",), LINE)


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "null", "1e3", "0x1f", "2026-01-01", "a: b", "#x", "a\nb", "ü", ""]
)
def test_a_word_that_yaml_reads_otherwise_is_quoted(word: str) -> None:
    """Whatever a model is called, it is read back as that."""
    line = entry_line({"model": word})
    assert line.startswith('- {model: "')
    assert "\n" not in line


def test_an_entry_that_contradicts_another_file_changes_nothing(tmp_path: Path) -> None:
    """The fault has file, line and reason; the file is as it was, and no other lies beside it."""
    first = "name: one\nprices:\n  - {provider: p, model: m, units: {seconds: 1}}\n"
    own = settings(tmp_path)
    path = file_for(own, "one.yaml")
    save(own, path, first)
    with pytest.raises(ConfigurationError, match=r"one\.yaml:4: this price holds for the same calls"):
        save(own, path, first + "  - {provider: p, model: m, units: {seconds: 2}}\n")
    assert path.read_text() == first
    assert [each.name for each in path.parent.iterdir()] == ["one.yaml"]
    with pytest.raises(ConfigurationError, match="one name, one file"):
        save(own, file_for(own, "two.yaml"), first)
    assert not (path.parent / "two.yaml").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--provider", "p", "--model", "m"],
        ["--provider", "p", "--model", "m", "input_tokens=1"],
        ["--provider", "p", "--model", "m", "--per", "1000000", "input_tokens=-1"],
        ["--provider", "p", "--model", "m", "--per", "1000000", "input_tokens=nan"],
        ["--provider", "p", "--model", "m", "--per", "1000000", "input_token=1"],
        ["--provider", "p", "--model", "m", "seconds"],
        ["--provider", "p", "--model", "m", "--from", "soon", "seconds=1"],
        ["--provider", "p", "--model", "m", "--currency", "euro", "seconds=1"],
        ["--provider", "p", "--model", "m", "--from", "2026-02-01", "--to", "2026-01-01", "seconds=1"],
        ["--discount", "120%", "--model", "m"],
        ["--alias", "name"],
        ["--exchange", "USD:EUR=0", "--from", "2026-01-01"],
        ["--exchange", "USD:EUR=1"],
        ["--file", "../own.yaml", "--model", "m", "seconds=1"],
    ],
)
def test_a_wrong_entry_is_refused_with_2_and_a_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, not even a file."""
    assert main(["prices", "add", "--store", str(tmp_path / "store"), *arguments]) == 2
    assert capsys.readouterr().err.startswith("spanledger: ")
    assert not (tmp_path / "store" / "prices" / "own.yaml").exists()


def test_what_is_added_is_listed_and_charged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A price, a discount, a name and an exchange rate: each with its file and line."""
    store = ["--store", str(tmp_path / "store")]
    contract = ["--provider", "openai", "--model", "gpt-4o", "--tenant", "acme", "--per", "1000000", "--source", "c-7"]
    for entry in (
        [*contract, "input_tokens=2.25", "output_tokens=9"],
        ["--discount", "50%", "--model", "gpt-5*"],
        ["--alias", "house=openai/gpt-4o"],
        ["--exchange", "USD:EUR=0.92", "--from", "2026-11-01"],
        ["--margin", "20%", "--tenant", "acme"],
        ["--sell", "--tenant", "globex", "--provider", "openai", "--per", "1000000", "input_tokens=5"],
    ):
        assert main(["prices", "add", *store, *entry]) == 0
    capsys.readouterr()
    assert main(["prices", "list", *store, "--own", "--format", "csv"]) == 0
    listed = capsys.readouterr().out.splitlines()[1:]
    assert [line.split(",")[0] for line in listed] == [
        "discount",
        "price",
        "price",
        "sell",
        "margin",
        "alias",
        "exchange",
    ]
    assert all("own.yaml:" in line for line in listed)
    assert main(["prices", "show", *store, "house", "--tenant", "acme", "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "input_tokens,,2.25,1000000,USD,own:openai/gpt-4o"
    assert main(["prices", "show", *store, "gpt-99"]) == 1
    assert "no price: no_model" in capsys.readouterr().out
    assert main(["prices", "diff", *store, "catalogue", "--model", "gpt-4o", "--format", "csv"]) == 0
    assert "added,openai,gpt-4o,price,acme,,,,output_tokens,,,9 USD per 1000000" in capsys.readouterr().out


def test_a_price_of_an_account_is_added_listed_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account of digits keeps its leading zero; 2.50 and 10 less 20 % are 2 and 8, under it alone."""
    store = ["--store", str(tmp_path / "store")]
    entry = ["--provider", "openai", "--account", "012345678901", "--discount", "20%"]
    assert main(["prices", "add", *store, *entry]) == 0
    assert 'account: "012345678901"' in (tmp_path / "store" / "prices" / "own.yaml").read_text()
    capsys.readouterr()
    assert main(["prices", "list", *store, "--own", "--format", "json"]) == 0
    assert '"account": "012345678901"' in capsys.readouterr().out
    for account, price in (("012345678901", "2"), ("999", "2.5")):
        assert main(["prices", "show", *store, "openai/gpt-4o", "--account", account, "--format", "csv"]) == 0
        assert f"input_tokens,,{price},1000000,USD" in capsys.readouterr().out


def test_a_book_at_two_dates_differs_by_its_price_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """OpenAI cut o3 to a fifth on 10 June 2025."""
    arguments = ["prices", "diff", "--store", str(tmp_path / "s"), "2025-06-09", "2025-06-10", "--provider", "openai"]
    assert main([*arguments, "--model", "o3", "--format", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert "changed,openai,o3,price,,,,,output_tokens,,40 USD per 1000000,8 USD per 1000000 from 2025-06-10" in rows


def test_an_import_replaces_only_what_an_import_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file somebody wrote by hand is never overwritten."""
    prices = tmp_path / "list.json"
    prices.write_text('{"m": {"litellm_provider": "house", "input_cost_per_token": 1e-06, "x_cost": 3}}')
    arguments = ["prices", "import", "--store", str(tmp_path / "store"), "--format", "litellm", str(prices)]
    assert main(arguments) == 0
    assert main(arguments) == 0
    ended = capsys.readouterr()
    assert "1 entries in" in ended.out
    assert "left out: m: x_cost has no counterpart here" in ended.err
    by_hand = tmp_path / "store" / "prices" / "mine.yaml"
    by_hand.write_text("name: mine\n")
    assert main([*arguments, "--file", "mine.yaml"]) == 2
    assert by_hand.read_text() == "name: mine\n"
