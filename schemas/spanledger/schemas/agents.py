"""A path of agents as one text: names joined by `/`, outermost first. Pure."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

AGENTS_MAX: Final = 32
"""A path is not longer; deeper ones are a loop, and only the outermost are told."""


def agents(path: str) -> tuple[str, ...]:
    """The names in a path, outermost first."""
    return tuple(unquote(name) for name in path.split("/") if name)[:AGENTS_MAX]


def path_of(names: Iterable[str]) -> str:
    """Names as a path: a `/` or `%` in a name is percent-encoded."""
    return "/".join([quote(name, safe=" ") for name in names if name][:AGENTS_MAX])
