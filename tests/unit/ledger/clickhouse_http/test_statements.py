import pytest

from spanledger.exporter.store.statements import one_reading_statement
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError
from spanledger.ledger.clickhouse_http.statements import Statement, read, settings_set, used_database

FORMATS = {"json": "JSON", "native": "Native", "tsv": "TSV"}


@pytest.mark.parametrize(
    ("sql", "text", "form"),
    [
        ("SELECT 1 FORMAT JSON", "SELECT 1 ", "JSON"),
        ("select 1 format json;\n", "select 1 ", "JSON"),
        ("SELECT 1\nFORMAT Native SETTINGS max_threads=1", "SELECT 1\n SETTINGS max_threads=1", "Native"),
        ("SELECT 1 -- FORMAT JSON", "SELECT 1", ""),
        ("SELECT 1 /* FORMAT JSON */ FORMAT /* or */ TSV # not JSON", "SELECT 1   ", "TSV"),
        ("SELECT 'x FORMAT JSON'", "SELECT 'x FORMAT JSON'", ""),
        ("SELECT (SELECT 1 AS format, json)", "SELECT (SELECT 1 AS format, json)", ""),
        ("SELECT format FROM t ORDER BY format DESC", "SELECT format FROM t ORDER BY format DESC", ""),
        ("SELECT format FROM t ORDER BY format FORMAT JSON", "SELECT format FROM t ORDER BY format ", "JSON"),
        ("SELECT 1 FORMAT Nonsense", "SELECT 1 FORMAT Nonsense", ""),
        ("", "", ""),
    ],
)
def test_the_format_clause_is_the_statements_own(sql: str, text: str, form: str) -> None:
    """Not one in a comment, a text or parentheses, and not a column that is called so."""
    assert read(sql, FORMATS) == Statement(text, form)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 'a;b'", r"SELECT 'a\x3Bb'"),
        (r"SELECT 'a\';b''c;'", r"SELECT 'a\'\x3Bb''c\x3B'"),
        (r"SELECT '\\;', '\;'", r"SELECT '\\\x3B', '\\\x3B'"),
        ("SELECT 'the OutFile'", r"SELECT 'the \x4FutFile'"),
        ("SELECT 1 /* a; b */ -- ;\n", "SELECT 1"),
    ],
)
def test_a_text_may_have_what_the_rules_refuse(sql: str, told: str) -> None:
    """It is escaped where it stands, so that the rules, which take nothing apart, let it pass."""
    assert one_reading_statement(read(sql, FORMATS).text) == told


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 'open; SELECT 2", 'SELECT 1 AS "a;b"', "SELECT `;`"])
def test_what_is_no_text_is_left_to_the_rules(sql: str) -> None:
    """Only inside of a text that ends does a semicolon mean nothing."""
    assert ";" in read(sql, FORMATS).text


@pytest.mark.parametrize(
    ("sql", "selects"),
    [
        *((sql, True) for sql in ("SELECT 1", "(SELECT 1)", "with 1 AS a SELECT a", "FROM t SELECT 1")),
        *((sql, False) for sql in ("SHOW TABLES", "EXPLAIN SELECT 1", "DESCRIBE t", "SELECTED")),
    ],
)
def test_what_can_be_described(sql: str, selects: bool) -> None:  # noqa: FBT001 (a parameter of the table above)
    """A query."""
    assert Statement(sql, "").selects is selects


def test_use_and_set_are_read() -> None:
    """They are for sessions; what cannot be read is none of them."""
    assert used_database("USE spanledger;") == "spanledger"
    assert used_database(" use `my db` ") == "my db"
    assert used_database("USE a b") is None
    assert settings_set("SET max_execution_time = 5, format_csv_delimiter='\\'', x='a, b'") == {
        "max_execution_time": "5",
        "format_csv_delimiter": "'",
        "x": "a, b",
    }
    assert settings_set("SET a = 1, b") is None
    assert settings_set("SET a = (SELECT 1)") is None
    assert settings_set("SET ROLE admin") is None
    assert settings_set("SELECT 1") is None


@pytest.mark.parametrize(
    "sql",
    [
        *("SELECT * FROM python(a)", "SELECT * FROM `Python` /* */ (a)", 'FROM "python"\n(a)', r"FROM `pytho\x6e`(a)"),
        *("SELECT hasColumnInTable('h:9', 'd', 't', 'c')", 'SELECT "hascolumn\\x49ntable"(a)'),
    ],
)
def test_nothing_outside_of_the_store_is_a_table(sql: str) -> None:
    """The engine would look into this process, or at another host; a text or a column is nothing to it."""
    with pytest.raises(AskedWronglyError):
        read(sql, FORMATS)
    assert read("SELECT 'python(a)', python FROM t WHERE (1)", FORMATS).selects


@pytest.mark.parametrize(
    "sql",
    ["SELECT " + "'\\" * 500_000, "SELECT " + "/* " * 300_000, f"USE x{' ' * 1_000_000}y", f"SET a{' ' * 1_000_000}b"],
)
def test_a_long_statement_is_read_at_once(sql: str) -> None:
    """Not again from each of its quotes, comments or blanks: that would take hours."""
    assert used_database(sql) is settings_set(sql) is None
    assert read(sql, FORMATS).format == ""
