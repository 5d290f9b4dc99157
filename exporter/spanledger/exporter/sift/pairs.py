"""Attributes as they stand on the wire: of raw KeyValues the allow-listed, and what is read inside texts. Pure."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from spanledger.exporter.sift.pseudonyms import Mask
from spanledger.exporter.sift.texts import TEXT_KEYS, is_readable, pair_of, stated_in
from spanledger.exporter.sift.values import bare_value
from spanledger.exporter.sift.wire import KEY_VALUE
from spanledger.schemas.allowlist import ALLOWED_KEYS, ALLOWED_PREFIXES

# What the C parser makes of an attribute costs up to 80 bytes for 2 on the wire; an SDK sends some 25 of them.
ATTRIBUTES_MAX: Final = 1_024
# Longer ones name nothing: the longest of any convention has some 70 bytes.
KEY_BYTES_MAX: Final = 256

# Pairs are short and few; when a fleet's ids have filled the table it starts anew. At most 10 MB.
_REMEMBERED_MAX: Final = 16_384
_REMEMBERED_BYTES_MAX: Final = 128


_Pair = tuple[str, bytes, bytes]
"""A key, its raw value, and the raw KeyValue that is kept of both."""


class _Pairs(dict[bytes, "_Pair | None"]):
    """Raw KeyValue → what is kept of it, or None if it may not be kept. What was read before is not read again.

    An emitter states the same models, limits and names over and over; long values are prompts, and not remembered.
    """

    def __missing__(self, pair: bytes) -> _Pair | None:
        """Read a pair. Raises `WireError` or `UnicodeDecodeError`."""
        # KeyValue as every encoder writes it: tag 1, a length below 128, the key, tag 2, a length, the value.
        end = pair[1] + 2 if len(pair) > 1 and pair[0] == 0x0A and pair[1] < 0x80 else 0
        name = pair[2:end] if end else KEY_VALUE.FromString(pair).key
        key = _allowed(name) if len(name) <= KEY_BYTES_MAX else None
        stated = None
        if key is not None:
            size = len(pair) - end - 2
            plain = end and 0 <= size < 0x80 and pair[end] == 0x12 and pair[end + 1] == size
            value = pair[end + 2 :] if plain else KEY_VALUE.FromString(pair).value
            bare = value if key in TEXT_KEYS else bare_value(value)
            stated = key, bare, pair if plain and bare is value else pair_of(key, bare)
        if len(pair) <= _REMEMBERED_BYTES_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[pair] = stated
        return stated


_read = _Pairs().__getitem__


def kept(pairs: Sequence[bytes]) -> tuple[dict[str, bytes], list[bytes], tuple[str, ...]]:
    """Of raw KeyValues the allow-listed: values by key, the pairs themselves, and keys with different values.

    OTLP forbids a sender to state a key twice; equal values fold, different ones are all kept (the last is read).
    """
    read = list(map(_read, pairs))
    values = {each[0]: each[1] for each in read if each}
    remaining = [each[2] for each in read if each]
    if len(remaining) == len(values):
        return values, remaining, ()
    distinct = {each[:2]: each[2] for each in read if each}
    conflicting = sorted(key for key, times in Counter(key for key, _ in distinct).items() if times > 1)
    return values, list(distinct.values()), tuple(conflicting)


def opened(stated: dict[str, bytes], pairs: list[bytes]) -> tuple[dict[str, bytes], list[bytes], tuple[str, ...]]:
    """As `kept`, of pairs whose texts are replaced by what a dialect reads of them.

    A path that the span states itself stays as it is. A text that is stated twice is read twice: where the two differ,
    the paths conflict, at the door and again from the journal.
    """
    readable = frozenset(key for key in TEXT_KEYS & stated.keys() if is_readable(key, stated))
    without = [pair for pair in pairs if key_of(pair) not in TEXT_KEYS]
    found = (each for pair in pairs if key_of(pair) in readable for each in stated_in(*_said(pair)))
    return kept(without + [pair_of(path, value) for path, value in found if path not in stated])


def masked(
    stated: dict[str, bytes], pairs: list[bytes], above: dict[str, bytes], mask: Mask
) -> tuple[dict[str, bytes], list[bytes], tuple[str, ...]]:
    """As `kept`, of kept pairs whose names of persons are replaced; `above` is what the resource states."""
    if len(pairs) != len(stated):
        said = map(_said, pairs)
        return kept([pair_of(key, mask.renamed(stated | {key: value}, above).get(key, value)) for key, value in said])
    renamed = mask.renamed(stated, above)
    if not renamed:
        return stated, pairs, ()
    changed = {key: pair_of(key, value) for key, value in renamed.items()}
    return stated | renamed, [changed.get(key_of(pair), pair) for pair in pairs], ()


def _said(pair: bytes) -> tuple[str, bytes]:
    read = _read(pair)
    return read[:2] if read else ("", b"")


def key_of(pair: bytes) -> str:
    """The key of a raw KeyValue that was kept; empty for one that may not be."""
    read = _read(pair)
    return read[0] if read else ""


# Keys are few; a hostile sender of ever new ones only makes us look again.
@lru_cache(maxsize=16_384)
def _allowed(key: bytes) -> str | None:
    """A key that may be kept, or None. Raises `UnicodeDecodeError`."""
    return allowed(key.decode())


def allowed(key: str) -> str | None:
    """A key that may be kept, or None."""
    return key if (key in ALLOWED_KEYS or key.startswith(ALLOWED_PREFIXES)) and len(key) <= KEY_BYTES_MAX else None
