"""`spanledger prices add`: one entry into a price file, checked before anything is written."""

import argparse
from typing import TYPE_CHECKING

from spanledger.ledger.cli.console import say
from spanledger.ledger.cli.options import settings_of

if TYPE_CHECKING:
    from spanledger.ledger.prices.writing import Value


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--discount", metavar="SHARE", help="12.5%%: off what the prices below would be")
    what.add_argument("--margin", metavar="SHARE", help="20%%: what a tenant pays above the cost")
    what.add_argument("--sell", action="store_true", help="the prices are what a tenant pays, not what the call costs")
    what.add_argument("--alias", metavar="NAME=MODEL", help="a name no rule can know, and the model it stands for")
    what.add_argument("--exchange", metavar="FROM:TO=RATE", help="an exchange rate of --from's date: USD:EUR=0.92")
    for flag, help_ in (
        ("--provider", "whose model; any unless given"),
        ("--model", "the model, or the beginning of names: gpt-5*"),
        ("--tenant", "only this tenant"),
        ("--account", "only calls under this account with the provider"),
        ("--tier", "only this service tier, such as batch"),
        ("--region", "only this region"),
        ("--from", "first date or time (UTC) it holds"),
        ("--to", "date or time (UTC) from which it no longer holds"),
        ("--currency", "ISO 4217; USD unless given"),
        ("--source", "where it is from: a contract, a URL"),
    ):
        parser.add_argument(flag, dest=f"at_{flag[2:]}", metavar=flag[2:].upper(), help=help_)
    parser.add_argument("--per", type=int, metavar="N", help="how many units a price is for, such as 1000000")
    parser.add_argument("--file", metavar="NAME", help="the price file, in the folder of price files (own.yaml)")
    parser.add_argument("prices", nargs="*", metavar="UNIT=PRICE", help="input_tokens=2.25 output_tokens=9")


def add(options: argparse.Namespace) -> int:
    """Write the entry; the book is checked with it first."""
    from spanledger.ledger.prices.shelf import OWN_FILE, file_for, save, text_of  # noqa: PLC0415
    from spanledger.ledger.prices.writing import inserted  # noqa: PLC0415

    path_in_file, line = _entry(options)
    settings = settings_of(argparse.Namespace(**{**vars(options), "tenant": None}))
    target = file_for(settings, options.file or OWN_FILE)
    text = text_of(target) or f"name: {target.stem}\n"
    book = save(settings, target, inserted(text, path_in_file, line))
    say(f"added to {target}: {line.removeprefix('- ')}")
    say(f"prices are now {book.digest}; what is booked keeps its price until: spanledger prices reprice --dry-run")
    return 0


def _entry(options: argparse.Namespace) -> tuple[tuple[str, ...], str]:
    """Where in the file it belongs, and its line."""
    from spanledger.ledger.prices.writing import entry_line, pair_line  # noqa: PLC0415

    if options.alias:
        name, model = _pair("--alias", options.alias)
        return ("aliases",), pair_line(name, model)
    where = {key: value for key in _WHERE if (value := getattr(options, f"at_{key}"))}
    if options.exchange:
        names, rate = _pair("--exchange", options.exchange)
        base, _, quote = names.partition(":")
        dated: dict[str, Value] = {"date": where.get("from", ""), "from": base, "to": quote, "rate": rate}
        return ("currencies", "rates"), entry_line({**dated, **_only(where, "source")})
    fields: dict[str, Value] = dict(where)
    if options.discount or options.margin:
        fields |= {"discount": options.discount} if options.discount else {"margin": options.margin}
    if options.per is not None:
        fields["per"] = options.per
    if options.prices:
        fields["units"] = dict(_pair("UNIT=PRICE", each) for each in options.prices)
    return ("sell" if options.sell or options.margin else "prices",), entry_line(fields)


_WHERE = ("provider", "model", "tenant", "account", "tier", "region", "from", "to", "currency", "source")


def _only(where: "dict[str, str]", *keys: str) -> "dict[str, Value]":
    return {key: where[key] for key in keys if key in where}


def _pair(flag: str, text: str) -> tuple[str, str]:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        msg = f"{flag} {text!r} must be written with an equals sign, such as input_tokens=2.25 or my-gpt=gpt-4o"
        raise ConfigurationError(msg)
    return name.strip(), value.strip()
