import csv
import io
import json

import pytest

from spanledger.ledger.formats import csv_text, json_text, money_text, plain_text, write
from spanledger.ledger.tables import Table

SAMPLE = Table(
    ("tenant", "requests", "cost"),
    ("LowCardinality(String)", "Int64", "Nullable(Decimal(38, 18))"),
    [("acme", 12, "0.000123456789"), ("globex", 3, None)],
)


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_json_is_an_array_of_objects_with_exact_money() -> None:
    """Programs read keys; money stays the decimal text it was, unknown is null."""
    out = io.StringIO()
    write(SAMPLE, "json", out)
    assert json.loads(out.getvalue()) == [
        {"tenant": "acme", "requests": 12, "cost": "0.000123456789"},
        {"tenant": "globex", "requests": 3, "cost": None},
    ]


def test_csv_has_a_header_crlf_and_empty_cells_for_null() -> None:
    """The text is what RFC 4180 describes."""
    assert csv_text(SAMPLE) == "tenant,requests,cost\r\nacme,12,0.000123456789\r\nglobex,3,\r\n"


@pytest.mark.parametrize("start", [*"=+-@\t\r\n\0", *"\uff1d\uff0b\uff0d\uff20"])
def test_csv_text_that_a_spreadsheet_would_run_is_made_text(start: str) -> None:
    """A tenant can be named like a formula; a spreadsheet must show it, not run it."""
    text = csv_text(Table(("tenant",), ("String",), [(f"{start}HYPERLINK(1)",)]))
    assert next(csv.reader(io.StringIO(text.partition("\r\n")[2], newline=""))) == [f"'{start}HYPERLINK(1)"]


def test_csv_leaves_negative_numbers_as_numbers() -> None:
    """A reversal's amount starts with a minus, and is no formula."""
    table = Table(("requests", "cost"), ("Int64", "Nullable(Decimal(38, 18))"), [(-1, "-0.25")])
    assert csv_text(table).splitlines()[1] == "-1,-0.25"


def test_csv_quotes_what_would_break_a_row() -> None:
    """Commas, quotes and line breaks survive; a list is its JSON."""
    table = Table(("a", "b"), ("String", "Array(Int64)"), [('x,"y"\nz', [1, 2])])
    assert list(csv.reader(io.StringIO(csv_text(table), newline="")))[1] == ['x,"y"\nz', "[1,2]"]


def test_a_table_that_is_no_terminal_has_aligned_columns_and_no_colour_codes() -> None:
    """Numbers stand to the right, words to the left, unknown is a dash."""
    out = io.StringIO()
    write(SAMPLE, "table", out)
    assert out.getvalue().splitlines() == [
        "tenant  requests         cost",
        "------  --------  -----------",
        "acme          12  0.000123457",
        "globex         3            -",
    ]


def test_control_characters_are_shown_and_not_sent_to_the_terminal() -> None:
    """A name from the telemetry must not move the reader's cursor."""
    text = plain_text(Table(("tenant",), ("String",), [("\x1b[2Jacme",)]))
    assert "\x1b" not in text
    assert r"\x1b[2Jacme" in text


@pytest.mark.parametrize("name", ["\x1b[2Jacme", "\x9b2J", "\u202eemca", "a\x7f", "\U000e0041acme", "a\nb"])
def test_json_is_printable_and_reads_back_alike(name: str) -> None:
    """Escapes of a terminal, old and new, and of writing directions, are written as JSON escapes."""
    text = json_text([{"tenant": name}])
    assert all(line.isprintable() for line in text.splitlines())
    assert json.loads(text) == [{"tenant": name}]


def test_csv_to_a_terminal_is_shown_and_to_a_program_exact() -> None:
    """Rows stay rows."""
    table = Table(("tenant",), ("String",), [("\x1b[2Jacme",), ("globex",)])
    shown, exact = Terminal(), io.StringIO()
    write(table, "csv", shown)
    write(table, "csv", exact)
    assert shown.getvalue() == "tenant\r\n\\x1b[2Jacme\r\nglobex\r\n"
    assert "\x1b[2Jacme" in exact.getvalue()


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        ("12.3456789", "12.345679"),
        ("0.000123456789", "0.000123457"),
        ("0.00000000000123456789", "0.00000000000123457"),
        ("3", "3.00"),
        ("0.1", "0.10"),
        ("0", "0.00"),
        ("-1.5", "-1.50"),
        ("99999999999999999999.999999999999999999", "100000000000000000000.00"),
    ],
)
def test_money_is_rounded_for_people_to_what_they_compare(exact: str, shown: str) -> None:
    """Six decimals, six digits below a cent, at least two decimals."""
    assert money_text(exact) == shown


def test_a_table_without_rows_still_names_its_columns() -> None:
    """Nothing to report is an answer."""
    assert plain_text(Table(("a", "b"), ("String", "String"), [])).splitlines() == ["a  b", "-  -"]
