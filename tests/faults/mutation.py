"""One hostile change to something well formed: to its bytes, to a message by its descriptor, to a JSON tree. Pure.

A change is decided by the generator of chance that is handed in, so a case is reproduced by its seed.
"""

from random import Random
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from spanledger.schemas.allowlist import ALLOWED_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_CHUNK_MAX: Final = 64
_DEPTH_MAX: Final = 120
"""Deeper than any parser of protobuf takes (100)."""

_BYTES: Final = (b"", b"\x00", b"\xff", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x0a\x00" * 40, b"\xc0\x80")
_TEXTS: Final = (
    "",
    "\x00",
    "9" * 400,
    "-1",
    "NaN",
    "1e9999",
    "\u202e\u2066",
    "\U0001f4b8" * 300,
    "'; DROP TABLE ledger_events; --",
    "=1+1",
    '{"a": ' * 100,
    "[" * 5_000,
    '{"input_tokens": 1e400, "input_tokens": -1}',
    "{'a': " * 90 + "}" * 90,
    "0" * 70_000,
    "None",
)
_WHOLES: Final = (0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 10**9, 10**9 + 1, 2**64 - 1)
_DOUBLES: Final = (0.0, -0.0, 0.5, -1.0, 1e9, 1e19, 1e308, float("nan"), float("inf"), float("-inf"), 5e-324)
_KEYS: Final = (*sorted(ALLOWED_KEYS), "ledger.anything", "", "\x00", "k" * 300, "ledger." + "k" * 5_000)

_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}


def changed_bytes(chance: Random, body: bytes) -> bytes:
    """Bytes with one to four of them flipped, set, cut, doubled, moved or put in between."""
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        size = chance.randrange(_CHUNK_MAX)
        match chance.randrange(7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(changed):
                changed[at] = chance.choice((0, 1, 0x0A, 0x12, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 2:
                del changed[at : at + size]
            case 3:
                changed[at:at] = changed[at : at + size]
            case 4:
                changed[at:at] = chance.choice((*_BYTES, chance.randbytes(size)))
            case 5:
                origin = chance.randrange(len(changed) + 1)
                changed[at : at + size] = changed[origin : origin + size]
            case _:
                del changed[at:]
    return bytes(changed)


def change_message(chance: Random, message: Message) -> None:
    """Set, empty, double or fill one field of a message, at any depth, with a value that its type can hold."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        _change_field(chance, message)


def _change_field(chance: Random, message: Message) -> None:
    if isinstance(message, AnyValue):
        message.CopyFrom(any_value(chance))
        return
    field = cast("FieldDescriptor", chance.choice(message.DESCRIPTOR.fields))
    if field.message_type is not None:
        _change_submessage(chance, message, field)
    elif field.is_repeated:
        cast("list[object]", getattr(message, field.name)).extend(_scalar(chance, field) for _ in range(3))
    elif chance.random() < 0.1:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(chance, field))


def _change_submessage(chance: Random, message: Message, field: FieldDescriptor) -> None:
    if not field.is_repeated:
        _change_field(chance, cast("Message", getattr(message, field.name)))
        return
    members = cast("list[Message]", getattr(message, field.name))
    match chance.randrange(8):
        case 0 if members:
            del members[chance.randrange(len(members))]
        case 1 if members:
            members.append(chance.choice(members))
        case 2:
            _fill(chance, members)
        case _ if members:
            _change_field(chance, chance.choice(members))
        case _:
            _fill(chance, members, 1)


def _fill(chance: Random, members: list[Message], count: int = 0) -> None:
    add = cast("Callable[[], Message]", members.add)  # pyright: ignore[reportAttributeAccessIssue] (protobuf's)
    number = count or chance.choice((1, 1, 2, 2, 8, 8, 30, 1_100))
    # Many are many of the same small one: it is their number that is hostile.
    value = any_value(chance) if number < 1_000 else AnyValue(int_value=1)
    for _ in range(number):
        added = add()
        if isinstance(added, KeyValue):
            added.key = chance.choice(_KEYS)
            added.value.CopyFrom(value)


def _scalar(chance: Random, field: FieldDescriptor) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.choice((*_BYTES, bytes(8), bytes(16), chance.randbytes(8), chance.randbytes(16)))
        case FieldDescriptor.CPPTYPE_STRING:
            return chance.choice((*_TEXTS, *_KEYS))
        case FieldDescriptor.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return chance.choice(_DOUBLES)
        case kind:
            low, high = _RANGES[kind]
            return min(max(chance.choice(_WHOLES), low), high)


def any_value(chance: Random) -> AnyValue:
    """A value of any kind that OTLP has, some nested deeper than parsers go."""
    match chance.randrange(9):
        case 0 | 1:
            return AnyValue(string_value=chance.choice(_TEXTS))
        case 2 | 3:
            return AnyValue(int_value=min(max(chance.choice(_WHOLES), -(2**63)), 2**63 - 1))
        case 4 | 5:
            return AnyValue(double_value=chance.choice(_DOUBLES))
        case 6:
            return AnyValue(bytes_value=chance.choice(_BYTES))
        case 7:
            return AnyValue()
        case _:
            return _nested(chance)


def _nested(chance: Random) -> AnyValue:
    # Inside out and without a call a level, since protobuf's own encoder would refuse what is to be refused.
    value = AnyValue(bool_value=True)
    for _ in range(chance.choice((1, 3, 30))):
        if chance.random() < 0.5:
            value = AnyValue(array_value=ArrayValue(values=[value]))
        else:
            value = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
    return value


def changed_json(chance: Random, tree: Json, depth: int = 0) -> Json:
    """A JSON tree with one value, at any depth, replaced by another of any kind."""
    if isinstance(tree, dict) and tree and depth < _DEPTH_MAX and chance.random() < 0.85:
        key = chance.choice(sorted(tree))
        return {**tree, key: changed_json(chance, tree[key], depth + 1)}
    if isinstance(tree, list) and tree and depth < _DEPTH_MAX and chance.random() < 0.9:
        at = chance.randrange(len(tree))
        return [*tree[:at], changed_json(chance, tree[at], depth + 1), *tree[at + 1 :]]
    return _any_json(chance)


def _any_json(chance: Random) -> Json:
    empty: Json = {}
    values: tuple[Json, ...] = (
        None,
        chance.choice(_TEXTS),
        chance.choice(_WHOLES),
        chance.choice((0.5, -1.0, 1e300, 1e19)),
        list[Json]([empty]) * chance.choice((0, 1, 3)),
        {chance.choice(_KEYS): chance.choice(_TEXTS), "stringValue": "a", "intValue": "12"},
        chance.random() < 0.5,
    )
    return chance.choice(values)
