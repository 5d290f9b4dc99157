"""Statements whose answers have every type that a client is told, with what stands in their rows."""

from typing import Final

from spanledger.exporter.store.statements import literal

TYPES: Final = (
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)),
    *("Float32", "Float64", "Bool", "String", "FixedString(5)", "UUID", "IPv4", "IPv6"),
    *("Date", "Date32", "DateTime", "DateTime('Europe/Berlin')", "DateTime64(9, 'UTC')"),
    *("Decimal(9, 2)", "Decimal(18, 4)", "Decimal(38, 18)", "Decimal(76, 3)"),
    *("Enum8('a' = 1, 'b, (c' = -2)", "Enum16('x' = 300, 'y' = 301)", "LowCardinality(String)", "Nullable(Int32)"),
    *("Nullable(String)", "LowCardinality(Nullable(String))", "LowCardinality(FixedString(3))", "Array(String)"),
    *("Array(Array(Nullable(UInt8)))", "Array(LowCardinality(String))", "Map(String, UInt64)"),
    *("Map(LowCardinality(String), Array(Decimal(38, 18)))", "Tuple(UInt8, String)"),
    *("Tuple(a UInt8, b LowCardinality(String), d Array(Tuple(Nullable(Date))))",),
    *("Array(Map(String, Tuple(Nullable(String), Array(LowCardinality(Nullable(String))))))",),
)
"""What the engine makes random values of."""

ROWS: Final = 300

RANDOM: Final = {
    kind: "SELECT x, toString(number) AS after FROM (SELECT x, rowNumberInAllBlocks() AS number"
    f" FROM generateRandom({literal(f'x {kind}')}, 7, 12, 6) LIMIT {ROWS})"
    for kind in TYPES
}
"""A type → a statement with many values of it, and a column behind it that shows where it ended."""
