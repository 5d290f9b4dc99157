"""Whoever is told of posted events is told of each, at least once, in its own time; the ledger does not notice."""

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from posthog import Posthog
from support.commands import Serve, run
from support.desk import Desk
from support.otlp import NOON_NS, chat, request, span
from support.scripted_receiver import Reply, ScriptedReceiver, scripted_receiver

from spanledger.exporter.store import Store
from spanledger.ledger.sinks import Event, JsonLines, PostHog, SinkAwayError, deliver, feed
from spanledger.ledger.sinks.feed import Query
from spanledger.ledger.sinks.progress import Progress
from spanledger.ledger.sinks.settings import sinks_of
from spanledger.ledger.tables import Table, table_of
from spanledger.schemas import ConfigurationError

OPTED_OUT: Final = {"ledger__analytics": "false"}


def asking(store: Store) -> Query:
    """Ask a store as people do."""

    def query(sql: str) -> Table:
        answer = store.query_user(sql)
        return table_of(answer.columns, answer.types, answer.rows)

    return query


def lines(path: Path) -> list[dict[str, Any]]:
    """What a file was told."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(receiver: ScriptedReceiver) -> list[dict[str, Any]]:
    """Every event that PostHog was sent, refused or not."""
    bodies = (sent.body for sent in receiver.sent)
    texts = (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body for body in bodies)
    return [event for text in texts for event in json.loads(text)["batch"]]


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """Of sinks that begin."""
    return Progress(tmp_path / "data")


def test_the_folder_that_progress_makes_is_its_owner_s(tmp_path: Path) -> None:
    """The journal may come later, and takes the folder as it is."""
    Progress(tmp_path / "data").close()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_file_has_every_event_once_and_sums_are_the_ledger_s(
    any_store: Store, tmp_path: Path, progress: Progress
) -> None:
    """A call, a try that failed, and a call whose span comes again fuller: taken back and charged anew."""
    desk, file = Desk(any_store, tmp_path / "journal"), tmp_path / "told.jsonl"
    query, sink = asking(any_store), JsonLines(file)
    desk.post(request(span(chat(), span_id=1), span(chat(**OPTED_OUT), span_id=2, trace_id=2)))
    assert deliver(query, sink, progress).events == 1
    failed = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
    fuller = chat(gen_ai__usage__cache_read__input_tokens=40)
    desk.post(request(span(failed, span_id=3, trace_id=3, error=True), span(fuller, span_id=1)))
    assert deliver(query, sink, progress).events == 3
    assert deliver(query, sink, progress) == deliver(query, sink, progress)
    found = lines(file)
    assert Counter(event["kind"] for event in found) == {"charge": 2, "reversal": 1, "attempt": 1}
    assert len({event["event_id"] for event in found}) == 4
    [(cost, count)] = any_store.query(
        "SELECT sum(cost), toInt64(sum(input_tokens)) FROM ledger_events FINAL WHERE metadata['analytics'] = ''"
    )
    assert sum(Decimal(event["cost"]) for event in found if event["cost"]) == cost
    assert sum(event["input_tokens"] or 0 for event in found) == count
    # 60 at 0.15, 40 read from the cache at 0.075, 20 at 0.60 US dollars a million.
    last = next(event for event in found if event["cache_read_tokens"] == 40)
    assert last["cost"] == "0.000024"
    assert last["lines"][0] == {
        "unit": "input_tokens",
        "quantity": 60,
        "unit_price": "0.00000015",
        "amount": "0.000009",
    }


def test_more_than_a_page_is_told_in_pages(
    store: Store, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when all of it was posted within the last minute, which is read again."""
    query, sink = asking(store), JsonLines(tmp_path / "told.jsonl")
    monkeypatch.setattr(feed, "ARRIVALS_PER_PAGE", 2)
    desk = Desk(store, tmp_path / "journal")
    for n in range(1, 6):
        desk.post(request(span(chat(), span_id=n, trace_id=n)))
    assert deliver(query, sink, progress).events == 5
    assert sorted(event["span_id"] for event in lines(sink.path)) == [f"{n:016x}" for n in range(1, 6)]


def test_a_charge_that_another_takes_in_is_told_to_be_taken_back(
    store: Store, tmp_path: Path, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call around it comes later: the inner one's claim names the outer's charge then, and its own is reversed."""
    query, sink = asking(store), JsonLines(tmp_path / "told.jsonl")
    monkeypatch.setattr(feed, "OVERLAP_NS", 0)
    desk = Desk(store, tmp_path / "journal")
    desk.post(request(span(chat(), span_id=2, parent_id=1, start_ns=NOON_NS + 10**6)))
    assert deliver(query, sink, progress).events == 1
    desk.post(request(span(chat(), span_id=1), scope="outer"))
    assert deliver(query, sink, progress).events == 2
    told_of = lines(sink.path)
    assert Counter(event["kind"] for event in told_of) == {"charge": 2, "reversal": 1}
    assert len({event["charge_id"] for event in told_of}) == 2
    assert sum(event["requests"] for event in told_of) == 1


def test_a_price_that_was_found_later_is_told(store: Store, tmp_path: Path, progress: Progress) -> None:
    """An adjustment has no claim of its own."""
    query, sink = asking(store), JsonLines(tmp_path / "told.jsonl")
    desk = Desk(store, tmp_path / "journal")
    desk.post(request(span(chat())))
    assert deliver(query, sink, progress).events == 1
    changed = (
        "'adjustment' AS kind, now64(9, 'UTC') AS ingest_time, 0 AS requests,"
        " toFixedString(concat(substring(event_id, 1, 8), 'adjusted'), 16) AS event_id"
    )
    store.command(f"INSERT INTO ledger_events SELECT * REPLACE ({changed}) FROM ledger_events")
    assert deliver(query, sink, progress).events == 1
    assert [event["kind"] for event in lines(sink.path)] == ["charge", "adjustment"]


def test_many_adjustments_are_told_in_pages_too(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that was priced anew has as many as charges: an answer with all of them would be too large for ever."""
    query, desk = asking(store), Desk(store, tmp_path / "journal")
    monkeypatch.setattr(feed, "ARRIVALS_PER_PAGE", 2)
    desk.post(request(span(chat())))
    cursor = feed.page_after(query, 0).upto_ns
    for n in range(1, 6):
        changed = (
            "'adjustment' AS kind, now64(9, 'UTC') AS ingest_time, 0 AS requests,"
            f" toFixedString(concat(substring(event_id, 1, 8), 'adjust{n:02}'), 16) AS event_id"
        )
        charges = "(SELECT * FROM ledger_events WHERE kind = 'charge')"
        store.command(f"INSERT INTO ledger_events SELECT * REPLACE ({changed}) FROM {charges}")
    told_of: set[str] = set()
    more = True
    while more:
        page = feed.page_after(query, cursor)
        # And the last one of the page before.
        assert len(page.events) <= 3
        told_of.update(str(event["event_id"]) for event in page.events)
        cursor, more = page.upto_ns, page.more
    assert len(told_of) == 5


def test_what_a_crash_cut_short_is_told_again(store: Store, tmp_path: Path, progress: Progress) -> None:
    """A sink that dies after it wrote, and a line that was torn: nothing is missing, and repeats have one id."""
    query, file = asking(store), tmp_path / "told.jsonl"
    Desk(store, tmp_path / "journal").post(request(*(span(chat(), span_id=n, trace_id=n) for n in range(1, 6))))

    class Dying(JsonLines):
        def take(self, events: Sequence[Event]) -> None:
            super().take(events)
            msg = "it died"
            raise SinkAwayError(msg)

    assert deliver(query, Dying(file, name="file"), progress).failure == "it died"
    torn = file.read_bytes()[:-20]
    file.write_bytes(torn)
    assert deliver(query, JsonLines(file, name="file"), progress).events == 5
    whole = [line for line in file.read_text().splitlines() if line.endswith("}") and line.startswith("{")]
    ids = Counter(json.loads(line)["event_id"] for line in whole if line.count('"event_id"') == 1)
    assert sorted(ids.values()) == [1, 2, 2, 2, 2]
    assert progress.counts("file") == (5, 1, "")


def test_one_sink_that_fails_leaves_the_other_alone(store: Store, tmp_path: Path, progress: Progress) -> None:
    """A disk that is no disk; a client that raises; what they missed they are given later."""
    query = asking(store)
    Desk(store, tmp_path / "journal").post(request(span(chat())))
    (tmp_path / "folder").mkdir()
    away, there = JsonLines(tmp_path / "folder"), JsonLines(tmp_path / "told.jsonl")

    class Client:
        def capture(self, event: str, **more: object) -> None:
            raise ValueError(event, more, "phc_secret")

    client = PostHog(Client())
    client.from_beginning = True
    assert "Is a directory" in deliver(query, away, progress).failure
    assert deliver(query, client, progress).failure == "posthog failed with ValueError"
    assert deliver(query, there, progress).events == 1
    (tmp_path / "folder").rmdir()
    assert deliver(query, away, progress).events == 1
    assert lines(away.path) == lines(there.path)
    assert progress.counts(away.name) == (1, 1, "")


def test_posthog_is_told_of_what_comes_from_now_on(store: Store, tmp_path: Path, progress: Progress) -> None:
    """Two events a call, of which PostHog knows repeats by their ids; no content, no profile."""
    query, desk = asking(store), Desk(store, tmp_path / "journal")
    # What was posted before the sink was first switched on, and is older than what is read again.
    with scripted_receiver(Reply(503)) as receiver:
        sink = PostHog.over_http(receiver.endpoint, "phc_key")
        assert deliver(query, sink, progress).events == 0
        call = chat(ledger__user_id="u-7", ledger__agent="cfo", ledger__task_id="t-1", ledger__tenant="acme")
        desk.post(request(span(call, end_ns=NOON_NS + 1_500_000_000)))
        assert deliver(query, sink, progress).failure.endswith("answered 503")
        assert deliver(query, sink, progress).events == 1
        refused, taken = receiver.sent
        assert refused.body == taken.body
        assert refused.path == "/batch/"
        assert json.loads(taken.body)["api_key"] == "phc_key"
        usage, generation = told(receiver)[:2]
    assert (usage["event"], usage["distinct_id"]) == ("llm_usage", "u-7")
    assert usage["timestamp"] == "2026-01-01T12:00:01.500000Z"
    assert UUID(usage["uuid"]) != UUID(generation["uuid"])
    event_id = usage["properties"].pop("ledger_event_id")
    assert usage["properties"] == {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "cost": 0.000027,
        "agent": "cfo",
        "tokens_in": 100,
        "tokens_out": 20,
        "status": "ok",
        "task_id": "t-1",
        "currency": "USD",
        "kind": "charge",
        "tenant": "acme",
        "$process_person_profile": False,
    }
    assert generation["event"] == "$ai_generation"
    assert generation["properties"] == {
        "$ai_trace_id": f"{1:032x}",
        "$ai_span_id": f"{1:016x}",
        "$ai_provider": "openai",
        "$ai_model": "gpt-4o-mini",
        "$ai_input_tokens": 100,
        "$ai_output_tokens": 20,
        "$ai_latency": 1.5,
        "$ai_total_cost_usd": 0.000027,
        "$ai_is_error": False,
        "$ai_cache_reporting_exclusive": False,
        "$process_person_profile": False,
        "ledger_event_id": event_id,
    }


def test_an_event_that_posthog_refuses_holds_up_no_other(store: Store, tmp_path: Path, progress: Progress) -> None:
    """A batch is halved until the event at fault stands alone; if each is refused, the events are not why."""
    query, desk = asking(store), Desk(store, tmp_path / "journal")
    with scripted_receiver() as receiver:
        sink = PostHog.over_http(receiver.endpoint, "phc_key")
        sink.from_beginning = True
        receiver.refuses = b'"distinct_id":"u-3"'
        desk.post(request(*(span(chat(ledger__user_id=f"u-{n}"), span_id=n, trace_id=n) for n in range(1, 6))))
        assert deliver(query, sink, progress).failure == ""
        accepted = [sent for sent in receiver.sent if receiver.refuses not in sent.body]
        people = Counter(event["distinct_id"] for sent in accepted for event in json.loads(sent.body)["batch"])
        assert people == {"u-1": 2, "u-2": 2, "u-4": 2, "u-5": 2}
        receiver.refuses = b"phc_key"
        desk.post(request(span(chat(), span_id=9, trace_id=9)))
        assert "refuses every event" in deliver(query, sink, progress).failure


def test_posthog_s_own_client_tells_it_on(store: Store, tmp_path: Path, progress: Progress) -> None:
    """The application's object, as it brings it: ids, times and properties arrive as they were given."""
    query = asking(store)
    Desk(store, tmp_path / "journal").post(request(span(chat(ledger__user_id="u-7"))))
    with scripted_receiver() as receiver:
        client = Posthog("phc_key", host=receiver.endpoint, disable_geoip=False)
        sink = PostHog(client)
        sink.from_beginning = True
        assert deliver(query, sink, progress).events == 1
        client.shutdown()
        events = told(receiver)
    assert sorted(event["event"] for event in events) == ["$ai_generation", "llm_usage"]
    [usage] = [event for event in events if event["event"] == "llm_usage"]
    assert (usage["distinct_id"], usage["properties"]["tokens_in"]) == ("u-7", 100)
    assert UUID(usage["uuid"]).version == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SPANLEDGER_SINK_POSTHOG": "https://eu.i.posthog.com"}, "go together"),
        ({"SPANLEDGER_SINK_POSTHOG_KEY": "phc_secret"}, "go together"),
        ({"SPANLEDGER_SINK_POSTHOG": "http://posthog.example", "SPANLEDGER_SINK_POSTHOG_KEY": "k"}, "https://"),
        ({"SPANLEDGER_SINK_POSTHOG": "posthog", "SPANLEDGER_SINK_POSTHOG_KEY": "k"}, "such as https://"),
        ({"SPANLEDGER_SINK_JSONL": "/"}, "is a folder"),
    ],
)
def test_a_wrong_sink_is_one_sentence(settings: dict[str, str], said: str) -> None:
    """It names the setting, and no secret; without settings there is none."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        sinks_of(settings)
    assert "phc_secret" not in str(refused.value)
    assert sinks_of({}) == []


def test_a_running_serve_feeds_its_sinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostHog hears of an import beside the server; the file is told by a command, after PostHog was away."""
    (tmp_path / "call.pb").write_bytes(request(span(chat())))
    with scripted_receiver() as receiver:
        monkeypatch.setenv("SPANLEDGER_SINK_POSTHOG", receiver.endpoint)
        monkeypatch.setenv("SPANLEDGER_SINK_POSTHOG_KEY", "phc_key")
        monkeypatch.setenv("SPANLEDGER_SINK_JSONL", str(tmp_path / "told.jsonl"))
        server = Serve(tmp_path / "store")
        try:
            assert run("import", "--store", tmp_path / "store", tmp_path / "call.pb").returncode == 0
            assert receiver.arrived.acquire(timeout=30)
            fed = run("sinks", "feed", "--store", tmp_path / "store")
            assert (fed.returncode, len(lines(tmp_path / "told.jsonl"))) == (0, 1), fed.stderr
            assert server.stop() == 0
        finally:
            server.close()
    assert [event["event"] for event in told(receiver)][:2] == ["llm_usage", "$ai_generation"]
    fed = run("sinks", "list", "--store", tmp_path / "store", "--format", "json")
    assert [row["delivered"] for row in json.loads(fed.stdout)] == [1, 1]
