"""What is asked, from a query string or a JSON body into the struct of its route, or one sentence on what is wrong.

In a query string a field of several values takes them separated by commas, or the parameter again; a field that is a
mapping takes `FIELD.KEY=VALUE`, and the parameter again for another value. Anything else stands once.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec

from spanledger.schemas import ConfigurationError

PARAMETERS_MAX: Final = 200
"""More than any question has; the length of all is bounded by the head of the request."""
VALUE_CHARS_MAX: Final = 1_024
"""Longer than any word of the ledger that people ask by; a sentence about it stays one."""
KEYS: Final = "keys"
"""In the `extra` of a mapping's annotation: the keys it may have."""

_Asked = TypeVar("_Asked", bound=msgspec.Struct)


def asked_of_query(form: type[_Asked], query: bytes) -> _Asked:
    """Read a query string. Raises `ConfigurationError`."""
    several, mappings = _shapes(form)
    values: dict[str, object] = {}
    for name, value in _pairs(query):
        field, dot, key = name.partition(".")
        if len(value) > VALUE_CHARS_MAX:
            msg = f"{_shown(name)} is longer than {VALUE_CHARS_MAX} characters"
            raise ConfigurationError(msg)
        if dot and field in mappings:
            if mappings[field] and key not in mappings[field]:
                msg = f"{name} is no parameter: after {field}. there can be {', '.join(mappings[field])}"
                raise ConfigurationError(msg)
            found = cast("dict[str, list[str]]", values.setdefault(field, {}))
            found.setdefault(key, []).append(value)
        elif name in several:
            cast("list[str]", values.setdefault(name, [])).extend(value.split(","))
        elif name not in form.__struct_encode_fields__ or name in mappings:
            msg = f"{_shown(name)} is no parameter here: there {_known(form, mappings)}"
            raise ConfigurationError(msg)
        elif name in values:
            msg = f"{name} stands twice: it takes one value"
            raise ConfigurationError(msg)
        else:
            values[name] = value
    return _converted(values, form)


def asked_of_body(form: type[_Asked], body: bytes) -> _Asked:
    """Read a JSON body. Raises `ConfigurationError`."""
    try:
        return msgspec.json.decode(body, type=form)
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError as error:
        msg = f"the query must be NAME=VALUE&… of at most {PARAMETERS_MAX} parameters, percent-encoded UTF-8"
        raise ConfigurationError(msg) from error


def _converted(values: Mapping[str, object], form: type[_Asked]) -> _Asked:
    try:
        return msgspec.convert(values, form, strict=False)
    except msgspec.ValidationError as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the question cannot be read: {_shown(str(error))}")


@cache
def _shapes(form: type[msgspec.Struct]) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    """The fields of several values, and the mappings with the keys that they may have."""
    several: set[str] = set()
    mappings: dict[str, tuple[str, ...]] = {}
    for field in cast("msgspec.inspect.StructType", msgspec.inspect.type_info(form)).fields:
        kind, keys = field.type, ()
        if isinstance(kind, msgspec.inspect.Metadata):
            keys = tuple(cast("tuple[str, ...]", (kind.extra or {}).get(KEYS, ())))
            kind = kind.type
        if isinstance(kind, msgspec.inspect.DictType):
            mappings[field.encode_name] = keys
        elif isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            several.add(field.encode_name)
    return frozenset(several), mappings


def keys_of(form: type[msgspec.Struct]) -> Mapping[str, tuple[str, ...]]:
    """The fields of a question that are mappings, with the keys that they may have."""
    return _shapes(form)[1]


def _known(form: type[msgspec.Struct], mappings: Mapping[str, object]) -> str:
    names = [f"{name}.NAME" if name in mappings else name for name in form.__struct_encode_fields__]
    return f"can be {', '.join(names)}" if names else "are none"


def _shown(text: str) -> str:
    """What a stranger wrote, short and in one line."""
    return repr(text[:_SHOWN_CHARS_MAX])[1:-1]


_SHOWN_CHARS_MAX: Final = 200
