from datetime import UTC, datetime

import pytest

from spanledger.exporter.store.statements import literal, one_reading_statement
from spanledger.ledger.queries import DEFAULT_MEASURES, MEASURES, ask
from spanledger.ledger.queries.question import Order
from spanledger.schemas import ConfigurationError


def ns(year: int, month: int, day: int, hour: int = 0) -> int:
    """Nanoseconds since 1970 of a UTC hour."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 10**9


def test_bounds_are_half_open_instants_in_the_zone() -> None:
    """A date is its first instant; without bounds it is all time."""
    asked = ask("tenant", since="2026-11-02", until="2026-11-03", tz="Europe/Berlin")
    assert (asked.since_ns, asked.until_ns) == (ns(2026, 11, 1, 23), ns(2026, 11, 2, 23))
    assert (ask("tenant").since_ns, ask("tenant").until_ns) == (None, None)


def test_names_are_taken_once_in_their_order() -> None:
    """Asking twice for a thing changes nothing; currency is always a key."""
    asked = ask("currency, tenant,tenant", measures=["cost", "requests", "cost"])
    assert (asked.by, asked.measures) == (("tenant",), ("cost", "requests"))
    assert (ask().by, ask("").by, ask().measures) == ((), (), DEFAULT_MEASURES)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"by": "tenant; DROP TABLE x"}, "'tenant; DROP TABLE x' is no dimension; choose from"),
        ({"by": "cost"}, "'cost' is no dimension; choose from"),
        ({"by": "tenant,"}, "'' is no dimension"),
        ({"measures": "requests,money"}, "'money' is no measure; choose from requests, "),
        ({"where": {"cost": "1"}}, "'cost' cannot be filtered by; choose from"),
        ({"where": {"day": "2026-11-02"}}, "bound the time with since and until"),
        ({"where": {"tenant": []}}, "names no value"),
        ({"since": "2026-11-03", "until": "2026-11-02"}, "since '2026-11-03' is not before until '2026-11-02'"),
        ({"since": "2026-11-02", "until": "2026-11-02"}, "is not before until"),
        ({"since": "yesterday"}, "since 'yesterday' is neither a date"),
        ({"until": ""}, "until '' is neither a date"),
        ({"tz": "Berlin"}, "tz 'Berlin' is no IANA time zone"),
        ({"limit": 0}, "limit 0 is no number of rows"),
        ({"limit": -3}, "limit -3 is no number of rows"),
        ({"order": "model"}, "order 'model' is none; name a column of the answer"),
        ({"order": "cost:down"}, "order 'cost:down' is none"),
    ],
)
def test_a_question_without_an_answer_is_refused_in_one_sentence(options: dict[str, object], sentence: str) -> None:
    """What is wrong, and what would be right; before any SQL is written."""
    with pytest.raises(ConfigurationError) as refused:
        ask(**{"by": "tenant", **options})  # type: ignore[arg-type]
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bound_in_the_zone_beside_one_in_another_is_refused() -> None:
    """Half of the question would be hours off; with both offsets stated, or the zone's own, nothing is unclear."""
    with pytest.raises(ConfigurationError, match=r"in two zones.*both an offset or neither"):
        ask(since="2026-11-02", until="2026-11-03T00:00:00+05:00", tz="Europe/Berlin")
    with pytest.raises(ConfigurationError, match="in two zones"):
        ask(since="2026-11-02T00:00:00Z", until="2026-11-03", tz="Europe/Berlin")
    assert ask(since="2026-11-02", until="2026-11-03T00:00:00+01:00", tz="Europe/Berlin").until_ns == ns(
        2026, 11, 2, 23
    )
    assert ask(since="2026-11-02T00:00:00Z", until="2026-11-03T00:00:00Z", tz="Europe/Berlin").since_ns == ns(
        2026, 11, 2
    )


def test_figures_come_greatest_first_and_words_forwards_unless_told() -> None:
    """`order` is a column of the answer, and its way may be said."""
    orders = ("requests", "tenant", "requests:asc", "tenant:desc")
    assert [ask("tenant", order=order).order for order in orders] == [
        Order("requests", descending=True),
        Order("tenant", descending=False),
        Order("requests", descending=False),
        Order("tenant", descending=True),
    ]


def test_the_promised_measures_are_there() -> None:
    """Readers rely on these names."""
    promised = (
        "requests attempts errors success_rate input_tokens output_tokens cache_read_tokens cache_write_tokens "
        "reasoning_tokens cost revenue cost_per_million_tokens output_per_input duration_p50_ms duration_p90_ms "
        "duration_p95_ms duration_p99_ms time_to_first_token_p50_ms time_to_first_token_p99_ms"
    )
    assert set(promised.split()) <= set(MEASURES)


@pytest.mark.parametrize("text", ["a;b", "INTO OutFile 'x'", "outfileoutfile", "it's", "\\", "\\';--", "a\0b"])
def test_no_value_can_make_a_reading_statement_refused(text: str) -> None:
    """What `one_reading_statement` looks for stands in no literal."""
    statement = f"SELECT {literal(text)}"
    assert one_reading_statement(statement) == statement
