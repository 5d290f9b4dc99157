"""A public price list from the user's disk → a price file of his; what could not be said is listed in it."""

from argparse import Namespace
from fnmatch import fnmatchcase
from pathlib import Path

from spanledger.exporter.settings import Settings
from spanledger.ledger.prices.foreign import read
from spanledger.ledger.prices.shelf import MADE, file_for, save, text_of
from spanledger.ledger.prices.writing import file_text
from spanledger.schemas import ConfigurationError


def import_list(settings: Settings, path: Path, asked: Namespace) -> tuple[str, list[str]]:
    """Write the price file; a sentence about it, and what was left out, one sentence each.

    Raises `ConfigurationError` when the list cannot be read or a file of the user's own would be replaced.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    imported = read(text, asked.format, provider=asked.provider or path.stem)
    wanted = str(asked.model or "*").lower()
    entries = [entry for entry in imported.entries if fnmatchcase(entry.model.lower(), wanted)]
    if not entries:
        msg = f"{path} has no price of a model like {asked.model!r}"
        raise ConfigurationError(msg)
    name = asked.format if asked.format == "litellm" else f"portkey-{asked.provider or path.stem}"
    target = file_for(settings, asked.file or f"{name}.yaml")
    if (before := text_of(target)) and not before.startswith(MADE):
        msg = f"{target} was not made by an import and would be replaced: name another with --file"
        raise ConfigurationError(msg)
    about = [MADE.removeprefix("# "), *(f"left out: {sentence}" for sentence in imported.left)]
    source = asked.source or f"{asked.format} price list, {path.name}"
    book = save(settings, target, file_text(target.stem, source, entries, about, since=asked.since or ""))
    return f"{len(entries)} entries in {target}, {len(imported.left)} prices left out; prices are now {book.digest}", (
        imported.left
    )
