"""YAML text → plain data that knows its lines. Scalars stay the text they are: no number ever becomes a float.

Of YAML only mappings, lists and scalars are taken; anchors, which can make a small file enormous, are not.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias, cast

import msgspec
import yaml

from spanledger.exporter.rate.faults import FieldError

# A catalogue of 3 000 models in this form is some 2 MB.
TEXT_BYTES_MAX: Final = 32 * 1024 * 1024

# A file needs four levels; beyond this something else is wrong, and recursion ends.
_DEPTH_MAX: Final = 20

# libyaml's parser is ten times as fast; a platform without it reads the same.
_LOADER: Final = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))

_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})

_Events: TypeAlias = Iterator[yaml.Event]


class Text(msgspec.Struct, frozen=True, gc=False):
    """A scalar, as written."""

    line: int
    value: str


class Listed(msgspec.Struct, frozen=True):
    """A list."""

    line: int
    items: tuple["Tree", ...]


class Mapped(msgspec.Struct, frozen=True):
    """A mapping, its keys in order."""

    line: int
    items: dict[str, "Tree"]


Tree: TypeAlias = Text | Listed | Mapped


def tree_of(text: str) -> Tree:
    """Read a text. Raises `FieldError` with the line for what is not YAML, or not of the kinds taken."""
    if len(text) > TEXT_BYTES_MAX:
        raise FieldError(0, f"is larger than {TEXT_BYTES_MAX} bytes")
    try:
        # Event by event: the parser's own trees have no limit of depth, and end the process before they are large.
        return _document(cast("_Events", yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FieldError(mark.line + 1 if mark else 0, f"not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise FieldError(0, f"not YAML: {error}") from error


def _document(events: _Events) -> Tree:
    """The one document of a text; an empty text is an empty mapping."""
    tree: Tree | None = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if tree is not None:
                raise FieldError(_line(event), "a file is one document: --- begins a second one")
            tree = _tree(next(events), events, 0)
    return Mapped(1, {}) if tree is None else tree


def _tree(event: yaml.Event, events: _Events, depth: int) -> Tree:
    """The tree that begins with an event, and is read to its end."""
    line = _line(event)
    if depth > _DEPTH_MAX:
        raise FieldError(line, f"is nested deeper than {_DEPTH_MAX} levels")
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise FieldError(line, "anchors (&name, *name) are not taken: write the value again")
    match event:
        case yaml.ScalarEvent():
            return Text(line, "" if event.implicit[0] and event.value in _NOTHING else event.value)
        case yaml.SequenceStartEvent():
            items: list[Tree] = []
            while not isinstance(item := next(events), yaml.SequenceEndEvent):
                items.append(_tree(item, events, depth + 1))
            return Listed(line, tuple(items))
        case _:
            return Mapped(line, _items(events, depth))


def _items(events: _Events, depth: int) -> dict[str, Tree]:
    items: dict[str, Tree] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _tree(event, events, depth + 1)
        if not isinstance(key, Text):
            raise FieldError(key.line, "a key must be a word")
        if key.value in items:
            raise FieldError(key.line, f"{key.value} stands here twice")
        items[key.value] = _tree(next(events), events, depth + 1)
    return items


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1
