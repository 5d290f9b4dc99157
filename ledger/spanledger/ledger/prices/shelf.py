"""The user's price files: where they lie, which book they make, and how one is written: checked and whole, or not."""

import os
from pathlib import Path
from typing import Final

from spanledger.exporter.prices import load_book, price_files
from spanledger.exporter.rate import PriceBook, catalogue, price_book, read_layer, stored_book
from spanledger.exporter.settings import Settings
from spanledger.ledger.accounts import Query
from spanledger.schemas import ConfigurationError

OWN_FILE: Final = "own.yaml"
"""Where entries go that are added without naming a file."""
MADE: Final = "# made by spanledger prices import; import again instead of editing"
"""The first line of a file that another import may replace."""


def current_book(settings: Settings) -> PriceBook:
    """The book of the user's files over the catalogue. Raises `ConfigurationError` with every fault of every file."""
    return load_book(settings.prices, must_exist=settings.prices_stated)


def kept_book(query: Query, digest: str) -> PriceBook:
    """The book of a digest, made of the texts the ledger keeps. Raises `ConfigurationError` if it cannot be had."""

    def content(wanted: str) -> str | None:
        found = query(
            f"SELECT content FROM ledger_price_books FINAL WHERE digest = unhex('{wanted.encode().hex()}')"  # noqa: S608
        )
        return str(found.rows[0][0]) if found.rows else None

    return stored_book(digest, content)


def book_of(settings: Settings, word: str) -> PriceBook | None:
    """The book that a word names without the ledger: `catalogue`, `current`, or a file or folder; None for another."""
    if word == "catalogue":
        return catalogue()
    if word == "current":
        return current_book(settings)
    return load_book([Path(word)]) if Path(word).exists() else None


def file_for(settings: Settings, name: str) -> Path:
    """The price file of a name: in the first place that is not itself a file, else that file."""
    place = next((place for place in settings.prices if not place.is_file()), settings.prices[0])
    if place.is_file():
        return place
    if Path(name).name != name or Path(name).suffix not in {".yaml", ".yml"}:
        msg = f"--file {name!r} must be the name of a .yaml file in {place}"
        raise ConfigurationError(msg)
    return place / name


def text_of(path: Path) -> str:
    """What a price file says; nothing where there is none yet."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigurationError(msg) from error


def save(settings: Settings, path: Path, text: str) -> PriceBook:
    """Write a price file if the book with it is right, in one step; the book.

    Raises `PriceFileError` with file, line and reason for what contradicts, in it or with another file; then nothing
    is changed.
    """
    others = [each for each in price_files(settings.prices, must_exist=False) if each != path]
    order = sorted([*others, path], key=lambda each: others.index(each) if each in others else _place(others, path))
    layers = [
        read_layer(text if each == path else each.read_text(encoding="utf-8"), origin=str(each)) for each in order
    ]
    book = price_book(layers)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        msg = f"{path} cannot be written: {error.strerror}"
        raise ConfigurationError(msg) from error
    return book


def _place(others: list[Path], path: Path) -> float:
    """Between which of the other files it lies: a folder's files are laid by name."""
    return sum(1 for each in others if each.parent == path.parent and each.name < path.name) - 0.5
