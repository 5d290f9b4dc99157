"""Usage that an emitter states inside a text: the counts and ids a dialect reads are taken out, the text is dropped.

Emitters put the provider's own usage into an attribute as JSON, some as a Python literal, often beside the prompt.
Only the paths of the dialects' tables are read; whatever lies beside them is never built, and never kept. Pure.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, cast

import msgspec

from spanledger.exporter.sift.wire import ANY_VALUE, KEY_VALUE
from spanledger.schemas.allowlist import TEXT_PATHS, TEXT_TYPES

__all__ = ["TEXT_KEYS", "is_readable", "pair_of", "stated_in"]

TEXT_KEYS: Final = frozenset(TEXT_PATHS)

# A conversation of 16 MB is the largest request; a Python literal is built whole to be read, so it is bounded tighter.
_LITERAL_CHARS_MAX: Final = 64 * 1024
_LIST_MAX: Final = 64
_TEXT_CHARS_MAX: Final = 1_024

# Python warns of doubtful literals, each time and on standard error: not of what a stranger wrote.
_SOURCE: Final = "<spanledger>"
warnings.filterwarnings("ignore", module=_SOURCE)

_Branches = Mapping[str, "_Branches"]

_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_leaf: Final = msgspec.json.Decoder(int | float | str | None)


def is_readable(key: str, stated: Mapping[str, bytes]) -> bool:
    """Whether a text is the emitter's own, by the media type beside it: a model's answer may be JSON too."""
    kind = TEXT_TYPES.get(key)
    return kind is None or (kind in stated and b"json" in stated[kind])


def stated_in(key: str, value: bytes) -> Iterator[tuple[str, bytes]]:
    """`<key>.<path>` and raw AnyValue for every path of the tables that a text (a raw AnyValue) states.

    A text that is neither JSON nor a Python literal states nothing.
    """
    text = ANY_VALUE.FromString(value).string_value
    branches = _branches(key)
    try:
        found = list(_walk(key, msgspec.Raw(text.encode()), branches))
    except (msgspec.DecodeError, RecursionError):
        found = list(_walk(key, _json_of_literal(text), branches))
    yield from {path: ANY_VALUE(**_any_value(leaf)).SerializeToString() for path, leaf in reversed(found)}.items()


def pair_of(key: str, value: bytes) -> bytes:
    """A raw KeyValue."""
    return KEY_VALUE(key=key.encode(), value=value).SerializeToString()


@lru_cache(maxsize=256)
def _branches(key: str) -> _Branches:
    """The paths of a text as a tree."""
    tree: dict[str, object] = {}
    for path in TEXT_PATHS[key]:
        node = tree
        for step in path.split("."):
            node = cast("dict[str, object]", node.setdefault(step, {}))
    return cast("_Branches", tree)


def _walk(path: str, raw: msgspec.Raw, branches: _Branches) -> Iterator[tuple[str, int | float | str]]:
    """The leaves below some JSON that the branches lead to; of a list, those of each of its first places."""
    start = bytes(raw).lstrip()[:1]
    if start == b"[":
        for each in _list.decode(raw)[:_LIST_MAX]:
            yield from _walk(path, each, branches)
    elif start == b"{" and branches:
        members = _object.decode(raw)
        for step, below in branches.items():
            if step in members:
                yield from _walk(f"{path}.{step}", members[step], below)
    elif start not in {b"{", b"["} and not branches and start not in b"tf":
        leaf = _leaf.decode(raw)
        if leaf is not None:
            yield path, leaf


def _json_of_literal(text: str) -> msgspec.Raw:
    """A Python literal (`repr` of a dictionary) as JSON; nothing if it is none."""
    if len(text) > _LITERAL_CHARS_MAX or not text.startswith(("{", "[")):
        return msgspec.Raw(b"null")
    try:
        read = compile(text, _SOURCE, "eval", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
        return msgspec.Raw(msgspec.json.encode(ast.literal_eval(read)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError):
        return msgspec.Raw(b"null")


def _any_value(leaf: float | str) -> dict[str, int | float | str]:
    """Fields of an AnyValue. A number no AnyValue holds stays as its decimal text, which is no count."""
    if isinstance(leaf, str):
        return {"string_value": leaf[:_TEXT_CHARS_MAX]}
    if isinstance(leaf, float):
        return {"double_value": leaf}
    return {"int_value": leaf} if -(1 << 63) <= leaf < 1 << 63 else {"string_value": str(leaf)}
