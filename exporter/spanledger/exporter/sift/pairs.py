"""Attributes as they stand on the wire: of raw KeyValues the allow-listed, and what is read inside texts. Pure."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import Final

from spanledger.exporter.sift.texts import TEXT_KEYS, is_readable, pair_of, stated_in
from spanledger.exporter.sift.wire import KEY_VALUE
from spanledger.schemas.allowlist import ALLOWED_KEYS, ALLOWED_PREFIXES

# What the C parser makes of an attribute costs up to 80 bytes for 2 on the wire; an SDK sends some 25 of them.
ATTRIBUTES_MAX: Final = 1_024

# Pairs are short and few; when a fleet's ids have filled the table it starts anew. At most 10 MB.
_REMEMBERED_MAX: Final = 16_384
_REMEMBERED_BYTES_MAX: Final = 128


class _Pairs(dict[bytes, "tuple[str, bytes] | None"]):
    """Raw KeyValue → its key and raw value, or None if it may not be kept. What was read before is not read again.

    An emitter states the same models, limits and names over and over; long values are prompts, and not remembered.
    """

    def __missing__(self, pair: bytes) -> tuple[str, bytes] | None:
        """Read a pair. Raises `WireError` or `UnicodeDecodeError`."""
        # KeyValue as every encoder writes it: tag 1, a length below 128, the key, tag 2, a length, the value.
        end = pair[1] + 2 if len(pair) > 1 and pair[0] == 0x0A and pair[1] < 0x80 else 0
        key = _allowed(pair[2:end]) if end else _allowed(KEY_VALUE.FromString(pair).key)
        stated = None
        if key is not None:
            size = len(pair) - end - 2
            plain = end and 0 <= size < 0x80 and pair[end] == 0x12 and pair[end + 1] == size
            stated = key, pair[end + 2 :] if plain else KEY_VALUE.FromString(pair).value
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
    values = dict(filter(None, read))
    remaining = list(compress(pairs, read))
    if len(remaining) == len(values):
        return values, remaining, ()
    distinct = {stated: pair for pair, stated in zip(pairs, read, strict=True) if stated}
    conflicting = sorted(key for key, times in Counter(key for key, _ in distinct).items() if times > 1)
    return values, list(distinct.values()), tuple(conflicting)


def opened(stated: dict[str, bytes], pairs: list[bytes]) -> tuple[dict[str, bytes], list[bytes]]:
    """Texts replaced by what a dialect reads of them. A path that the span states itself stays as it is."""
    readable = (key for key in TEXT_KEYS & stated.keys() if is_readable(key, stated))
    found = {path: value for key in readable for path, value in stated_in(key, stated[key])}
    plain = {key: value for key, value in stated.items() if key not in TEXT_KEYS}
    without = [pair for pair in pairs if key_of(pair) not in TEXT_KEYS]
    more = {path: value for path, value in found.items() if path not in plain}
    return plain | more, without + [pair_of(path, value) for path, value in more.items()]


def key_of(pair: bytes) -> str:
    """The key of a raw KeyValue that was kept; empty for one that may not be."""
    read = _read(pair)
    return read[0] if read else ""


# Keys are few; a hostile sender of ever new ones only makes us look again.
@lru_cache(maxsize=16_384)
def _allowed(key: bytes) -> str | None:
    """A key that may be kept, or None. Raises `UnicodeDecodeError`."""
    name = key.decode()
    return name if name in ALLOWED_KEYS or name.startswith(ALLOWED_PREFIXES) else None
