"""Other people's public price lists → entries of an overlay file. Pure; what cannot be said here is listed, never lost.

Numbers are read from their text: no binary float ever stands between a list and a price.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeAlias, cast

import msgspec

from spanledger.schemas import ConfigurationError
from spanledger.schemas import units as u

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | int | Decimal | bool | None"
Bands: TypeAlias = dict[int, Decimal]
"""Price of one unit by the input tokens it begins above; 0 is the price from the start."""

Format = Literal["litellm", "portkey"]
FORMATS: Final[tuple[Format, ...]] = ("litellm", "portkey")


@dataclass(frozen=True, slots=True)
class Entry:
    """The prices of one model in one tier and region: dollars for one unit."""

    provider: str
    model: str
    tier: str = ""
    region: str = ""
    units: dict[str, Bands] = field(default_factory=dict[str, Bands])

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What no two entries of a file may have in common."""
        return self.provider.lower(), self.model.lower(), self.tier, self.region


@dataclass(slots=True)
class Imported:
    """What a list says in our words, and what of it we cannot say."""

    entries: list[Entry] = field(default_factory=list[Entry])
    left: list[str] = field(default_factory=list[str])
    """One sentence for everything that was left out."""

    def take(self, entry: Entry) -> None:
        """Keep an entry, unless its place is taken; zeros say nothing."""
        name = f"{entry.provider}/{entry.model}{f' ({entry.tier})' if entry.tier else ''}"
        if "*" in entry.model:
            self.left.append(f"{name}: a name with a star would stand for many models")
            return
        if not any(price for bands in entry.units.values() for price in bands.values()):
            if entry.units:
                self.left.append(f"{name}: every price is 0, which may be free or unknown")
            return
        for unit in [unit for unit, bands in entry.units.items() if unit in u.WHOLE_OF and not any(bands.values())]:
            del entry.units[unit]
            self.left.append(f"{name}: a price of 0 for {unit}, which may be free or unknown")
        if (other := next((one for one in self.entries if one.place == entry.place), None)) is None:
            self.entries.append(entry)
        elif other.units != entry.units:
            self.left.append(f"{name}: the list has it twice, with different prices; the first is kept")


def read(text: bytes, form: Format, *, provider: str = "") -> Imported:
    """Read a list. `provider` names the provider of a Portkey file, which does not say it.

    Raises `ConfigurationError` when the text is not JSON of that form.
    """
    try:
        stated = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode(text)
    except (msgspec.DecodeError, ArithmeticError) as error:
        msg = f"the file is no JSON object of prices: {error}"
        raise ConfigurationError(msg) from error
    imported = Imported()
    for name, value in cast("Mapping[str, Json]", stated).items():
        if isinstance(value, Mapping):
            _READERS[form](imported, name, value, provider)
        else:
            imported.left.append(f"{name}: not a model")
    if not imported.entries:
        msg = f"the file holds no price in the form of {form}"
        raise ConfigurationError(msg)
    return imported


_LITELLM: Final = {
    "input_cost_per_token": u.INPUT_TOKENS,
    "output_cost_per_token": u.OUTPUT_TOKENS,
    "cache_read_input_token_cost": u.CACHE_READ_TOKENS,
    "cache_creation_input_token_cost": u.CACHE_WRITE_TOKENS,
    "cache_creation_input_token_cost_above_1hr": u.CACHE_WRITE_1H_TOKENS,
    "input_cost_per_audio_token": u.INPUT_AUDIO_TOKENS,
    "output_cost_per_audio_token": u.OUTPUT_AUDIO_TOKENS,
    "cache_read_input_audio_token_cost": u.CACHE_AUDIO_READ_TOKENS,
    "cache_read_input_token_cost_per_audio_token": u.CACHE_AUDIO_READ_TOKENS,
    "cache_creation_input_audio_token_cost": "cache_audio_write_tokens",
    "input_cost_per_image_token": u.INPUT_IMAGE_TOKENS,
    "output_cost_per_image_token": u.OUTPUT_IMAGE_TOKENS,
    "cache_read_input_image_token_cost": u.CACHE_IMAGE_READ_TOKENS,
    "output_cost_per_reasoning_token": u.REASONING_TOKENS,
    "input_cost_per_token_cache_hit": u.CACHE_READ_TOKENS,
    "input_cost_per_character": "input_characters",
    "input_cost_per_pixel": "input_pixels",
    "input_cost_per_request": u.REQUESTS,
    "ocr_cost_per_page": "input_document_pages",
    "annotation_cost_per_page": "input_annotated_document_pages",
    "output_cost_per_image": "images",
}
_LITELLM_OF_MODE: Final = {
    ("audio_transcription", "input_cost_per_second"): "audio_seconds",
    ("rerank", "input_cost_per_query"): "rerank_searches",
}
"""Keys that mean something else in every mode."""
_LITELLM_KEY: Final = re.compile(r"(.+?)(?:_above_(\d+)k_tokens)?(?:_(batches|flex|priority))?")
_LITELLM_TIERS: Final = {"batches": "batch"}
_SEARCHES: Final = "search_context_cost_per_query"
_TOKENS_PER_K: Final = 1_000


def _litellm(imported: Imported, name: str, model: Mapping[str, Json], _: str) -> None:
    if name == "sample_spec":
        return
    provider = str(model.get("litellm_provider") or "")
    parts = name.split("/")
    if parts[0] in {provider, provider.partition("_")[0]} and len(parts) > 1:
        parts = parts[1:]
    region = parts.pop(0) if provider.startswith(("bedrock", "azure")) and len(parts) > 1 else ""
    if "-x-" in name or "commitment" in name:
        imported.left.append(f"{name}: a size or a commitment in a model's name is no name of a model")
        return
    by_tier: dict[str, dict[str, Bands]] = {}
    for key, value in model.items():
        if key == _SEARCHES and isinstance(value, Mapping):
            _searches(imported, name, value, by_tier.setdefault("", {}))
        elif "cost" in key or "pric" in key:
            _litellm_price(imported, name, (str(model.get("mode")), key, value), by_tier)
    for tier, units in by_tier.items():
        imported.take(Entry(provider, "/".join(parts), tier, region, dict(_whole_bands(imported, name, units))))


def _litellm_price(
    imported: Imported, name: str, stated: tuple[str, str, Json], by_tier: dict[str, dict[str, Bands]]
) -> None:
    """One key: a price, the tier it is for, and the length of a prompt it begins above."""
    mode, key, value = stated
    price = _price(value)
    matched = _LITELLM_KEY.fullmatch(key)
    base, above, tier = (str(each or "") for each in matched.groups()) if matched else (key, "", "")
    unit = _LITELLM.get(base) or _LITELLM_OF_MODE.get((mode, base))
    if unit is not None and price is not None:
        bands = by_tier.setdefault(_LITELLM_TIERS.get(tier, tier), {}).setdefault(unit, {})
        bands[int(above or 0) * _TOKENS_PER_K] = price
    elif price != 0:
        imported.left.append(f"{name}: {key} has no counterpart here")


def _searches(imported: Imported, name: str, sizes: Mapping[str, Json], units: dict[str, Bands]) -> None:
    prices = {_price(each) for each in sizes.values()}
    if len(prices) == 1 and (price := prices.pop()) is not None:
        units[u.WEB_SEARCHES] = {0: price}
    else:
        imported.left.append(f"{name}: {_SEARCHES} depends on the size of what was searched")


_PORTKEY: Final = {
    "request_token": u.INPUT_TOKENS,
    "response_token": u.OUTPUT_TOKENS,
    "cache_read_input_token": u.CACHE_READ_TOKENS,
    "cache_write_input_token": u.CACHE_WRITE_TOKENS,
    "request_audio_token": u.INPUT_AUDIO_TOKENS,
    "response_audio_token": u.OUTPUT_AUDIO_TOKENS,
    "cache_read_audio_input_token": u.CACHE_AUDIO_READ_TOKENS,
    "request_image_token": u.INPUT_IMAGE_TOKENS,
    "response_image_token": u.OUTPUT_IMAGE_TOKENS,
}
_PORTKEY_MORE: Final = {
    "web_search": u.WEB_SEARCHES,
    "file_search": "storage_searches",
    "thinking_token": u.REASONING_TOKENS,
}
_PORTKEY_TIERS: Final = {"pay_as_you_go": "", "batch_config": "batch"}
_CENTS: Final = -2
_BAND_IN_NAME: Final = re.compile(r"(.+)-(gt|lte)-(\d+)k")


def _portkey(imported: Imported, name: str, model: Mapping[str, Json], provider: str) -> None:
    """Portkey states cents for one unit; a context band is the end of a model's name."""
    if name == "default":
        return
    config = model.get("pricing_config", model)
    banded = _BAND_IN_NAME.fullmatch(name)
    if not isinstance(config, Mapping):
        imported.left.append(f"{name}: no prices")
        return
    if str(config.get("currency") or "USD") != "USD":
        imported.left.append(f"{name}: prices in {config['currency']}")
        return
    for section, tier in _PORTKEY_TIERS.items():
        stated = config.get(section)
        if not isinstance(stated, Mapping):
            continue
        units: dict[str, Bands] = {}
        more = stated.get("additional_units")
        keys = [(_PORTKEY.get(key), key, value) for key, value in stated.items() if key != "additional_units"]
        keys += [
            (_PORTKEY_MORE.get(key), key, value) for key, value in (more.items() if isinstance(more, Mapping) else ())
        ]
        for unit, key, value in keys:
            price = _price(value.get("price")) if isinstance(value, Mapping) else None
            if unit is not None and price is not None:
                units[unit] = {0: price.scaleb(_CENTS)}
            elif price != 0:
                imported.left.append(f"{name}: {key} has no counterpart here")
        if banded:
            _take_band(imported, Entry(provider, banded[1], tier, "", units), banded)
        else:
            imported.take(Entry(provider, name, tier, "", units))


def _take_band(imported: Imported, entry: Entry, banded: re.Match[str]) -> None:
    """The prices of one band, together with those of the other once both were met."""
    above = int(banded[3]) * _TOKENS_PER_K if banded[2] == "gt" else 0
    other = next((one for one in imported.entries if one.place == entry.place), None)
    if other is None:
        imported.entries.append(Entry(*entry.place[:1], entry.model, entry.tier, "", {}))
        other = imported.entries[-1]
    for unit, bands in entry.units.items():
        other.units.setdefault(unit, {})[above] = bands[0]


_READERS: Final[Mapping[Format, Callable[[Imported, str, Mapping[str, Json], str], None]]] = {
    "litellm": _litellm,
    "portkey": _portkey,
}


def _whole_bands(imported: Imported, name: str, units: Mapping[str, Bands]) -> Iterator[tuple[str, Bands]]:
    """Prices that begin at nothing; a band without its base is left out."""
    for unit, bands in units.items():
        if 0 in bands:
            yield unit, dict(sorted(bands.items()))
        else:
            imported.left.append(f"{name}: {unit} has a price for long prompts and none for short ones")


def _price(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    price = Decimal(value)
    return price if price.is_finite() and price >= 0 else None
