"""Entries as lines of an overlay file, and the line where they belong. Pure; comments and order of a file stay.

What comes out is YAML that the rating core reads and checks; nothing here decides whether an entry is right.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Final, TypeAlias

import msgspec

from spanledger.ledger.prices.foreign import Entry
from spanledger.schemas import ConfigurationError

Value: TypeAlias = "str | int | Mapping[str, Value] | Mapping[int, Value]"

PER_TOKENS: Final = 1_000_000
"""Token prices are stated for a million, as providers state them."""

_TOKENS: Final = "_tokens"
_EXACT: Final = Context(prec=200)
_INDENT: Final = "  "
# Plain in YAML whatever it says: begins with a letter, and holds nothing that ends a value or begins a comment.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./@+-]*")
_WORDS_OF_YAML: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def entry_line(fields: Mapping[str, Value]) -> str:
    """One entry of a list."""
    return f"- {_flow(fields)}"


def pair_line(name: str, value: str) -> str:
    """One entry of a mapping."""
    return f"{_flow(name)}: {_flow(value)}"


def file_text(name: str, source: str, entries: Iterable[Entry], about: Iterable[str], *, since: str = "") -> str:
    """A whole file of prices, with comments at its top."""
    head = [
        *(f"# {' '.join(line.split())}" for line in about),
        f"name: {_flow(name)}",
        f"source: {_flow(source)}",
        "prices:",
    ]
    return "\n".join([*head, *(f"{_INDENT}{entry_line(_fields(entry, since))}" for entry in entries)]) + "\n"


def inserted(text: str, path: tuple[str, ...], line: str) -> str:
    """A file's text with one more line in a section, such as `("currencies", "rates")`; a section is made if missing.

    Raises `ConfigurationError` when the section is written in one line, where a line cannot be put.
    """
    lines = text.splitlines()
    at, depth = 0, 0
    for depth, key in enumerate(path):
        found = _key_line(lines, key, _INDENT * depth, at)
        if found is None:
            break
        at = found + 1
    else:
        # Beside what is there, whatever its indentation.
        below = next((each for each in lines[at:] if each.strip() and not each.lstrip().startswith("#")), "")
        own = below[: len(below) - len(below.lstrip())]
        parent = _INDENT * (len(path) - 1)
        is_entry = below.lstrip().startswith("- ") if line.startswith("- ") else len(own) > len(parent)
        indent = own if is_entry and len(own) >= len(parent) else parent + _INDENT
        return "\n".join([*lines[:at], indent + line, *lines[at:]]) + "\n"
    missing = [f"{_INDENT * place}{key}:" for place, key in enumerate(path)][depth:]
    place = at if depth else len(lines)
    return "\n".join([*lines[:place], *missing, _INDENT * len(path) + line, *lines[place:]]) + "\n"


def _key_line(lines: list[str], key: str, indent: str, since: int) -> int | None:
    """The line of a key of this indentation, from a line on, within its section."""
    for place in range(since, len(lines)):
        text = lines[place]
        if indent and text.strip() and not text.startswith((indent, "#")):
            return None
        if not re.match(rf"{indent}{key}\s*:", text):
            continue
        rest = text.split(":", 1)[1].strip()
        if rest and not rest.startswith("#"):
            msg = f"{key} is written in one line: put what it holds on lines of its own, then add to it"
            raise ConfigurationError(msg)
        return place
    return None


def _fields(entry: Entry, since: str) -> dict[str, Value]:
    per = PER_TOKENS if all(unit.endswith(_TOKENS) for unit in entry.units) else 1
    units: dict[str, Value] = {}
    for unit, bands in entry.units.items():
        prices: dict[int, Value] = {above: decimal(price, per) for above, price in bands.items()}
        units[unit] = prices if len(prices) > 1 else prices[0]
    where = {
        "provider": entry.provider,
        "model": entry.model,
        "tier": entry.tier,
        "region": entry.region,
        "from": since,
    }
    return {**{key: value for key, value in where.items() if value}, "per": per, "units": units}


def decimal(price: Decimal, per: int) -> str:
    """A price for one unit as the price for `per`, every digit kept."""
    text = f"{_EXACT.multiply(price, Decimal(per)):f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _flow(value: Value) -> str:
    match value:
        case int():
            return str(value)
        case str():
            plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML
            return value if plain else msgspec.json.encode(value).decode()
        case _:
            return "{" + ", ".join(f"{_flow(key)}: {_flow(each)}" for key, each in value.items()) + "}"
