import pytest

from spanledger.ledger.clickhouse_http.native import Column, header, hides_zones, retold
from spanledger.ledger.clickhouse_http.native_columns import NativeError, column_walker
from spanledger.ledger.clickhouse_http.native_types import TypeName, parsed

LATER = 54_460
INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
ONE = b"\x01\x01\x01a\x05UInt8\x07"
"""One column `a` with one row, 7, as the engine writes it."""


def test_a_type_is_taken_apart() -> None:
    """Names, quotes and parentheses inside it belong to it."""
    assert parsed("UInt8") == TypeName("UInt8")
    assert parsed("Map(String, Array(UInt8))") == TypeName(
        "Map", ("String", "Array(UInt8)"), (TypeName("String"), TypeName("Array", ("UInt8",), (TypeName("UInt8"),)))
    )
    quoted = parsed(r"Tuple(a UInt8, `b, \`(c` Enum8('x, (y' = 1, 'it\'s' = 2))")
    assert quoted is not None
    assert [inner.name for inner in quoted.inner] == ["UInt8", "Enum8"]
    assert parsed("Array(UInt8") is None
    assert parsed("Array(" * 200 + "UInt8" + ")" * 200) is None


def test_what_a_later_client_reads_besides() -> None:
    """Information about the block, and a byte behind each type; block after block."""
    assert retold(ONE, 0) == ONE
    assert retold(ONE + ONE, 54_405) == (INFO + ONE) * 2
    assert retold(ONE, LATER) == INFO + b"\x01\x01\x01a\x05UInt8\x00\x07"
    assert retold(b"", LATER) == b""
    assert header([Column("a", "UInt8")], 0) == b"\x01\x00\x01a\x05UInt8"
    assert header([Column("a", "UInt8")], LATER) == INFO + b"\x01\x00\x01a\x05UInt8\x00"


def test_a_zone_that_was_left_out_is_told() -> None:
    """Of a column whose real type has one, and to clients that know of it."""
    block = b"\x02\x01\x01a\x08DateTime\x01\x00\x00\x00\x01b\x08DateTime\x02\x00\x00\x00"
    assert hides_zones(block, LATER)
    assert not hides_zones(block, 54_336)
    assert not hides_zones(ONE, LATER)
    told = retold(block, 54_405, [Column("a", "DateTime('UTC')"), Column("b", "DateTime")])
    assert told == INFO + block.replace(b"a\x08DateTime", b"a\x0fDateTime('UTC')")


@pytest.mark.parametrize(
    ("kind", "rows", "data"),
    [
        ("String", 2, b"\x00\x81\x01" + b"x" * 129),
        ("Array(String)", 2, bytes(8) + b"\x01" + bytes(7) + b"\x01x"),
        ("Array(LowCardinality(String))", 1, b"\x01" + bytes(7) + bytes(8)),
        ("Nullable(UInt16)", 2, b"\x01\x00\x00\x00\x02\x00"),
        ("Tuple()", 3, b"000"),
        ("Variant(String, UInt8)", 3, bytes(8) + b"\x00\x01\xff\x01x\x07"),
        ("Decimal(76, 3)", 1, bytes(32)),
        ("SimpleAggregateFunction(max, UInt8)", 1, b"\x01"),
        ("IntervalDay", 1, bytes(8)),
        ("Point", 1, bytes(16)),
    ],
)
def test_a_column_is_as_long_as_its_rows(kind: str, rows: int, data: bytes) -> None:
    """By hand, what the engine writes of each type; what stands behind it is not touched."""
    walker = column_walker(kind)
    assert walker is not None
    assert walker.data(data + b"behind", walker.prefix(data, 0), rows) == len(data)


@pytest.mark.parametrize(
    "kind", ["JSON", "Dynamic", "AggregateFunction(sum, UInt8)", "Array(JSON)", "Unheard", "Array("]
)
def test_a_length_is_never_guessed(kind: str) -> None:
    """A column of such a type is refused by name."""
    assert column_walker(kind) is None
    block = b"\x01\x01\x03col" + bytes([len(kind)]) + kind.encode() + b"\x00"
    with pytest.raises(NativeError, match="'col'"):
        retold(block, LATER)


@pytest.mark.parametrize("cut", range(1, len(ONE)))
def test_an_answer_that_is_cut_short_is_an_error(cut: int) -> None:
    """Wherever it ends."""
    with pytest.raises(NativeError, match="ends inside"):
        retold(ONE[:cut], LATER)
