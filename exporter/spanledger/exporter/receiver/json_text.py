"""What a JSON body must be before it is parsed: UTF-8, not deep, not made of millions of empty things. Pure."""

import re
from typing import Final

from spanledger.exporter.failures import Permanent, TooLarge

# OTLP needs 9 levels, and 3 more for each array inside an attribute value.
DEPTH_MAX: Final = 64
# A parsed object or array takes some 60 bytes and more; real telemetry has one for each 20 bytes of text.
CONTAINERS_MAX: Final = 1_000_000

_TOO_DEEP: Final = b"[" * (DEPTH_MAX + 1)
_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"[^"]*"')
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'"[]{}'))
_AS_ARRAYS: Final = bytes.maketrans(b"{}", b"[]")
_ESCAPED: Final = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.",
    re.DOTALL,
)
_LONE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def checked(body: bytes) -> bytes:
    """Return a body that a parser can take, without a byte order mark. Raises `Permanent` or `TooLarge`."""
    text = body.removeprefix(_BOM)
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            msg = "the body is not UTF-8"
            raise Permanent(msg) from error
    _check_structure(text)
    return text


def without_lone_surrogates(text: bytes) -> bytes:
    r"""Replace halves of `\ud83d\ude00` pairs by U+FFFD: JavaScript makes them where it cuts a string at a limit."""
    return _ESCAPED.sub(_repaired, text)


def _check_structure(text: bytes) -> None:
    """Count containers and levels with string operations alone: a hostile body must not reach the parser's stack."""
    bare = text.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in text else text
    # Quotes and brackets are left; a pair of quotes with nothing between them says nothing about what follows.
    marks = bare.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    brackets = _STRING.sub(b"", marks).translate(_AS_ARRAYS, b'"')
    if brackets.count(b"[") > CONTAINERS_MAX:
        msg = f"more than {CONTAINERS_MAX} JSON objects and arrays in one request"
        raise TooLarge(msg)
    for _ in range(DEPTH_MAX + 1):
        if not brackets:
            return
        if _TOO_DEEP in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    msg = f"the body is not JSON, or nested deeper than {DEPTH_MAX} levels"
    raise Permanent(msg)


def _repaired(escape: re.Match[bytes]) -> bytes:
    lone = escape[1] is None and _LONE_SURROGATE.fullmatch(escape[0])
    return b"\\ufffd" if lone else escape[0]
