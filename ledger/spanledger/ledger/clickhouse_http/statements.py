"""A client's statement as text: made fit for the rules of reading SQL, and where its FORMAT clause stands. Pure.

What is taken apart here decides nothing about safety: `one_reading_statement` looks at the outcome as a whole, and the
engine reads only.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from spanledger.ledger.clickhouse_http.errors import AskedWronglyError

_TOKEN: Final = re.compile(
    r"""(?P<text>'(?:\\.|''|[^'\\])*+')
      | (?P<name>"(?:\\.|""|[^"\\])*+"|`(?:\\.|``|[^`\\])*+`)
      | (?P<comment>--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
      | (?P<unended>(?:['"`]|/\*).*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<open>[(\[{])
      | (?P<close>[)\]}])
      | (?P<blank>\s+)
      | (?P<else>.)""",
    re.DOTALL | re.VERBOSE,
)
"""Whatever is begun is looked at once, also what has no end: a statement of a megabyte would take hours otherwise, and
Python does nothing else meanwhile."""
_HIDDEN: Final = re.compile(r"\\.|;|outfile", re.IGNORECASE | re.DOTALL)
_OUTSIDE: Final = re.compile(r"^.?(python|hasColumnInTable).?$|\\", re.IGNORECASE)
"""What may not be called. A quoted name may be written with escapes."""
_SETTING: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*('(?:\\.|''|[^'\\])*+'|[\w.+-]+)\s*")
_USE: Final = re.compile(r"""USE\s+(?:`(?P<quoted>[^`\\]+)`|"(?P<double>[^"\\]+)"|(?P<plain>\w+))""", re.IGNORECASE)
_SET: Final = re.compile(r"SET\s++(?!ROLE\b|DEFAULT\b|TRANSACTION\b)(.+)", re.IGNORECASE | re.DOTALL)
_SELECT: Final = re.compile(r"(?:\s|\()*(SELECT|WITH|FROM)\b", re.IGNORECASE)


class Statement(NamedTuple):
    """A statement without its comments and its FORMAT clause."""

    text: str
    format: str
    """The format it asks for itself; empty if it asks for none."""

    @property
    def selects(self) -> bool:
        """Whether it is a query, which can be described before it is run."""
        return bool(_SELECT.match(self.text))


class _Token(NamedTuple):
    kind: str
    text: str


def read(sql: str, formats: Mapping[str, str]) -> Statement:
    """Take a statement apart; `formats` are the names that a FORMAT clause may have, by their lower case.

    Comments become blanks, and what the rules refuse anywhere is escaped where it stands inside a text, which
    thereby keeps its meaning: a tenant may have a semicolon in its name. Raises `AskedWronglyError` for `python(…)`,
    which looks for tables among the objects of this process, and loads libraries for it, and for `hasColumnInTable(…)`,
    which connects to any host.
    """
    tokens = [_told(token) for token in _tokens(sql)]
    while tokens and (tokens[-1].kind == "blank" or tokens[-1].text == ";"):
        tokens.pop()
    if _looks_outside(tokens):
        msg = "python(…) and hasColumnInTable(…) look outside of the store, and a function's name has no backslash here"
        raise AskedWronglyError(164, "READONLY", msg)
    found = _format_at(tokens, formats)
    if found is None:
        return Statement("".join(token.text for token in tokens), "")
    at, name, end = found
    return Statement("".join(token.text for token in (*tokens[:at], *tokens[end:])), name)


def used_database(sql: str) -> str | None:
    """The database that `USE` names; None for any other statement."""
    found = _USE.fullmatch(_bare(sql))
    return (found["quoted"] or found["double"] or found["plain"]) if found else None


def settings_set(sql: str) -> dict[str, str] | None:
    """What `SET name = value, …` sets; None for any other statement."""
    found = _SET.fullmatch(_bare(sql))
    if found is None:
        return None
    settings: dict[str, str] = {}
    at, text = 0, found[1]
    while at < len(text):
        setting = _SETTING.match(text, at)
        if setting is None or (setting.end() < len(text) and text[setting.end()] != ","):
            return None
        value = setting[2]
        settings[setting[1]] = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value[0] == "'" else value
        at = setting.end() + 1
    return settings


def _bare(sql: str) -> str:
    """Without what may stand around it."""
    return sql.strip().removesuffix(";").rstrip()


def _tokens(sql: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(sql):
        yield _Token(match.lastgroup or "", match[0])


def _told(token: _Token) -> _Token:
    match token.kind:
        case "comment":
            return _Token("blank", " ")
        case "text":
            return _Token("text", _HIDDEN.sub(_escaped, token.text))
        case _:
            return token


def _escaped(found: re.Match[str]) -> str:
    match found[0]:
        case "\\;":
            # A backslash before what is no escape is itself.
            return "\\\\\\x3B"
        case kept if kept[0] == "\\":
            return kept
        case hidden:
            return f"\\x{ord(hidden[0]):02X}{hidden[1:]}"


def _looks_outside(tokens: list[_Token]) -> bool:
    words = [token for token in tokens if token.kind != "blank"]
    return any(
        after.text == "(" and before.kind in {"word", "name"} and _OUTSIDE.search(before.text)
        for before, after in pairwise(words)
    )


def _format_at(tokens: list[_Token], formats: Mapping[str, str]) -> tuple[int, str, int] | None:
    """Where the FORMAT clause of the whole statement begins, what it names, and where it ends.

    It is the last word of that name outside of parentheses, before the name of a format and perhaps SETTINGS.
    """
    depth = 0
    for at in range(len(tokens) - 1, 0, -1):
        token = tokens[at]
        depth += (token.kind == "close") - (token.kind == "open")
        if depth or token.kind != "word" or token.text.upper() != "FORMAT":
            continue
        behind = [number for number in range(at + 1, len(tokens)) if tokens[number].kind != "blank"][:2]
        name = formats.get(tokens[behind[0]].text.lower()) if behind else None
        ends = len(behind) == 1 or (len(behind) == 2 and tokens[behind[1]].text.upper() == "SETTINGS")
        return (at, name, behind[0] + 1) if name and ends else None
    return None
