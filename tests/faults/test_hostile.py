"""The programmes of hostile input, small: that they run, that nothing escapes, and that they would tell if it did."""

from pathlib import Path

import pytest
from faults import payloads
from faults.bombs import GROWTH_BYTES_MAX, bombs, burst
from faults.canaries import CANARY, canaries
from faults.injection import NAMES, body, unsafe
from faults.payloads import cases
from support.desk import Desk

from spanledger.exporter.decode import decode
from spanledger.exporter.journal import Signal
from spanledger.exporter.sift import Sifted, sift
from spanledger.exporter.store import Store
from spanledger.ledger.formats import csv_text, json_text, plain_text
from spanledger.ledger.tables import Row, Table

_MEBIBYTE = 1024 * 1024
_TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"


def test_mutated_requests_are_refused_or_read_and_good_spans_survive() -> None:
    """H03 to H06, in three encodings."""
    tally = cases(7, 1_000)
    assert (tally.runs, tally.lost, tally.doubled, tally.failure) == (1_000, 0, 0, "")


def test_the_programme_tells_of_a_lost_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sift that drops the last of several spans is found at once."""

    def losing(content: bytes, signal: object) -> Sifted:
        sifted = sift(content, "logs" if signal == "logs" else "traces")
        del sifted.spans[2:]
        return sifted

    monkeypatch.setattr(payloads, "sift", losing)
    assert cases(7, 300).lost > 0


def test_the_programme_tells_of_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is no refusal is a finding, with the number that reproduces it."""

    def failing(*_: object) -> object:
        raise KeyError

    monkeypatch.setattr(payloads, "decode", failing)
    assert decode is not payloads.decode
    assert "seed 7 case" in cases(7, 300).failure


def test_no_field_is_a_bomb() -> None:
    """H02, H03: of each signal every 40th field, of a sixteenth of a body's limit; `faults.bombs` has all, in full."""
    tried = [burst(bomb) for number, bomb in enumerate(bombs(_MEBIBYTE)) if number % 40 == 0]
    assert len(tried) > 10
    assert [each for each in tried if each.failure or each.grown_bytes > GROWTH_BYTES_MAX // 4] == []


def test_no_field_that_may_not_be_kept_is_journaled() -> None:
    """H17: a canary in each; `faults.canaries` sends them to a server and looks everywhere."""
    sent = [each for each in canaries() if each.signal is not Signal.METRICS]
    kept = [sift(each.content, "traces" if each.signal is Signal.TRACES else "logs") for each in sent]
    assert len(sent) > 100
    assert [each.where for each, sifted in zip(sent, kept, strict=True) if CANARY.encode() in sifted.payload] == []
    assert {len(sifted.spans) for sifted in kept} == {1}


def test_names_that_are_programs_elsewhere_are_booked_as_names(store: Store, tmp_path: Path) -> None:
    """H18: SQL, formulas, escapes and lines as tenant, model, feature and metadata; no table comes or goes."""
    before = store.query(_TABLES)
    desk = Desk(store, tmp_path / "journal")
    assert desk.post(body())["charged"] == len(NAMES)
    rows = store.query(
        "SELECT tenant, model, feature, metadata['note'], toString(sum(requests)) FROM ledger_events FINAL GROUP BY ALL"
    )
    assert sorted(rows) == sorted((name, name, name, name, "1") for name in NAMES)
    assert store.query(_TABLES) == before
    desk.writer.close()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_output_runs_a_name(form: str) -> None:
    """H19, H20: as a cell, a list and a column's name."""
    columns = ("tenant", *NAMES[:3])
    rows: list[Row] = [(name, [name], {name: name}, name) for name in NAMES]
    table = Table(columns, ("String", "Array(String)", "Map(String, String)", "String"), rows)
    written = {"table": plain_text(table), "csv": csv_text(table), "json": json_text(table.records())}
    assert unsafe(form, written[form]) == []
