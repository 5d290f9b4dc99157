from struct import pack

import pytest

from spanledger.exporter.store import native
from spanledger.exporter.store.native import Column

VERSION = pack("<Q", 1)


def test_strings_carry_their_length() -> None:
    """A byte of length below 128, two above, and the UTF-8 itself; every path gives the same form."""
    assert native.strings(["ab", "", "c"]) == b"\x02ab\x00\x01c"
    assert native.strings(["ab", "cd"]) == b"\x02ab\x02cd"
    assert native.strings(["x", "x", "x"]) == b"\x01x\x01x\x01x"
    assert native.strings(["é", "a"]) == b"\x02\xc3\xa9\x01a"
    assert native.strings(["a" * 200, "b"]) == b"\xc8\x01" + b"a" * 200 + b"\x01b"
    assert native.strings([]) == b""


def test_a_lone_surrogate_does_not_lose_the_batch() -> None:
    """JSON can smuggle in half a character, which UTF-8 cannot hold."""
    assert native.strings(["\ud800", "a"]) == b"\x01?\x01a"


def test_byte_strings_are_written_as_they_are() -> None:
    """Texts that are UTF-8 already only get their length."""
    assert native.byte_strings([b"ab", b"c" * 128]) == b"\x02ab" + b"\x80\x01" + b"c" * 128


def test_words_send_their_dictionary_once() -> None:
    """Version, index width with the flag of a travelling dictionary, keys, and one place for each row."""
    assert native.words(["a", "b", "a"]) == VERSION + pack("<QQ", 0x200, 2) + b"\x01a\x01b" + pack("<Q", 3) + b"\0\1\0"
    assert native.words(["", ""]) == VERSION + pack("<QQ", 0x200, 1) + b"\0" + pack("<Q", 2) + b"\0\0"


def test_many_words_have_wider_places() -> None:
    """257 keys need two bytes a place."""
    keys = [f"{number:03}" for number in range(257)]
    encoded = native.words(keys)
    assert encoded[8:24] == pack("<QQ", 0x201, 257)
    assert encoded[-2:] == pack("<H", 256)


def test_fixed_strings_have_one_width() -> None:
    """A value of another width would shift every row after it."""
    assert native.fixed([b"ab", b"cd"], 2) == b"abcd"
    with pytest.raises(ValueError, match="2 bytes"):
        native.fixed([b"abc", b"d"], 2)


def test_integers_are_little_endian_and_checked() -> None:
    """A number that does not fit is refused, never wrapped."""
    assert native.int64s([1, -1]) == pack("<qq", 1, -1)
    assert native.uint64s([2**64 - 1]) == pack("<Q", 2**64 - 1)
    assert native.int32s([-2]) == pack("<i", -2)
    assert native.uint16s([65535]) == pack("<H", 65535)
    assert native.uint8s([1, 255]) == b"\x01\xff"
    with pytest.raises(OverflowError):
        native.int64s([2**63])


def test_null_is_not_zero() -> None:
    """The null map says which rows hold nothing."""
    assert native.nullable_int64s([5, 0]) == b"\0\0" + pack("<qq", 5, 0)
    assert native.nullable_int64s([5, None, 7]) == b"\0\1\0" + pack("<qqq", 5, 0, 7)
    assert native.nullable_int64s([None, None]) == b"\1\1" + pack("<qq", 0, 0)


def test_money_is_sixteen_bytes_of_atto() -> None:
    """Small and negative amounts extend their sign; what does not fit in eight bytes is still exact."""
    assert native.decimals([1, None]) == b"\0\1" + pack("<qqqq", 1, 0, 0, 0)
    assert native.decimals([-1, 2]) == b"\0\0" + pack("<qqqq", -1, -1, 2, 0)
    assert native.decimals([10**37, -(10**37)]) == b"\0\0" + b"".join(
        number.to_bytes(16, "little", signed=True) for number in (10**37, -(10**37))
    )


def test_arrays_say_where_each_row_ends() -> None:
    """Offsets count elements from the start of the column; empty columns hold offsets only."""
    assert native.int64_arrays([(1, 2), (), (3,)]) == pack("<QQQ", 2, 2, 3) + pack("<qqq", 1, 2, 3)
    assert native.decimal_arrays([(1,), (None,)]) == pack("<QQ", 1, 2) + b"\0\1" + pack("<qqqq", 1, 0, 0, 0)
    one = pack("<QQ", 0x200, 1) + b"\x01a" + pack("<Q", 1) + b"\0"
    assert native.word_arrays([("a",), ()]) == VERSION + pack("<QQ", 1, 1) + one
    assert native.word_arrays([(), ()]) == VERSION + bytes(16)
    assert native.int64_arrays([(), ()]) == native.decimal_arrays([(), ()]) == bytes(16)


def test_maps_are_arrays_of_keys_and_of_values() -> None:
    """Keys travel as words, values as they are."""
    keys = pack("<QQ", 0x200, 1) + b"\x01k" + pack("<Q", 1) + b"\0"
    assert native.word_maps([{"k": "v"}]) == VERSION + pack("<Q", 1) + keys + b"\x01v"
    assert native.word_int64_maps([{"k": 7}]) == VERSION + pack("<Q", 1) + keys + pack("<q", 7)
    assert native.word_maps([{}]) == native.word_int64_maps([{}]) == VERSION + bytes(8)


def test_a_block_names_its_columns() -> None:
    """Column count, row count, then name, type and values of each column."""
    assert native.block([Column("n", "Int64", pack("<q", 9))], 1) == b"\x01\x01\x01n\x05Int64" + pack("<q", 9)
