"""SQL as text: splitting migration files, quoting names, and what a user's own statement may be."""

import re
from typing import Final

from spanledger.schemas import ConfigurationError

_READING: Final = ("SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")
_DESCRIBING: Final = ("DESCRIBE", "DESC")
_REFUSED_WORD: Final = re.compile("outfile", re.IGNORECASE)
_FIRST_WORD: Final = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(\w*)", re.DOTALL)
_DESCRIBES_QUERY: Final = re.compile(r"\w+(?:\s+TABLE\b)?\s*\(", re.IGNORECASE)


def split_statements(text: str) -> list[str]:
    """The statements of a migration file: each ends with a semicolon at the end of a line; `--` lines are comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    statements = "\n".join([*lines, ""]).split(";\n")
    return [statement.strip() for statement in statements if statement.strip()]


def quoted(name: str) -> str:
    """A table's or column's name between backquotes."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def literal(text: str) -> str:
    """A string literal. It holds nothing that `one_reading_statement` refuses, whatever the text is."""
    safe = text.replace("\\", "\\\\").replace("'", "\\'").replace(";", "\\x3B")
    return "'" + _REFUSED_WORD.sub(lambda found: f"\\x{ord(found[0][0]):02X}{found[0][1:]}", safe) + "'"


def one_reading_statement(sql: str) -> str:
    """A user's statement without its final semicolon, if it is one statement that only reads.

    The engine's read-only mode refuses writes and foreign tables but not these: the embedded engine runs several
    statements in one call, `INTO OUTFILE` writes a file, `KILL QUERY` and `USE` are let through, and `DESCRIBE` of
    `file(…)` or `url(…)` opens it and tells its first line, as names of columns. The rules look at the text
    without parsing it, so that no quoting trick can hide anything from them.
    Raises `ConfigurationError` with a sentence that names the reason.
    """
    statement = sql.strip().rstrip("; \n\t\r")
    if ";" in statement:
        msg = "only one SQL statement can be run at a time; a semicolon inside a text is written char(59)"
        raise ConfigurationError(msg)
    if "outfile" in statement.lower():
        msg = "INTO OUTFILE is refused because SQL is read-only here: redirect the command's output instead"
        raise ConfigurationError(msg)
    first = _FIRST_WORD.match(statement)
    if first is None or first[1].upper() not in _READING:
        msg = f"only a reading statement can be run, one that starts with {', '.join(_READING)}"
        raise ConfigurationError(msg)
    described = statement[first.start(1) :]
    if first[1].upper() in _DESCRIBING and "(" in described and not _DESCRIBES_QUERY.match(described):
        msg = "DESCRIBE is for tables and views of the ledger, or for a query: DESCRIBE (SELECT …)"
        raise ConfigurationError(msg)
    return statement
