"""Out of quarantine into the ledger: once, counted under one heading, whatever was cut off or sent again meanwhile."""

import threading
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.desk import Desk
from support.otlp import chat, request, span

from spanledger.exporter.decode import anyvalue
from spanledger.exporter.journal import Entry, Signal
from spanledger.exporter.pipeline import Pipeline
from spanledger.exporter.posting import batch
from spanledger.exporter.posting.aside import Aside
from spanledger.exporter.posting.quarantine import Quarantine
from spanledger.exporter.posting.tables import LedgerTables
from spanledger.exporter.settings import load
from spanledger.exporter.sift import sift
from spanledger.exporter.store import RefusedRowsError, Store
from spanledger.exporter.store.blocks import PostingRow
from spanledger.schemas import StoreUnavailableError
from spanledger.schemas.event import LedgerEvent

MANY = 5_000_000_000


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


@pytest.fixture
def quarantine(store: Store) -> Quarantine:
    """What a person decides by."""
    return Quarantine(store)


def impossible(number: int = 1) -> bytes:
    """A request with a call that used more than can be."""
    return request(span(chat(gen_ai__usage__input_tokens=MANY), span_id=number, trace_id=number))


def correct(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause is gone: so much is possible now."""
    monkeypatch.setattr(anyvalue, "COUNT_MAX", 10**12)


def held(desk: Desk) -> list[str]:
    """The ids of all that was ever set aside."""
    return [str(each) for (each,) in desk.store.query("SELECT quarantine_id FROM quarantine ORDER BY trace_id")]


def replay(desk: Desk, quarantine: Quarantine, ids: Sequence[str]) -> Counter[str]:
    """Journal it again and post."""
    for entry in quarantine.entries(ids):
        desk.writer.append(entry).result(timeout=10)
    return desk.post()


def assert_exact(desk: Desk) -> Counter[str]:
    """The sums over all postings: they balance, and `quarantined` is what lies in quarantine."""
    rows = desk.store.query(
        "SELECT outcome, sum(spans) FROM ledger_postings FINAL"
        " ARRAY JOIN mapKeys(counts) AS outcome, mapValues(counts) AS spans GROUP BY outcome"
    )
    sums = Counter({str(outcome): int(str(spans)) for outcome, spans in rows})
    assert sums["accepted"] == sums.total() - sums["accepted"]
    [(lies,)] = desk.store.query("SELECT sum(elements) FROM quarantine WHERE state != 'replayed'")
    assert sums["quarantined"] == lies
    return +sums


def test_what_is_possible_now_moves_into_the_ledger_once(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its tenant; replaying it again, or sending it again, changes nothing."""
    desk.receive(impossible(), scope="acme", tenant="acme")
    desk.post(request(span(chat(), span_id=2, trace_id=2)))
    [each] = held(desk)
    assert replay(desk, quarantine, [each]) == Counter()
    assert [(found.state, found.reason) for found in quarantine.outcomes([each])] == [
        ("open", "gen_ai.usage.input_tokens is not from 0 to 1000000000")
    ]
    assert assert_exact(desk) == Counter({"accepted": 2, "charged": 1, "quarantined": 1})
    correct(monkeypatch)
    waiting = [*quarantine.entries([each, each])]
    assert len(waiting) == 1
    assert replay(desk, quarantine, [each]) == Counter({"charged": 1, "quarantined": -1})
    assert quarantine.outcomes([each])[0].state == "replayed"
    assert desk.store.query(f"SELECT tenant, scope FROM charges WHERE input_tokens = {MANY}") == [("acme", "acme")]
    # One that was journaled before the other was posted finds nothing to take out, also after a restart.
    desk.writer.append(waiting[0]).result(timeout=10)
    assert desk.post() == Counter()
    desk.restart()
    desk.writer.append(waiting[0]).result(timeout=10)
    assert desk.post() == Counter()
    assert [*quarantine.entries([each])] == []
    desk.receive(impossible(), scope="acme", tenant="acme")
    assert desk.post()["duplicates"] == 1
    assert desk.sums()[:2] == (2, MANY + 100)
    assert assert_exact(desk) == Counter({"accepted": 3, "charged": 2, "duplicates": 1})


def test_what_is_sent_again_is_set_aside_once(desk: Desk) -> None:
    """By content: twice in one request, in another posting, in other company. Another tenant's is another."""
    twice = span(chat(gen_ai__usage__input_tokens=MANY))
    assert desk.post(request(twice, twice)) == Counter({"accepted": 2, "quarantined": 1, "duplicates": 1})
    assert desk.post(request(span(chat(), span_id=2), twice))["duplicates"] == 1
    desk.receive(impossible(), scope="acme", tenant="acme")
    assert desk.post()["quarantined"] == 1
    assert len(held(desk)) == 2
    assert assert_exact(desk)["quarantined"] == 2


def test_a_replay_that_a_crash_cuts_off_counts_once(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything but the commit mark was stored, of the setting aside and of the replay: both are posted again."""
    tables = desk.poster.tables

    def away(_: Sequence[PostingRow]) -> None:
        msg = "the store is away"
        raise StoreUnavailableError(msg)

    for number in (1, 2):
        desk.receive(impossible(number))
    monkeypatch.setattr(tables, "insert_postings", away)
    with pytest.raises(StoreUnavailableError):
        desk.poster.post_waiting()
    desk.restart()
    assert desk.post()["quarantined"] == 2
    assert assert_exact(desk)["quarantined"] == 2
    with monkeypatch.context() as later:
        correct(later)
        later.setattr(desk.poster.tables, "insert_postings", away)
        with pytest.raises(StoreUnavailableError):
            replay(desk, quarantine, held(desk))
        desk.restart()
        assert desk.post() == Counter({"charged": 2, "quarantined": -2})
    assert desk.sums()[0] == 2
    assert assert_exact(desk) == Counter({"accepted": 2, "charged": 2})


def test_what_is_discarded_stays_counted_and_kept(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discarding twice is one decision; an id of nothing changes nothing; a replay may change that, for good."""
    desk.post(impossible())
    [each] = held(desk)
    for why in ("a test's", "again"):
        quarantine.discard([each, "00" * 16, "'; DROP TABLE ledger_quarantine --"], why)
    assert desk.store.query("SELECT state, why, elements FROM quarantine") == [("discarded", "a test's", 1)]
    assert desk.store.query("SELECT count() FROM ledger_quarantine_decisions") == [(1,)]
    assert [found.state for found in quarantine.outcomes(["x", each.upper()])] == ["unknown", "discarded"]
    assert assert_exact(desk) == Counter({"accepted": 1, "quarantined": 1})
    correct(monkeypatch)
    assert replay(desk, quarantine, [each])["charged"] == 1
    quarantine.discard([each], "too late")
    assert quarantine.outcomes([each])[0].state == "replayed"
    assert assert_exact(desk) == Counter({"accepted": 1, "charged": 1})


def test_either_engine_keeps_decisions(any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same statements over HTTP: a replay in vain, a discard in somebody's own words, a replay."""
    desk, quarantine, why = Desk(any_store, tmp_path / "journal"), Quarantine(any_store), "it's \\ a \n{test:String}"
    desk.post(impossible())
    ids = held(desk)
    replay(desk, quarantine, ids)
    quarantine.discard(ids, why)
    assert any_store.query("SELECT state, why FROM quarantine") == [("discarded", why)]
    assert assert_exact(desk)["quarantined"] == 1
    correct(monkeypatch)
    replay(desk, quarantine, ids)
    desk.writer.close()
    decisions = any_store.query("SELECT decision FROM ledger_quarantine_decisions FINAL ORDER BY decision")
    assert decisions == [("discarded",), ("failed",), ("replayed",)]
    assert assert_exact(desk) == Counter({"accepted": 1, "charged": 1})


def test_a_whole_record_comes_out_in_its_parts(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that could not be read back, of four elements: when it can, each of them ends somewhere."""
    bad = span(chat(gen_ai__usage__input_tokens=MANY), span_id=2, trace_id=2)
    payload = sift(request(span(chat()), bad, span(chat(), span_id=3, trace_id=3))).payload
    read = batch.sift

    def unreadable(body: bytes, signal: str) -> object:
        if body == payload:
            msg = "of another version"
            raise batch.Refused(msg)
        return read(body, signal)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(batch, "sift", unreadable)
    desk.writer.append(Entry(payload, Signal.TRACES, "*", "acme", 4)).result(timeout=10)
    assert desk.post() == Counter({"accepted": 4, "quarantined": 4})
    whole = held(desk)
    assert replay(desk, quarantine, whole) == Counter()
    assert "of another version" in quarantine.outcomes(whole)[0].reason
    monkeypatch.undo()
    moved = replay(desk, quarantine, whole)
    assert moved == Counter({"charged": 2, "not_usage": 1, "quarantined": -3})
    assert sorted(found.state for found in quarantine.outcomes(held(desk))) == ["open", "replayed"]
    assert assert_exact(desk) == Counter({"accepted": 4, "charged": 2, "not_usage": 1, "quarantined": 1})


def test_what_the_store_refuses_is_replayed_when_it_takes_it(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused once more it stays where it is, and its neighbours in the same posting are booked."""
    append, refused = LedgerTables.append_events, {1, 2}

    def refusing(tables: LedgerTables, events: Sequence[LedgerEvent]) -> None:
        if refused & {int(event.trace_id, 16) for event in events}:
            msg = "a constraint"
            raise RefusedRowsError(msg)
        append(tables, events)

    monkeypatch.setattr(LedgerTables, "append_events", refusing)
    for number in (1, 2, 3):
        desk.receive(request(span(chat(), span_id=number, trace_id=number)))
    assert desk.post() == Counter({"accepted": 3, "quarantined": 2, "charged": 1})
    desk.restart()
    refused.discard(2)
    replay(desk, quarantine, held(desk))
    assert [found.state for found in quarantine.outcomes(held(desk))] == ["open", "replayed"]
    assert desk.sums()[0] == 2
    refused.clear()
    desk.restart()
    replay(desk, quarantine, held(desk))
    assert desk.sums()[0] == 3
    assert assert_exact(desk) == Counter({"accepted": 3, "charged": 3})


def test_a_journal_without_room_is_told_and_nothing_is_taken_out(store: Store, tmp_path: Path) -> None:
    """Of the replay as a whole, as the public error that a command ends with."""
    pipeline = Pipeline(load({}, store=str(tmp_path), data=str(tmp_path / "journal")), store)
    desk = Desk(store, tmp_path / "journal")
    desk.post(impossible())
    desk.writer.close()
    pipeline.writer.close()
    with pytest.raises(StoreUnavailableError, match="the journal does not take what is replayed"):
        pipeline.replay(held(desk))
    assert assert_exact(desk) == Counter({"accepted": 1, "quarantined": 1})


def test_a_rebuilt_ledger_decides_for_itself(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal posted anew, with the cause gone: the first record books it, and the replay finds nothing aside."""
    desk.post(impossible())
    again = [*quarantine.entries(held(desk))]
    for table in ("ledger_quarantine", "ledger_quarantine_decisions", "ledger_postings"):
        desk.store.command(f"TRUNCATE TABLE {table}")
    desk.restart()
    correct(monkeypatch)
    desk.receive(impossible())
    desk.writer.append(again[0]).result(timeout=10)
    assert desk.post() == Counter({"accepted": 1, "charged": 1})
    assert desk.sums()[0] == 1


def test_in_one_posting_set_aside_and_taken_out(
    desk: Desk, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, while it is impossible in its own record: the replay of the same batch knows of it."""
    desk.post(impossible())
    again = [*quarantine.entries(held(desk))]
    for table in ("ledger_quarantine", "ledger_postings"):
        desk.store.command(f"TRUNCATE TABLE {table}")
    desk.restart()
    decode, first = batch.decode, [True]

    def correcting(record: batch.UsageRecord, credential: batch.Credential) -> object:
        if not first:
            correct(monkeypatch)
        first.clear()
        return decode(record, credential)

    monkeypatch.setattr(batch, "decode", correcting)
    desk.receive(impossible())
    for entry in (*again, *again):
        desk.writer.append(entry).result(timeout=10)
    assert +desk.post() == Counter({"accepted": 1, "charged": 1})
    assert quarantine.outcomes(held(desk))[0].state == "replayed"
    assert_exact(desk)


def test_two_posters_that_replay_one_thing_at_once_book_it_once(
    store: Store, quarantine: Quarantine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find it in quarantine before either has taken it out: one charge, and it is out of quarantine once."""
    one, other = (Desk(store, tmp_path / name, shared=True) for name in ("one", "other"))
    one.post(impossible())
    correct(monkeypatch)
    [waiting] = quarantine.entries(held(one))
    for desk in (one, other):
        desk.writer.append(waiting).result(timeout=10)
    asked, looked = other.poster.tables.aside, list[object]()

    def overtaken(ids: Iterable[bytes]) -> dict[bytes, Aside]:
        found = asked(ids)
        if not looked:
            looked.append(one.poster.post_waiting())
        return found

    monkeypatch.setattr(other.poster.tables, "aside", overtaken)
    other.post()
    assert looked == [Counter({"charged": 1, "quarantined": -1})]
    assert [found.state for found in quarantine.outcomes(held(one))] == ["replayed"]
    assert one.sums()[:2] == (1, MANY)
    assert assert_exact(one)["quarantined"] == 0
    for desk in (one, other):
        desk.restart()
        assert desk.post() == Counter()
        desk.writer.close()
    assert one.sums()[:2] == (1, MANY)


def test_two_commands_that_replay_one_thing_at_once_book_it_once(
    store: Store, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both through one server, each in a thread of its own: both are told that it is in the ledger."""
    desk.post(impossible())
    [each] = held(desk)
    correct(monkeypatch)
    pipeline = Pipeline(load({}, store=str(tmp_path), data=str(desk.root)), store)
    together = threading.Barrier(2)
    entries = pipeline.quarantine.entries

    def at_once(ids: Iterable[str]) -> list[Entry]:
        found = [*entries(ids)]
        together.wait(10)
        return found

    monkeypatch.setattr(pipeline.quarantine, "entries", at_once)
    with ThreadPoolExecutor(2) as commands:
        told = [*commands.map(pipeline.replay, [[each], [each]])]
    pipeline.writer.close()
    assert [[found.state for found in outcomes] for outcomes in told] == [["replayed"], ["replayed"]]
    assert desk.sums()[:2] == (1, MANY)
    assert assert_exact(desk) == Counter({"accepted": 1, "charged": 1})
