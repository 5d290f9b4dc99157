"""Measures over time in the real engine: every bucket is there, nothing is lost between the lines."""

from decimal import Decimal
from typing import Any

import pytest
from support.asking import post, query_of, sum_up
from support.ledger_events import HOUR_NS, NOON_NS, event, reversal

from spanledger.exporter.store import Store
from spanledger.ledger.queries import answer, ask, series
from spanledger.ledger.tables import Series
from spanledger.schemas import ConfigurationError, LedgerEvent
from spanledger.schemas.event import ATTO

DAY_NS = 24 * HOUR_NS
CENT = ATTO // 100
APRIL: dict[str, Any] = {"since": "2026-04-01", "until": "2026-04-08"}


def told(store: Store, **asked: Any) -> Series:  # noqa: ANN401 (as `series` takes them)
    """A series of an open store."""
    return series(query_of(store), **{**APRIL, **asked})


def lines(answer_: Series, measure: str) -> dict[str | None, list[Any]]:
    """Each group's values of a measure."""
    return {group.name: group.measures[measure] for group in answer_.groups}


def reported(store: Store, by: str, measure: str, currency: str = "USD", tz: str = "UTC") -> dict[Any, Decimal]:
    """What a report says of the same time: dimensions → an exact sum; money of one currency, counts of all."""
    asked = ask(by, measures=("requests", measure), since=APRIL["since"], until=APRIL["until"], tz=tz)
    found: dict[Any, Decimal] = {}
    for record in answer(query_of(store), asked).records():
        if record[measure] is not None and (measure != "cost" or record["currency"] == currency):
            key = tuple(record[name] for name in asked.by)
            found[key] = found.get(key, Decimal(0)) + Decimal(str(record[measure]))
    return {key: value for key, value in found.items() if value}


def summed(values: list[Any]) -> Decimal:
    """Exactly; unknown is left out."""
    return sum((Decimal(value) for value in values if value is not None), Decimal(0))


def test_every_bucket_is_there_and_nothing_used_is_zero_while_unknown_is_none(store: Store) -> None:
    """A day without calls cost nothing; a day whose calls nobody could price cost nobody knows what."""
    unpriced = {"cost": None, "currency": "", "cost_state": "unpriced", "input_tokens": None}
    post(store, event(1), event(2), event(3, time_ns=NOON_NS + 2 * DAY_NS, **unpriced))
    answered = told(store, measures="cost,requests,input_tokens")
    assert answered.buckets == [f"2026-04-0{day}" for day in range(1, 8)]
    assert answered.totals == {
        "cost": ["0.000054", "0", None, "0", "0", "0", "0"],
        "requests": [2, 0, 1, 0, 0, 0, 0],
        "input_tokens": [200, 0, None, 0, 0, 0, 0],
    }
    assert answered.sums == {"cost": "0.000054", "requests": 3, "input_tokens": 200}
    assert (answered.currency, answered.currencies, answered.groups) == ("USD", ["USD"], [])
    assert answered.shares["unpriced_share"] == pytest.approx(1 / 3, abs=1e-6)
    assert answered.edges[:2] == ["2026-04-01T00:00:00+00:00", "2026-04-02T00:00:00+00:00"]
    assert len(answered.edges) == 8
    assert answered.before == ["2026-03-25T00:00:00+00:00", "2026-04-01T00:00:00+00:00"]


def many(store: Store) -> list[LedgerEvent]:
    """Seven days of twelve models of three tenants in two currencies, some unpriced, some taken back."""
    events = [
        event(
            number,
            time_ns=NOON_NS + (number % 7) * DAY_NS,
            model=f"m-{number % 12:02}",
            tenant=f"t-{number % 3}",
            user_id=f"u-{number % 12}",
            cost=None if number % 11 == 0 else (number + 1) * 10**7 + 1,
            cost_state="unpriced" if number % 11 == 0 else "priced",
            currency="" if number % 11 == 0 else ("EUR" if number % 5 == 0 else "USD"),
        )
        for number in range(200)
    ]
    events += [reversal(each) for each in events[::13]]
    post(store, *events)
    return events


@pytest.mark.parametrize("by", ["model", "user_id"])
@pytest.mark.parametrize("clean", ["no day", "every day", "all but one"])
@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_the_groups_and_the_rest_are_the_whole_to_the_last_digit(
    store: Store, by: str, clean: str, currency: str
) -> None:
    """From the events and from the daily sums; as a report says it, bucket by bucket and group by group."""
    events = many(store)
    if clean != "no day":
        sum_up(store, events)
    if clean == "all but one":
        post(store, event(1_000, time_ns=NOON_NS + DAY_NS, model="m-03", user_id="u-3", currency="EUR", cost=1))
    answered = told(store, by=by, top=4, currency=currency, measures="cost,requests")
    assert [group.rest for group in answered.groups] == [False] * 4 + [True]
    assert [group.groups for group in answered.groups] == [1, 1, 1, 1, 8]
    assert answered.currencies == ["USD", "EUR"]
    for measure in ("cost", "requests"):
        of_days = reported(store, "day", measure, currency)
        of_groups = reported(store, by, measure, currency)
        of_both = reported(store, f"{by},day", measure, currency)
        for place, day in enumerate(answered.buckets):
            column = [group.measures[measure][place] for group in answered.groups]
            assert summed(column) == summed([answered.totals[measure][place]]) == of_days.get((day,), Decimal(0))
            for group in answered.groups[:-1]:
                value = group.measures[measure][place]
                assert summed([value]) == of_both.get((group.name, day), Decimal(0))
        assert summed([answered.sums[measure]]) == sum(of_groups.values(), Decimal(0))
        for group in answered.groups[:-1]:
            assert Decimal(group.sums[measure]) == of_groups[group.name,] == summed(group.measures[measure])
        shown = {group.name for group in answered.groups}
        others = sum((cost for (name,), cost in of_groups.items() if name not in shown), Decimal(0))
        assert Decimal(answered.groups[-1].sums[measure]) == others
    largest = sorted(reported(store, by, "cost", currency).items(), key=lambda each: (-each[1], each[0]))
    assert [group.name for group in answered.groups[:-1]] == [name for (name,), _ in largest[:4]]


def test_money_of_two_currencies_is_never_added_and_the_busiest_is_shown(store: Store) -> None:
    """Counts are of all events; who paid in another currency cost nothing in this one."""
    euros = [event(n, tenant="globex", currency="EUR", cost=CENT) for n in range(2, 5)]
    post(store, event(1, cost=5 * CENT), *euros)
    answered = told(store, by="tenant")
    assert (answered.currency, answered.currencies) == ("EUR", ["EUR", "USD"])
    assert answered.sums == {"cost": "0.03", "requests": 4}
    assert [(g.name, g.sums["cost"], g.sums["requests"]) for g in answered.groups] == [
        ("globex", "0.03", 3),
        ("acme", "0", 1),
    ]
    dollars = told(store, by="tenant", currency="USD")
    assert [(g.name, g.sums["cost"]) for g in dollars.groups] == [("acme", "0.05"), ("globex", "0")]
    assert told(store, currency="JPY").sums == {"cost": "0", "requests": 4}


def test_ten_thousand_groups_are_a_few_lines_and_the_rest(store: Store) -> None:
    """The largest each, the others as one, exact; more than fifty lines are not told."""
    post(store, *(event(n, user_id=f"u-{n:05}", cost=n * CENT) for n in range(10_000)))
    answered = told(store, by="user_id", top=2)
    assert [(g.name, g.rest, g.groups, g.sums["cost"]) for g in answered.groups] == [
        ("u-09999", False, 1, "99.99"),
        ("u-09998", False, 1, "99.98"),
        (None, True, 9_998, "499750.03"),
    ]
    assert answered.sums == {"cost": "499950", "requests": 10_000}
    assert len(told(store, by="user_id", top=50).groups) == 51
    with pytest.raises(ConfigurationError, match="top 51 is no number of groups"):
        told(store, by="user_id", top=51)


def test_days_of_a_zone_have_its_hours(store: Store) -> None:
    """Berlin's 25 October 2026 has 25: hours are told apart by their offsets, and each event is in its own."""
    first = 1_792_879_200 * 10**9
    """2026-10-24T22:00:00Z, where that day begins."""
    post(store, *(event(n, time_ns=first + n * HOUR_NS + 1) for n in range(25)))
    day = {"since": "2026-10-25", "until": "2026-10-26", "tz": "Europe/Berlin", "measures": "requests"}
    hours = told(store, bucket="hour", **day)
    assert hours.totals["requests"] == [1] * 25
    assert hours.buckets[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert hours.buckets == hours.edges[:-1]
    days = told(store, bucket="day", **day)
    assert (days.buckets, days.totals["requests"]) == (["2026-10-25"], [25])
    assert days.edges == ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"]
    spring = told(store, bucket="hour", since="2026-03-29", until="2026-03-30", tz="Europe/Berlin")
    assert len(spring.buckets) == 23


@pytest.mark.parametrize("tz", ["Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"])
def test_hours_of_odd_zones_lose_nothing(store: Store, tz: str) -> None:
    """Offsets of halves and quarters of an hour, and clocks that are set back by half of one."""
    first = 1_775_260_800 * 10**9
    """2026-04-04T00:00:00Z: Lord Howe sets its clocks back the day after."""
    post(store, *(event(n, time_ns=first + n * HOUR_NS // 4) for n in range(200)))
    answered = told(store, bucket="hour", tz=tz, since="2026-04-03", until="2026-04-08", measures="requests")
    assert sum(answered.totals["requests"]) == 200
    assert max(answered.totals["requests"]) <= 6


def test_weeks_and_months_are_named_as_a_report_names_them(store: Store) -> None:
    """The first and the last are cut to the time that was asked for, and say where."""
    post(store, event(1), event(2, time_ns=NOON_NS + 40 * DAY_NS))
    weeks = told(store, bucket="week", since="2026-03-31", until="2026-04-15", measures="requests")
    assert (weeks.buckets, weeks.totals["requests"]) == (["2026-W14", "2026-W15", "2026-W16"], [1, 0, 0])
    assert weeks.edges == [f"2026-{day}T00:00:00+00:00" for day in ("03-31", "04-06", "04-13", "04-15")]
    months = told(store, bucket="month", since="2025-12-31", until="2026-06-01", measures="requests")
    assert months.buckets == ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    assert months.totals["requests"] == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("since", "until", "kind", "count"),
    [
        ("2026-04-01", "2026-04-02", "hour", 24),
        ("2026-04-01T10:30:00Z", "2026-04-01T10:45:00Z", "hour", 1),
        ("2026-04-01", "2026-05-01", "day", 30),
        ("2026-01-01", "2027-01-01", "week", 53),
        ("2020-01-01", "2027-01-01", "month", 84),
        ("1900-01-01", "2262-01-01", "month", 4_344),
    ],
)
def test_auto_is_the_finest_that_can_be_read(store: Store, since: str, until: str, kind: str, count: int) -> None:
    """About a hundred at most, but for months."""
    answered = told(store, since=since, until=until)
    assert (answered.bucket, len(answered.buckets)) == (kind, count)


@pytest.mark.parametrize("by", ["currency", "model,currency", ("currency",)])
def test_currencies_are_no_groups(store: Store, by: str | tuple[str, ...]) -> None:
    """One is chosen; an answer without a line would look like no use at all."""
    with pytest.raises(ConfigurationError, match="of one currency"):
        told(store, by=by)


def test_a_year_by_hour_is_refused_and_told_what_would_fit(store: Store) -> None:
    """One sentence with the cure."""
    with pytest.raises(ConfigurationError, match=r"more than 1500 buckets of one hour: .* bucket=day"):
        told(store, bucket="hour", since="2026-01-01", until="2027-01-01")
    with pytest.raises(ConfigurationError, match=r"more than 1500 buckets of one day: .* bucket=week"):
        told(store, bucket="day", since="2006-01-01", until="2027-01-01")
    with pytest.raises(ConfigurationError, match="bucket 'year' is none; choose from auto, hour, day, week, month"):
        told(store, bucket="year")


def test_a_time_in_which_nothing_was_is_a_line_of_zeros(store: Store) -> None:
    """And a ledger without events has no buckets to show, unless it was said which."""
    answered = told(store, by="model")
    assert (answered.groups, answered.totals) == ([], {"cost": ["0"] * 7, "requests": [0] * 7})
    assert (answered.currency, answered.currencies, answered.sums) == (None, [], {"cost": "0", "requests": 0})
    assert set(answered.shares.values()) == {None}
    open_ended = series(query_of(store))
    assert (open_ended.buckets, open_ended.edges, open_ended.before) == ([], [], None)


def test_an_open_end_is_that_of_the_events(store: Store) -> None:
    """Whole days of the zone, from the first with an event to the last."""
    post(store, event(1), event(2, time_ns=NOON_NS + 3 * DAY_NS), event(3, tenant="globex", time_ns=NOON_NS - DAY_NS))
    mine = series(query_of(store), where={"tenant": "acme"}, tz="Asia/Tokyo", bucket="day", measures="requests")
    assert (mine.buckets[0], mine.buckets[-1], mine.totals["requests"]) == ("2026-04-01", "2026-04-04", [1, 0, 0, 1])
    later = series(query_of(store), since="2026-04-02", bucket="day", measures="requests")
    assert (later.buckets, later.totals["requests"]) == (["2026-04-02", "2026-04-03", "2026-04-04"], [0, 0, 1])
    confined = series(query_of(store), tenants=frozenset({"globex"}), bucket="day", measures="requests")
    assert (confined.buckets, confined.totals["requests"]) == (["2026-03-31"], [1])


def test_rates_are_made_of_sums_and_quantiles_of_the_charges(store: Store) -> None:
    """Of a line that sums up others too; a quantile of several groups is refused."""
    ok = [event(n, duration_ms=100 * n, user_id=f"u-{n}") for n in range(1, 4)]
    failed = event(4, status="error", duration_ms=400, user_id="u-4", time_ns=NOON_NS + DAY_NS)
    post(store, *ok, failed)
    by_user = told(store, by="user_id", top=1, measures="requests,success_rate")
    assert [group.sums["success_rate"] for group in by_user.groups] == [1.0, pytest.approx(2 / 3, abs=1e-6)]
    assert by_user.groups[1].measures["success_rate"] == [1.0, 0.0, None, None, None, None, None]
    times = told(store, measures="requests,duration_p50_ms,success_rate")
    assert times.totals["duration_p50_ms"] == [200, 400, None, None, None, None, None]
    assert times.sums == {"requests": 4, "duration_p50_ms": 300, "success_rate": 0.75}
    with pytest.raises(ConfigurationError, match="'duration_p50_ms' of several groups is not the sum of theirs"):
        told(store, by="user_id", measures="requests,duration_p50_ms")
    with pytest.raises(ConfigurationError, match="'success_rate' cannot say which groups are large"):
        told(store, by="user_id", measures="success_rate")


def test_revenue_is_of_its_own_currency(store: Store) -> None:
    """What is sold in the chosen currency, whatever the cost was in."""
    post(
        store,
        event(1, cost=CENT, currency="USD", revenue=3 * CENT, revenue_currency="EUR"),
        event(2, cost=CENT, currency="USD", revenue=2 * CENT, revenue_currency="USD"),
    )
    assert told(store, by="model", measures="revenue,cost").groups[0].sums == {"revenue": "0.02", "cost": "0.02"}
    assert told(store, measures="revenue,cost", currency="EUR").sums == {"revenue": "0.03", "cost": "0"}


HOSTILE = ("<script>alert(1)</script>", "", "x' OR 1 = 1 --", "a;b", "into OUTfile 'f'", "é😀", "\0", "back\\slash")


def test_names_are_told_as_they_are(store: Store) -> None:
    """Whatever is in them; who has no name is a group too, and is not the rest."""
    post(store, *(event(n, feature=name, cost=(n + 1) * CENT) for n, name in enumerate(HOSTILE)))
    answered = told(store, by="feature", top=len(HOSTILE), currency="USD")
    assert [group.name for group in answered.groups] == [*reversed(HOSTILE)]
    assert not any(group.rest for group in answered.groups)
    assert told(store, by="feature", top=7).groups[-1].groups == 1
    for n, name in enumerate(HOSTILE):
        [group] = told(store, by="feature", where={"feature": name}).groups
        assert (group.name, group.sums["cost"]) == (name, f"0.0{n + 1}")
    assert told(store, by="feature", currency="US'D").sums["cost"] == "0"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"by": "tenant,model"}, "by 'tenant,model' is not one word"),
        ({"by": "day"}, "by 'day' is not one word"),
        ({"by": "colour"}, "'colour' is no dimension"),
        ({"measures": ""}, "a series without measures"),
        ({"measures": "joy"}, "'joy' is no measure"),
        ({"top": 0}, "top 0 is no number of groups"),
        ({"tz": "Mars/Olympus"}, "no IANA time zone"),
    ],
)
def test_a_series_that_cannot_be_is_refused_in_one_sentence(store: Store, asked: dict[str, Any], sentence: str) -> None:
    """Before the store is asked."""
    del store

    def unasked(sql: str) -> Any:  # noqa: ANN401
        raise AssertionError(sql)

    with pytest.raises(ConfigurationError) as refused:
        series(unasked, **{**APRIL, **asked})
    assert sentence in str(refused.value)
