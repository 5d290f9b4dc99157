"""The price files on disk, and the book they make: read again when one changed, never half.

While a file is broken the last good book stays in use, and `problem` says why; before there is one, nothing is priced.
"""

import os
from collections.abc import Iterable, Sequence
from logging import getLogger
from pathlib import Path
from threading import Lock
from typing import Final

from spanledger.exporter import rate
from spanledger.exporter.rate import Fault, Layer, PriceBook, PriceFileError
from spanledger.schemas import ConfigurationError

_log = getLogger(__name__)

SUFFIXES: Final = frozenset({".yaml", ".yml"})

# Contracts and price lists of a company are some dozens; a folder of more was pointed at by mistake.
FILES_MAX: Final = 1000

_Stamp = tuple[tuple[str, int, int], ...]
"""Path, time of the last change and size of every file."""


class PriceShelf:
    """The price files of some places, and the newest book that could be made of them. Any thread may ask."""

    def __init__(self, places: Sequence[Path] = (), *, must_exist: bool = False) -> None:
        """Nothing is read before it is needed. `must_exist`: the places were stated, not assumed."""
        self._places = tuple(places)
        self._must_exist = must_exist
        self._book: PriceBook | None = None
        self._stamp: _Stamp | None = None
        self._asking = Lock()
        self.problem = ""
        """Why the files as they are now are not in use; empty while they are."""

    def current(self) -> PriceBook:
        """The book to price with now. Cheap while no file changes.

        Raises `PriceFileError` or `ConfigurationError` while no book could ever be made.
        """
        with self._asking:
            return self._current()

    def _current(self) -> PriceBook:
        try:
            stamp = _stamp_of(price_files(self._places, must_exist=self._must_exist))
            if stamp == self._stamp and self._book is not None:
                return self._book
            self._stamp = stamp
            self._book = load_book(self._places, must_exist=self._must_exist)
        except ConfigurationError as error:
            if self._book is None:
                raise
            self._keep(str(error))
        else:
            self.problem = ""
        return self._book

    def _keep(self, problem: str) -> None:
        """Go on with the last good book; say so once."""
        if problem != self.problem:
            _log.warning("price files are refused, the prices before stay in use: %s", problem)
        self.problem = problem


def load_book(places: Iterable[Path], *, must_exist: bool = True) -> PriceBook:
    """The book of all price files of some places, strictly.

    Raises `PriceFileError` with every fault of every file, `ConfigurationError` for a place that is not there.
    """
    layers: list[Layer] = []
    faults: list[Fault] = []
    for path in price_files(places, must_exist=must_exist):
        try:
            layers.append(rate.read_layer(path.read_text(encoding="utf-8"), origin=str(path)))
        except PriceFileError as error:
            faults += error.faults
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(str(path), 0, f"cannot be read: {error}"))
    if faults:
        raise PriceFileError(faults)
    return rate.price_book(layers)


def price_files(places: Iterable[Path], *, must_exist: bool = True) -> list[Path]:
    """The files of some places in the order in which they are laid: a folder's by name.

    Raises `ConfigurationError` for a stated place that is not there, and for a folder that cannot be one of prices.
    """
    found: list[Path] = []
    for place in places:
        try:
            names = sorted(entry.name for entry in os.scandir(place) if entry.is_file())
        except NotADirectoryError:
            found.append(place)
            continue
        except FileNotFoundError as error:
            if must_exist:
                msg = f"SPANLEDGER_PRICES names {place}, which is not there: give a price file, or a folder of them"
                raise ConfigurationError(msg) from error
            continue
        except OSError as error:
            msg = f"the price files in {place} cannot be listed: {error.strerror}"
            raise ConfigurationError(msg) from error
        found += [place / name for name in names if Path(name).suffix in SUFFIXES and not name.startswith(".")]
    if len(found) > FILES_MAX:
        msg = f"{len(found)} price files are more than {FILES_MAX}: does SPANLEDGER_PRICES name the right folder?"
        raise ConfigurationError(msg)
    return found


def _stamp_of(paths: Iterable[Path]) -> _Stamp:
    stamps: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            stamps.append((str(path), 0, -1))
        else:
            stamps.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(stamps)
