"""Every rule over a real store: when it fires, when it does not, and what it says."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from support.alerting import NOON
from support.asking import post, query_of
from support.ledger_events import HOUR_NS, NOON_NS, event

from spanledger.exporter.journal import Entry, JournalWriter, Signal
from spanledger.exporter.store import Store
from spanledger.exporter.store.blocks import QuarantineRow, quarantine_block
from spanledger.ledger.alerts import questions, rules
from spanledger.ledger.alerts.alert import Alert
from spanledger.ledger.alerts.settings import AlertSettings, AnomalyRule, LagRule, QuarantineRule, Rules, SilenceRule
from spanledger.ledger.alerts.watch import Watch, lag_of
from spanledger.ledger.budgets.budget import Budget
from spanledger.ledger.budgets.states import states

DAY_NS: Final = 24 * HOUR_NS
UNPRICED: Final[dict[str, object]] = {"cost": None, "cost_state": "unpriced", "lines_amount": (None, None)}


def keys(alerts: Iterable[Alert]) -> list[str]:
    """Which matters."""
    return [each.key for each in alerts]


def unpriced(store: Store, requests: int = 1, now: datetime = NOON) -> list[Alert]:
    """What the rule of models without a price finds."""
    sql = questions.unpriced_sql(int(now.timestamp()) * 10**9, requests)
    return [*rules.unpriced_alerts(query_of(store)(sql), now)]


def silent(store: Store, hours_later: float, rule: SilenceRule | None = None) -> list[Alert]:
    """What the rule of services that stopped finds so long after noon."""
    now = NOON + timedelta(hours=hours_later)
    answer = query_of(store)(questions.silence_sql(int(now.timestamp()) * 10**9))
    return [*rules.silence_alerts(answer, rule or SilenceRule(), now)]


def test_the_first_call_without_a_price_is_told(store: Store) -> None:
    """One request is enough: what it cost is unknown, not zero. A priced model is none of this rule's."""
    post(store, event(1), event(2, **UNPRICED, model="gpt-x", tenant="acme", reported_cost=185 * 10**18))
    (alert,) = unpriced(store)
    assert (alert.key, alert.severity, alert.tenant) == ("unpriced_model:openai/gpt-x", "critical", "acme")
    assert alert.title == "no price for openai/gpt-x: 1 requests cost an unknown amount"
    assert alert.fields["cost_stated_by_senders"] == "185"
    assert (alert.fields["input_tokens"], alert.fields["output_tokens"]) == ("100", "20")


def test_a_price_that_comes_later_ends_it(store: Store) -> None:
    """As does a week without use; fewer requests than the threshold are not told."""
    charge = event(1, **UNPRICED, model="gpt-x")
    post(store, charge, event(2, **UNPRICED, model="gpt-x", tenant="globex"))
    assert [each.tenant for each in unpriced(store, requests=2)] == [""]
    assert unpriced(store, requests=3) == []
    assert unpriced(store, now=NOON + timedelta(days=7, seconds=1)) == []
    post(
        store,
        *(
            event(n, kind="adjustment", requests=0, charge_id=c.charge_id, tenant=c.tenant)
            for n, c in ((3, charge), (4, event(2, tenant="globex")))
        ),
    )
    assert unpriced(store) == []


def test_names_of_strangers_are_one_line(store: Store) -> None:
    """Whatever a model is called."""
    post(store, event(1, **UNPRICED, model="gpt\r\nBcc: x\x1b[31m\u202e" + "y" * 900))
    (alert,) = unpriced(store)
    assert all(text.isprintable() and len(text) < 500 for text in (alert.title, *alert.fields.values(), alert.key))


def hourly(store: Store, hours: Sequence[int], service: str = "checkout", **more: object) -> None:
    """A call that ended so many hours before noon, for each."""
    times = [NOON_NS - hour * HOUR_NS for hour in hours]
    post(store, *(event(n, time_ns=at, service_name=service, **more) for n, at in enumerate(times)))


def test_a_steady_service_that_stopped_is_told(store: Store) -> None:
    """It sent every hour for nine days: two hours without anything are silence, and one is not."""
    hourly(store, range(216))
    assert silent(store, 1.9) == silent(store, 2.9) == []
    (alert,) = silent(store, 3)
    assert (alert.key, alert.tenant) == ("silence:checkout/production", "acme")
    assert alert.title == "checkout (production) has sent nothing for 2 hours"
    assert alert.fields["threshold_hours"] == "2"
    assert silent(store, 3, SilenceRule(hours=3)) == []
    assert keys(silent(store, 24 * 6)) == ["silence:checkout/production"]


def test_a_pause_that_is_usual_is_no_silence(store: Store) -> None:
    """A service of working days: noon is Wednesday's, it sends from 9 to 17. Nights and weekends are its pauses.

    From Friday 17 o'clock to Monday 9 are 64 hours: 96 are silence.
    """
    working = [
        h
        for h in range(24 * 13)
        if 9 <= (NOON - timedelta(hours=h)).hour <= 17 and (NOON - timedelta(hours=h)).weekday() < 5
    ]
    hourly(store, working)
    assert silent(store, 96) == []
    (alert,) = silent(store, 97)
    assert (alert.fields["longest_pause_hours"], alert.fields["threshold_hours"]) == ("64", "96")


def test_the_pause_that_a_week_begins_with_counts() -> None:
    """Two working weeks, 9 to 17, that end on a Friday: the weekend lies before the first call of that last week."""
    monday = 24 * 7
    hours = [monday * week + 24 * day + hour for week in (0, 1) for day in range(5) for hour in range(9, 18)]
    assert rules.longest_pause(hours) == 64


def test_who_was_never_steady_cannot_fall_silent(store: Store) -> None:
    """A script that ran once, a service of three days, one that pauses for four days, one without a name."""
    hourly(store, [0], "once")
    hourly(store, range(72), "new")
    hourly(store, [0, 1, 2, 100, 101, 102, 200, 201, 202], "rare")
    hourly(store, range(216), "")
    assert silent(store, 60) == []


def test_a_clock_in_the_future_hides_no_silence(store: Store) -> None:
    """A call that claims to end next year is left out."""
    hourly(store, [*range(216), -24 * 300])
    assert keys(silent(store, 3)) == ["silence:checkout/production"]


def test_a_budget_tells_the_highest_threshold_once_in_its_window(store: Store) -> None:
    """Three calls at 0.000027 are 81 % of 0.0001; the key names window and threshold."""
    post(store, event(1), event(2), event(3))
    month = Budget(name="acme", scope={"tenant": "acme"}, window="month", limit=Decimal("0.0001"), hard=True)
    rest = Budget(name="all", window="rolling:P7D", limit=Decimal(1))
    now = NOON + timedelta(minutes=1)
    found = [*rules.budget_alerts(states(query_of(store), [month, rest], now), now)]
    (alert,) = found
    assert alert.key == "budget_threshold:acme/2026-04-01T00:00:00+00:00/80"
    assert (alert.severity, alert.tenant) == ("warning", "acme")
    assert alert.title == "budget acme has reached 80 % (0.000081 of 0.0001 USD)"
    assert "81.0 % of the limit" in alert.text
    assert "denied" in alert.text
    assert alert.fields["resets_at"] == "2026-05-01T00:00:00Z"


def test_a_budget_counts_what_has_no_price_at_its_worst(store: Store) -> None:
    """A peer that counts it as nothing never fires: here one call is above the limit, and the alert says why."""
    post(store, event(1, **UNPRICED))
    budget = Budget(name="b", window="total", limit=Decimal("0.1"))
    now = NOON + timedelta(minutes=1)
    (alert,) = rules.budget_alerts(states(query_of(store), [budget], now), now)
    assert (alert.key, alert.severity) == ("budget_threshold:b/total/100", "critical")
    assert "1 requests without a price are counted at 0.1" in alert.text


def test_a_dear_day_is_told_against_the_days_before(store: Store) -> None:
    """Ten days at 1 dollar, then 3: three times the mean. A user who always costs 3 is none."""
    usual = [event(n, time_ns=NOON_NS - n * DAY_NS, cost=10**18, user_id="u-1") for n in range(1, 11)]
    dear = [event(50 + n, time_ns=NOON_NS - n * DAY_NS, cost=3 * 10**18, user_id="u-2") for n in range(11)]
    post(store, *usual, *dear, event(99, cost=3 * 10**18, user_id="u-1"))
    looked = Looking(store, AnomalyRule())
    (alert,) = looked.at(NOON + timedelta(minutes=1))
    assert alert.key == "anomaly:user_id/acme/u-1/USD/2026-04-01"
    assert alert.title == "user_id u-1 of acme cost 3 USD on 2026-04-01"
    assert (alert.fields["mean_cost"], alert.fields["times"], alert.tenant) == ("1", "3.0", "acme")
    assert keys(looked.at(NOON + timedelta(hours=13))) == ["anomaly:user_id/acme/u-1/USD/2026-04-01"]
    assert looked.at(NOON + timedelta(hours=15)) == []
    assert Looking(store, AnomalyRule(factor=Decimal(4))).at(NOON) == []
    assert Looking(store, AnomalyRule(at_least=Decimal("3.01"))).at(NOON) == []


class Looking:
    """The watch's own look for anomalies, over a store."""

    def __init__(self, store: Store, rule: AnomalyRule) -> None:
        off = Rules(budget_threshold=False, anomaly=rule, unpriced_model=None, silence=None, journal_lag=None)
        self._watch = Watch(AlertSettings(channels=(), rules=off), query_of(store), Path("none"), budgets=lambda: ())
        self._rule = rule

    def at(self, now: datetime) -> list[Alert]:
        """What it finds at a time."""
        return [*self._watch.dear_days(self._rule, now)]


def test_what_waits_in_the_journal_is_told(tmp_path: Path) -> None:
    """By its size, or by the age of the oldest; nothing waits in an empty journal, or in none."""
    assert lag_of(tmp_path / "none") == rules.Lag(waiting_bytes=0)
    writer = JournalWriter(tmp_path / "journal", segment_bytes=1024 * 1024)
    try:
        assert lag_of(tmp_path / "journal").oldest_ns is None
        writer.append(Entry(b"x" * 10_000, Signal.TRACES, "*", "acme", 1)).result(timeout=10)
        lag = lag_of(tmp_path / "journal")
    finally:
        writer.close()
    assert 10_000 <= lag.waiting_bytes < 20_000
    assert lag.oldest_ns is not None
    received = datetime.fromtimestamp(lag.oldest_ns / 10**9, UTC)
    assert [*rules.lag_alerts(lag, LagRule(), received + timedelta(minutes=9))] == []
    (alert,) = rules.lag_alerts(lag, LagRule(), received + timedelta(minutes=11))
    assert (alert.key, alert.severity, alert.fields["damaged_shards"]) == ("journal_lag", "critical", "0")
    assert "the thresholds are 64 MB and 10 minutes" in alert.text
    large = rules.Lag(waiting_bytes=64 * 10**6, oldest_ns=lag.oldest_ns)
    assert keys(rules.lag_alerts(large, LagRule(), received)) == ["journal_lag"]


def test_a_shard_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Its usage waits for a person; the other shards are counted all the same."""
    root = tmp_path / "journal"
    for _ in range(2):
        writer = JournalWriter(root, segment_bytes=1024 * 1024)
        writer.append(Entry(b"x" * 10_000, Signal.TRACES, "*", "acme", 1)).result(timeout=10)
        writer.close()
    broken = min(path for path in root.iterdir() if path.is_dir())
    for segment in broken.glob("*.seg*"):
        segment.write_bytes(b"\xff" * segment.stat().st_size)
    lag = lag_of(root)
    assert (lag.damaged, lag.waiting_bytes > 0) == ((broken.name,), True)
    (alert,) = rules.lag_alerts(lag, LagRule(megabytes=1000, minutes=1000), NOON)
    assert "1 shards cannot be read" in alert.text


def test_growth_of_quarantine_is_told(store: Store) -> None:
    """What was set aside within the hour; older things are known, and no growth."""
    assert aside(store) == []
    set_aside(store, 1, NOON_NS - 2 * HOUR_NS)
    assert aside(store) == []
    set_aside(store, 2, NOON_NS - HOUR_NS // 2)
    (alert,) = aside(store)
    assert (alert.key, alert.title) == ("quarantine", "3 elements were set aside within an hour")
    assert "3: impossible <count>" in alert.text
    assert aside(store, elements=4) == []


def aside(store: Store, elements: int = 1) -> list[Alert]:
    """What the rule finds at noon."""
    answer = query_of(store)(questions.quarantine_sql(NOON_NS))
    return [*rules.quarantine_alerts(answer, QuarantineRule(elements=elements), NOON)]


def set_aside(store: Store, number: int, at_ns: int) -> None:
    """Three elements, as one thing."""
    row = QuarantineRow(
        quarantine_id=bytes([number]) * 16,
        received_at=at_ns,
        shard="s",
        seq=number,
        tenant="acme",
        scope="*",
        default_tenant="acme",
        signal="traces",
        reason="impossible <count>",
        trace_id="",
        span_id="",
        elements=3,
        payload=b"",
    )
    store.insert("ledger_quarantine", *quarantine_block([row]))


@pytest.mark.parametrize("hours", [[], [5]])
def test_of_one_call_nothing_can_be_said(hours: list[int]) -> None:
    """Nor of none."""
    assert rules.longest_pause(hours or [0]) is None
