import pytest

from spanledger.exporter.store.statements import literal, one_reading_statement, quoted, split_statements
from spanledger.schemas import ConfigurationError


def test_a_migration_file_is_split_at_line_ends() -> None:
    """Comments go, a semicolon inside a line stays, and the last statement needs no line end."""
    text = "-- why\nCREATE TABLE a (\n  b String DEFAULT ';'\n);\n\n-- more\nSELECT 1;"
    assert split_statements(text) == ["CREATE TABLE a (\n  b String DEFAULT ';'\n)", "SELECT 1"]


def test_names_and_texts_are_quoted() -> None:
    """No name or text can end its own quotes."""
    assert quoted("lines.unit") == "`lines.unit`"
    assert quoted("a`b\\") == "`a\\`b\\\\`"
    assert literal("it's \\") == "'it\\'s \\\\'"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  select 1 ;\n",
        "-- cost by tenant\nSELECT 1",
        "/* a */ (SELECT 1) UNION ALL (SELECT 2)",
        "WITH 1 AS x SELECT x",
        "FROM charges SELECT tenant",
        "show tables",
        "DESCRIBE charges",
        "desc table\n(SELECT count() FROM charges)",
        "EXPLAIN SELECT 1",
        "EXISTS TABLE charges",
    ],
)
def test_a_reading_statement_is_run(sql: str) -> None:
    """Whatever reads may run, without its final semicolon."""
    assert one_reading_statement(sql) == sql.strip().rstrip("; \n")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1; KILL QUERY WHERE 1", "one SQL statement"),
        ("SELECT ';'", "char"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "redirect"),
        ("EXPLAIN SELECT 1 into\noutfile 'x'", "redirect"),
        ("DESCRIBE TABLE file('/etc/passwd', TSVWithNames)", "DESCRIBE"),
        ("( DESC/*(*/`fil\\x65` /**/ ('/etc/passwd')", "DESCRIBE"),
        ("DROP TABLE charges", "reading statement"),
        ("KILL QUERY WHERE 1", "reading statement"),
        ("USE default", "reading statement"),
        ("SET readonly = 0", "reading statement"),
        ("/* SELECT */ INSERT INTO a VALUES (1)", "reading statement"),
        ("", "reading statement"),
    ],
)
def test_anything_else_is_refused_with_its_reason(sql: str, reason: str) -> None:
    """What the engine's read-only mode would let through never reaches it."""
    with pytest.raises(ConfigurationError, match=reason):
        one_reading_statement(sql)
