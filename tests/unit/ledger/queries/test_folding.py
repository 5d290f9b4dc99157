from spanledger.ledger.queries import DIMENSIONS, Question, ask, for_people, totals
from spanledger.ledger.queries.folding import folded as fold
from spanledger.ledger.tables import Row, Table


def report_table(asked: Question, rows: list[Row]) -> Table:
    """The report of what the engine answered: dimensions, currency, four sums, four counts."""
    return fold(asked, Table((), (), [(*row[:-7], *row[-4:], *row[-7:-4]) for row in rows]))


def folded(by: str, *rows: Row) -> list[dict[str, object]]:
    """The records of that report."""
    return [dict(record) for record in report_table(ask(by), list(rows)).records()]


def test_a_row_has_dimensions_first_then_measures_then_shares() -> None:
    """The keys are the contract of `--format json`."""
    [row] = folded("tenant,model", ("acme", "gpt-5", "USD", 4, 1000, 200, "0.5", 0, 1, 2, 0))
    assert list(row.items()) == [
        ("tenant", "acme"),
        ("model", "gpt-5"),
        ("requests", 4),
        ("input_tokens", 1000),
        ("output_tokens", 200),
        ("cost", "0.5"),
        ("currency", "USD"),
        ("unpriced_share", 0.0),
        ("estimated_share", 0.25),
        ("probable_share", 0.5),
        ("unattributed_share", 0.0),
    ]


def test_requests_without_a_cost_join_the_currency_of_their_row() -> None:
    """Three priced and one unpriced call are one row whose share tells what the cost leaves out."""
    [row] = folded(
        "tenant",
        ("acme", "USD", 3, 300, 30, "0.3", 0, 0, 0, 0),
        ("acme", "", 1, 100, None, None, 1, 0, 0, 0),
    )
    assert (row["requests"], row["input_tokens"], row["output_tokens"], row["cost"]) == (4, 400, 30, "0.3")
    assert row["unpriced_share"] == 0.25


def test_a_row_nobody_could_price_has_no_cost_and_no_currency() -> None:
    """Unknown is not zero."""
    [row] = folded("model", ("house-model", "", 4, 100, 10, None, 4, 0, 0, 0))
    assert (row["cost"], row["currency"], row["unpriced_share"]) == (None, None, 1.0)


def test_a_zero_that_attempts_or_reversals_left_is_no_price() -> None:
    """A failed try costs nothing; the unpriced call beside it still has an unknown cost."""
    [row] = folded(
        "model",
        ("house-model", "USD", 0, None, None, "0", 0, 0, 0, 0),
        ("house-model", "", 2, 100, 10, None, 2, 0, 0, 0),
    )
    assert row["cost"] is None
    [free] = folded("model", ("free-model", "USD", 2, 100, 10, "0", 0, 0, 0, 0))
    assert free["cost"] == "0"


def test_two_currencies_are_never_added() -> None:
    """Each has its row; what has no cost joins the busier one."""
    rows = folded(
        "tenant",
        ("acme", "EUR", 1, 10, 1, "5", 0, 0, 0, 0),
        ("acme", "USD", 9, 90, 9, "7", 0, 0, 0, 0),
        ("acme", "", 2, 20, 2, None, 2, 0, 0, 0),
    )
    assert [(row["currency"], row["cost"], row["requests"]) for row in rows] == [("USD", "7", 11), ("EUR", "5", 1)]


def test_sums_keep_all_38_digits() -> None:
    """Adding amounts must not round to the 28 digits of Python's default context."""
    [row] = folded(
        "tenant",
        ("acme", "USD", 1, 1, 1, "12345678901234567890.123456789012345678", 0, 0, 0, 0),
        ("acme", "", 1, 1, 1, None, 1, 0, 0, 0),
    )
    assert row["cost"] == "12345678901234567890.123456789012345678"


def test_a_report_reads_dearest_first_and_unknown_last() -> None:
    """What costs most is what one looks for."""
    rows = folded(
        "tenant",
        ("acme", "USD", 1, 1, 1, "0.2", 0, 0, 0, 0),
        ("globex", "", 1, 1, 1, None, 1, 0, 0, 0),
        ("initech", "USD", 1, 1, 1, "0.10", 0, 0, 0, 0),
        ("hooli", "USD", 1, 1, 1, "11", 0, 0, 0, 0),
    )
    assert [row["tenant"] for row in rows] == ["hooli", "acme", "initech", "globex"]


def test_a_report_over_time_reads_forwards() -> None:
    """Days in their order, whatever they cost; months and hours as people write them."""
    rows = folded("month", (202611, "USD", 1, 1, 1, "9", 0, 0, 0, 0), (202602, "USD", 1, 1, 1, "1", 0, 0, 0, 0))
    assert [row["month"] for row in rows] == ["2026-02", "2026-11"]
    asked = ask("hour", tz="Europe/Berlin")
    table = report_table(asked, [(1_792_890_000_000, "USD", 1, 1, 1, "9", 0, 0, 0, 0)])
    assert table.rows[0][0] == "2026-10-25T02:00:00+01:00"


def test_currency_is_always_a_key_and_named_once() -> None:
    """Asking for it changes nothing; asking for a dimension twice neither."""
    assert ask("currency,tenant,tenant").by == ("tenant",)
    assert ask(["currency"]).by == ()


def test_every_word_column_and_time_bucket_is_a_dimension() -> None:
    """Readers rely on these names."""
    promised = (
        "tenant environment service_name user_id session_id organization_id feature team project cost_center agent "
        "workflow_id conversation_id provider model operation region account service_tier status quality dialect "
        "day hour week month"
    )
    assert set(promised.split()) <= set(DIMENSIONS)


def test_people_see_shares_in_percent_and_only_those_that_tell_something() -> None:
    """Four columns of zeros would hide the one that matters."""
    asked = ask("tenant")
    rows: list[Row] = [("acme", "USD", 3, 1, 1, "0.1", 1, 0, 0, 0), ("globex", "USD", 0, 1, 1, "0.1", 0, 0, 0, 0)]
    table = for_people(report_table(asked, rows))
    assert table.columns == ("tenant", "requests", "input_tokens", "output_tokens", "cost", "currency", "unpriced")
    assert [row[-1] for row in table.rows] == ["33.3%", None]


def test_totals_name_each_currency_with_its_exact_sum() -> None:
    """A reader need not add up the rows."""
    asked = ask("tenant")
    rows: list[Row] = [
        ("acme", "USD", 1, 1, 1, "0.1", 0, 0, 0, 0),
        ("globex", "USD", 2, 1, 1, "0.2", 0, 0, 0, 0),
        ("initech", "", 3, 1, 1, None, 3, 0, 0, 0),
    ]
    assert totals(report_table(asked, rows)) == ["3 without a cost", "3 requests, 0.3 USD"]
