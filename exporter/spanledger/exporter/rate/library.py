"""Books made of their texts: the bundled catalogue alone, with overlays over it, or as a store kept them.

Nothing here is imported before somebody rates: the catalogue costs 0.4 s of CPU and 38 MB, YAML another 20 ms.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from spanledger.exporter.rate.book import CURRENCY, PriceBook
from spanledger.exporter.rate.faults import Fault, PriceFileError
from spanledger.exporter.rate.layered import Layered
from spanledger.exporter.rate.listing import Listing, all_listings, fitting
from spanledger.exporter.rate.overlay import Layer
from spanledger.schemas import ConfigurationError

if TYPE_CHECKING:
    from spanledger.exporter.rate.genai import GenaiPrices

DIGEST_CHARS: Final = 16
"""64 bits tell price books apart: nobody forges one against himself."""

OVERLAID: Final = "prices:"
"""How the digest of a book with overlays begins."""


class BookText(msgspec.Struct, frozen=True):
    """A row of `ledger_price_books`: enough to make the book of that digest again.

    A book without overlays is one text, the catalogue's. One with overlays is two: the catalogue's, under the
    catalogue's own digest, and a JSON object `{"base": DIGEST, "layers": [{"origin": …, "text": …}, …]}` under its own.
    """

    digest: str
    name: str
    """For people: `genai-prices 0.2.3`, or the names of the layers, joined by commas."""
    content: str


@cache
def catalogue() -> PriceBook:
    """The bundled price book without overlays, one per process. The first call imports `genai-prices`.

    Raises `ConfigurationError` where the library is not installed.
    """
    return PriceBook(_bundled())


def read_layer(text: str, *, origin: str) -> Layer:
    """Read one overlay file's text. `origin` is the file's name, as faults and listings show it.

    Raises `PriceFileError` (a `ConfigurationError`) naming every fault as `ORIGIN:LINE: reason`.
    """
    units = _bundled().units
    from spanledger.exporter.rate.overlay_text import layer_of  # noqa: PLC0415 - only who has overlays needs YAML

    return layer_of(text, origin, units)


def price_book(layers: Iterable[Layer] = (), base: PriceBook | None = None) -> PriceBook:
    """The book of overlays over a base (the bundled catalogue unless given); a later layer wins over an earlier.

    Raises `PriceFileError` for what contradicts across files (two layers of one name, a currency nothing converts).
    """
    stacked = tuple(layers)
    below = base or catalogue()
    if not stacked:
        return below
    source = _catalogue_of(below)
    book = Layered(source, stacked, OVERLAID + _hash(_manifest(source.digest, stacked)))
    if faults := [*_same_names(stacked), *_unconverted(book, stacked)]:
        raise PriceFileError(faults)
    return PriceBook(book)


def texts(book: PriceBook) -> tuple[BookText, ...]:
    """What must be kept so that `stored_book` can make the book again."""
    source = _catalogue_of(book)
    kept = BookText(source.digest, source.name, source.text)
    if not isinstance(book.source, Layered):
        return (kept,)
    layers = book.source.layers
    return kept, BookText(book.digest, ", ".join(one.name for one in layers), _manifest(source.digest, layers))


def stored_book(digest: str, content: Callable[[str], str | None]) -> PriceBook:
    """The book of a digest from kept texts: `content` gives the text kept under a digest, None where there is none.

    Raises `ConfigurationError` when a text is missing or is not what its digest names.
    """
    if digest == _bundled().digest:
        return catalogue()
    text = content(digest)
    if text is None:
        msg = f"the text of price book {digest} is not kept here"
        raise ConfigurationError(msg)
    if digest.startswith(OVERLAID):
        return _stored_layers(digest, text, content)
    from spanledger.exporter.rate.genai import GenaiPrices  # noqa: PLC0415 (see `_bundled`)

    try:
        source = GenaiPrices.of_text(text)
        found = source.digest
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _altered(digest) from error
    if found != digest:
        raise _altered(digest)
    return PriceBook(source)


def listings(book: PriceBook, *, provider: str = "", model: str = "") -> Iterator[Listing]:
    """Everything a book states, overlays first (the later ones first), then the catalogue; filtered if told.

    `provider` is any spelling of one; `model` any name a call may carry, or a prefix with `*`.
    """
    return fitting(all_listings(book.source, _catalogue_of(book)), provider=provider, model=model)


def _bundled() -> "GenaiPrices":
    try:
        return _imported()
    except ModuleNotFoundError as missing:
        msg = f"prices need {missing.name}, which is not installed: pip install 'spanledger[clickhouse]'"
        raise ConfigurationError(msg) from missing


@cache
def _imported() -> "GenaiPrices":
    from spanledger.exporter.rate.genai import GenaiPrices  # noqa: PLC0415 - only who rates pays for the catalogue

    return GenaiPrices()


def _catalogue_of(book: PriceBook) -> "GenaiPrices":
    """The catalogue that lies lowest in a book."""
    from spanledger.exporter.rate.genai import GenaiPrices  # noqa: PLC0415 (see `_bundled`)

    source = book.source.base if isinstance(book.source, Layered) else book.source
    if not isinstance(source, GenaiPrices):
        msg = f"a book over {type(source).__name__} has no text"
        raise TypeError(msg)
    return source


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


def _manifest(base: str, layers: Sequence[Layer]) -> str:
    """Everything a book with overlays depends on. Of the files only the names: where they lay changes no price."""
    kept = [{"origin": layer.origin.rpartition("/")[2], "text": layer.text} for layer in layers]
    return msgspec.json.encode({"base": base, "layers": kept}, order="deterministic").decode()


class _Manifest(msgspec.Struct, frozen=True):
    base: str
    layers: list["_Kept"]


class _Kept(msgspec.Struct, frozen=True):
    origin: str
    text: str


def _stored_layers(digest: str, text: str, content: Callable[[str], str | None]) -> PriceBook:
    if OVERLAID + _hash(text) != digest:
        raise _altered(digest)
    try:
        manifest = msgspec.json.decode(text, type=_Manifest)
    except msgspec.DecodeError as error:
        raise _altered(digest) from error
    below = stored_book(manifest.base, content)
    return price_book((read_layer(one.text, origin=one.origin) for one in manifest.layers), below)


def _altered(digest: str) -> ConfigurationError:
    msg = f"the text kept as price book {digest} is another one: it was altered, and nothing can be priced with it"
    return ConfigurationError(msg)


def _same_names(layers: Sequence[Layer]) -> Iterator[Fault]:
    first: dict[str, Layer] = {}
    for layer in layers:
        if (other := first.setdefault(layer.name, layer)) is not layer:
            yield Fault(layer.origin, 1, f"is named {layer.name}, as {other.origin} is: one name, one file")


def _unconverted(book: Layered, layers: Sequence[Layer]) -> Iterator[Fault]:
    """With a reporting currency, every currency a price may be in has some rate."""
    exchange = book.exchange
    if not exchange.reporting:
        return
    asking = next(layer for layer in reversed(layers) if layer.currencies.reporting)
    needed: dict[str, Fault] = {}
    reason = f"{{}} has no exchange rate to {exchange.reporting}, the reporting currency"
    if not exchange.converts(CURRENCY):
        needed[CURRENCY] = Fault(asking.origin, asking.currencies.line, reason.format(f"{CURRENCY} (list prices)"))
    for layer in layers:
        for entry in layer.prices:
            if entry.currency and not exchange.converts(entry.currency):
                needed.setdefault(entry.currency, Fault(layer.origin, entry.line, reason.format(entry.currency)))
    yield from needed.values()
