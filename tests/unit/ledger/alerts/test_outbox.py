import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from support.alerting import WAIT_S_MAX, alert
from support.ledger_events import NOON_NS

from spanledger.ledger.alerts.alert import KINDS, Alert, Notice
from spanledger.ledger.alerts.courier import BACKOFF_S_MAX, BACKOFF_S_MIN, Courier, pause_ns
from spanledger.ledger.alerts.network import DeliveryError
from spanledger.ledger.alerts.outbox import GIVEN_UP_AFTER_NS, KEPT_NS, Delivery, Outbox
from spanledger.ledger.alerts.settings import Channel, Slack, Url, Wanted
from spanledger.ledger.alerts.telling import Terms
from spanledger.schemas import StoreUnavailableError

SECOND_NS = 10**9
TERMS = Terms(24 * 3600 * SECOND_NS, resolved=True)
NOWHERE = Slack(url=Url(https=True, host="hooks.example.com", port=443, target="/"))
CHANNELS = [Channel(name=name, wanted=Wanted(), target=NOWHERE) for name in ("a", "b")]
ALL = frozenset(KINDS)


class Clock:
    """A time that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now_ns = NOON_NS

    def __call__(self) -> int:
        """Now."""
        return self.now_ns


class Away:
    """A channel that takes nothing until it is back; what it was sent, with the times."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.failure: Exception | None = DeliveryError("h does not answer")
        self.attempts: list[tuple[str, Notice, float]] = []

    def __call__(self, sent_as: str, notice: Notice, at_s: int) -> None:
        """Fail, unless it is back."""
        assert at_s == self.clock.now_ns // SECOND_NS
        self.attempts.append((sent_as, notice, (self.clock.now_ns - NOON_NS) / SECOND_NS))
        if self.failure:
            raise self.failure


def noted(folder: Path, *firing: Alert, at_ns: int = NOON_NS) -> Outbox:
    """An outbox that was told what fires."""
    outbox = Outbox(folder)
    outbox.note(firing, ALL, CHANNELS, TERMS, at_ns)
    return outbox


def until_done(courier: Courier, clock: Clock) -> None:
    """Let time pass, as far as the courier waits each time."""
    for _ in range(10_000):
        wait_s = courier.deliver_due()
        if wait_s == 0 or clock.now_ns > NOON_NS + 3 * GIVEN_UP_AFTER_NS:
            return
        clock.now_ns += int(wait_s * SECOND_NS)


def test_what_is_noted_is_on_its_way_once_to_each_channel(tmp_path: Path) -> None:
    """Also after the process ended and another one noted the same."""
    assert noted(tmp_path, alert()).tally().waiting == 2
    again = noted(tmp_path, alert(), at_ns=NOON_NS + 60 * SECOND_NS)
    assert again.tally().waiting == 2
    assert again.tally().open == {"unpriced_model": 1}
    assert stat.S_IMODE(again.file.stat().st_mode) == 0o600


@pytest.mark.parametrize(("table", "column"), [("deliveries", "notice"), ("standing", "body")])
def test_a_row_that_this_version_cannot_read_is_the_file_s_failure(tmp_path: Path, table: str, column: str) -> None:
    """A kind of a newer version: the watch and the couriers outlive what they know, and nothing else."""
    outbox = noted(tmp_path, alert())
    with closing(sqlite3.connect(outbox.file)) as file, file:
        file.execute(f"UPDATE {table} SET {column} = CAST(replace({column}, 'unpriced_model', 'newer') AS BLOB)")
    with pytest.raises(StoreUnavailableError, match="the file of alerts"):
        _ = outbox.next_due("a", NOON_NS) if table == "deliveries" else outbox.tally()


def test_a_delivery_is_tried_again_under_its_id_until_it_is_taken(tmp_path: Path) -> None:
    """Twice as long between attempts each time; the other channel is no part of it."""
    outbox, clock = noted(tmp_path, alert()), Clock()
    away = Away(clock)
    courier = Courier("a", outbox, away, clock=clock, chance=lambda: 0.0)
    for _ in range(3):
        clock.now_ns += int(courier.deliver_due() * SECOND_NS)
    away.failure = None
    courier.deliver_due()
    assert [at for _, _, at in away.attempts] == [0, 5, 15, 35]
    assert len({sent_as for sent_as, _, _ in away.attempts}) == 1
    assert outbox.tally().outcomes == {"sent": 1, "retried": 3, "failed": 0}
    assert outbox.tally().waiting == 1
    assert Courier("a", Outbox(tmp_path), away, clock=clock).deliver_due() == 60


def test_attempts_spread_by_chance_and_have_a_longest_pause() -> None:
    """Down to half of the pause, never above an hour unless that is asked for."""
    assert pause_ns(0, 0.0, None) == BACKOFF_S_MIN * SECOND_NS
    assert pause_ns(0, 1.0, None) == BACKOFF_S_MIN / 2 * SECOND_NS
    assert pause_ns(10**6, 0.0, None) == BACKOFF_S_MAX * SECOND_NS
    assert pause_ns(0, 1.0, 30.0) == 30 * SECOND_NS


def test_what_nobody_takes_for_a_day_is_given_up_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says it once when it begins, and once at the end."""
    outbox, clock = noted(tmp_path, alert()), Clock()
    away = Away(clock)
    until_done(Courier("a", outbox, away, clock=clock, chance=lambda: 0.5), clock)
    (_, _, last), tally = away.attempts[-1], outbox.tally()
    assert 24 * 3600 <= last < 25 * 3600
    assert tally.outcomes == {"sent": 0, "retried": len(away.attempts) - 1, "failed": 1}
    assert len(away.attempts) < 50
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    (known,) = outbox.known()
    assert (known.deliveries, known.failure) == ({"failed": 1, "waiting": 1}, "h does not answer")


def test_what_is_gone_is_not_tried_again(tmp_path: Path) -> None:
    """A final answer ends a delivery."""
    outbox, clock = noted(tmp_path, alert()), Clock()
    away = Away(clock)
    away.failure = DeliveryError("h answers 410", final=True)
    Courier("a", outbox, away, clock=clock).deliver_due()
    assert outbox.tally().outcomes == {"sent": 0, "retried": 0, "failed": 1}


def test_a_bug_of_ours_loses_nothing_and_quotes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is tried again like every other failure; the log has its name only."""
    outbox, clock = noted(tmp_path, alert()), Clock()
    away = Away(clock)
    away.failure = KeyError("canary")
    Courier("a", outbox, away, clock=clock).deliver_due()
    assert outbox.tally().outcomes["retried"] == 1
    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


def test_what_is_on_its_way_to_a_channel_that_is_gone_ends(tmp_path: Path) -> None:
    """Its name is not in the file any more."""
    outbox = noted(tmp_path, alert())
    outbox.keep_only(["b"], NOON_NS)
    assert outbox.next_due("a", NOON_NS) is None
    assert isinstance(outbox.next_due("b", NOON_NS), Delivery)
    assert outbox.tally().outcomes["failed"] == 1


def test_what_ended_is_shown_for_a_week(tmp_path: Path) -> None:
    """Then it makes room."""
    outbox, clock = noted(tmp_path, alert()), Clock()
    away = Away(clock)
    away.failure = None
    Courier("a", outbox, away, clock=clock).deliver_due()
    outbox.note([alert()], ALL, [], TERMS, NOON_NS + KEPT_NS)
    assert outbox.known()[0].deliveries == {"sent": 1, "waiting": 1}
    outbox.note([alert()], ALL, [], TERMS, NOON_NS + KEPT_NS + 1)
    assert outbox.known()[0].deliveries == {"waiting": 1}


def test_a_courier_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """One channel never answers; the other one's delivery is taken meanwhile, and the stop does not wait for it."""
    outbox = noted(tmp_path, alert())
    hanging, release, taken = threading.Event(), threading.Event(), threading.Event()

    def hang(_sent_as: str, _notice: Notice, _at_s: int) -> None:
        hanging.set()
        release.wait(WAIT_S_MAX)

    couriers = [Courier("a", outbox, hang), Courier("b", outbox, lambda _sent_as, _notice, _at_s: taken.set())]
    couriers[0].start()
    assert hanging.wait(WAIT_S_MAX)
    couriers[1].start()
    assert taken.wait(WAIT_S_MAX)
    for courier in couriers:
        courier.stop()
    couriers[0].join(0)
    release.set()
    for courier in couriers:
        courier.join(WAIT_S_MAX)
    assert outbox.tally().outcomes["sent"] == 2


def test_a_courier_is_woken(tmp_path: Path) -> None:
    """What is noted while it waits is delivered at once."""
    outbox, taken = Outbox(tmp_path), threading.Event()
    courier = Courier("a", outbox, lambda _sent_as, _notice, _at_s: taken.set())
    courier.start()
    outbox.note([alert()], ALL, CHANNELS, TERMS, NOON_NS)
    courier.wake()
    assert taken.wait(WAIT_S_MAX)
    courier.stop()
    courier.join(WAIT_S_MAX)


def test_a_file_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    """Broken, or of a newer version: one sentence with its name."""
    (tmp_path / "alerts.sqlite").write_text("this is no database" * 100)
    with pytest.raises(StoreUnavailableError, match=r"alerts\.sqlite cannot be used"):
        Outbox(tmp_path).tally()
