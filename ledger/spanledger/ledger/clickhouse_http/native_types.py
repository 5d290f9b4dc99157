"""The name of a ClickHouse type, taken apart: `Map(String, Array(UInt8))` → a name with the types inside it. Pure."""

import re
from typing import Final, NamedTuple

_NESTING_MAX: Final = 100
"""Deeper than any type the engine makes."""
_WRAPPERS: Final = ("Nullable", "LowCardinality", "Array", "Map", "Variant")
_OF_NAMED: Final = ("Tuple", "Nested")
_PIECE: Final = re.compile(r"'(?:\\.|''|[^'\\])*'|`(?:\\.|``|[^`\\])*`|[(),]|[^'`(),]+", re.DOTALL)
_ELEMENT: Final = re.compile(r"(?:`(?:\\.|``|[^`\\])*`|[A-Za-z_]\w*)\s+(.+)", re.DOTALL)
"""`NAME TYPE`: no type has a blank outside its parentheses."""


class TypeName(NamedTuple):
    """A type by its name."""

    name: str
    words: tuple[str, ...] = ()
    """What stands between its parentheses."""
    inner: tuple["TypeName", ...] = ()
    """The types among it."""


def parsed(text: str, depth: int = 0) -> TypeName | None:
    """Take a type apart; None for what is no type, or nested beyond reason."""
    name, parenthesis, rest = text.strip().partition("(")
    if not parenthesis:
        return TypeName(name)
    if not rest.endswith(")") or depth > _NESTING_MAX:
        return None
    words = _split(rest[:-1])
    match name:
        case "SimpleAggregateFunction":
            types = words[1:]
        case _ if name in _OF_NAMED:
            types = [named[1] if (named := _ELEMENT.fullmatch(word)) else word for word in words]
        case _ if name in _WRAPPERS:
            types = words
        case _:
            types = []
    inner = [parsed(each, depth + 1) for each in types]
    known = tuple(each for each in inner if each is not None)
    return TypeName(name, tuple(words), known) if len(known) == len(inner) else None


def _split(text: str) -> list[str]:
    """The parts between commas, but those inside quotes and parentheses."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        if piece == "," and not depth:
            parts.append("")
            continue
        depth += (piece == "(") - (piece == ")")
        parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]
