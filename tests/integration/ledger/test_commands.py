"""What the commands print, and the exit codes programs rely on."""

import csv
import gzip
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest
from support.commands import answer, run, serving, sums
from support.otlp import NOON_NS, chat, request, span

from spanledger.ledger.demo.calls import calls
from spanledger.schemas import attributes as a

HOLDER = """
import sys
from spanledger.exporter.store import open_store
store = open_store(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, str]]:
    """A served store with the demonstration sent twice, before and through the serve; what both runs printed."""
    store = tmp_path_factory.mktemp("demo") / "store"
    alone = run("demo", "--store", store)
    assert alone.returncode == 0, alone.stderr
    with serving(store):
        beside = run("demo", "--store", store)
        assert beside.returncode == 0, beside.stderr
        assert beside.stdout == alone.stdout
        yield store, beside.stdout


def test_the_demonstration_charges_fifty_events_once(demo: tuple[Path, str]) -> None:
    """Its tokens are those that were sent, however often: counted by hand from the calls."""
    store, printed = demo
    assert "50 events of 50" in printed
    assert printed.endswith(f"spanledger open --store {store}\n")
    stated = Counter[tuple[object, object]]()
    for call in calls():
        stated[call.attributes[a.LEDGER_TENANT], call.attributes.get(a.REQUEST_MODEL, "")] += int(
            call.attributes.get(a.USAGE_INPUT_TOKENS, 0)
        )
    reported = {(row[0], row[1]): row[3] or 0 for row in sums(store)}
    assert reported == dict(stated)
    services = answer("report", "--store", store, "--by", "service_name")
    assert {row["service_name"]: row["requests"] for row in services} == {
        "support-chat": 18,
        "document-search": 18,
        "report-writer": 13,
    }


def test_the_demonstration_s_costs_are_list_prices(demo: tuple[Path, str]) -> None:
    """Embeddings cost 0.02 USD a million tokens; what nobody prices has no cost."""
    store, _ = demo
    rows = {row["model"]: row for row in answer("report", "--store", store, "--by", "model")}
    embedded = rows["text-embedding-3-small"]
    assert Decimal(embedded["cost"]) == embedded["input_tokens"] * Decimal("0.00000002")
    assert (rows["house-model-13b"]["cost"], rows["house-model-13b"]["unpriced_share"]) == (None, 1.0)
    assert rows["gpt-5"]["requests"] == 4


def test_sql_answers_in_every_format(demo: tuple[Path, str]) -> None:
    """Views are named bare; money is exact text; whole numbers are numbers."""
    store, _ = demo
    sql = "SELECT tenant, sum(requests) AS calls, sum(cost) AS cost FROM charges GROUP BY tenant ORDER BY tenant"
    rows = answer("sql", "--store", store, sql)
    assert [row["tenant"] for row in rows] == ["acme", "globex", "initech"]
    assert all(isinstance(row["calls"], int) and isinstance(row["cost"], str) for row in rows)
    text = run("sql", "--store", store, "--format", "csv", sql).stdout
    assert [row["cost"] for row in csv.DictReader(io.StringIO(text))] == [row["cost"] for row in rows]
    lines = run("sql", "--store", store, sql).stdout.splitlines()
    assert lines[0].split() == ["tenant", "calls", "cost"]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO ledger_events SELECT * FROM ledger_events", 2),
        ("SELECT 1; SELECT 2", 2),
        ("SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a Int8')", 1),
        ("SELECT nothing", 1),
    ],
)
def test_sql_that_writes_or_is_wrong_is_told_in_a_sentence(sql: str, code: int, demo: tuple[Path, str]) -> None:
    """What is no reading statement is a wrong argument; else the store says why it refuses."""
    ended = run("sql", "--store", demo[0], sql)
    assert ended.returncode == code
    assert ended.stderr.splitlines()[-1].startswith("spanledger: ")
    assert "Traceback" not in ended.stderr


def test_explain_recomputes_an_event_by_hand(demo: tuple[Path, str]) -> None:
    """Claims, rule, price and arithmetic; by response, event and trace id alike."""
    store, printed = demo
    [explaining] = [line for line in printed.splitlines() if "spanledger explain" in line]
    response = explaining.rsplit(" ", 1)[1]
    [event] = answer("explain", "--store", store, response)
    assert event["adds_up"] is True
    total = sum(Decimal(line["amount"]) for line in event["lines"])
    assert total == Decimal(event["cost"])
    assert [claim["rule"] for claim in event["claims"]] == ["single"]
    assert [claim["rule"] for claim in event["evidence"]] == ["rolled_up"]
    assert [each["event_id"] for each in answer("explain", "--store", store, event["event_id"])] == [event["event_id"]]
    assert len(answer("explain", "--store", store, event["trace_id"])) == 4
    text = run("explain", "--store", store, response).stdout
    assert "recomputed, it adds up" in text
    assert "kept as evidence, not charged" in " ".join(text.split())


def test_an_unknown_id_ends_with_1(demo: tuple[Path, str]) -> None:
    """Nothing found is told, also to programs."""
    ended = run("explain", "--store", demo[0], "--format", "json", "no-such-id")
    assert ended.returncode == 1
    assert json.loads(ended.stdout) == []
    assert "nothing in the ledger has the id 'no-such-id'" in ended.stderr


def test_doctor_balances_the_books(demo: tuple[Path, str]) -> None:
    """Everything accepted ended somewhere; only the charges without a price fail, with the command that cures it."""
    ended = run("doctor", "--store", demo[0])
    assert ended.returncode == 1
    assert [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("FAIL")] == ["unpriced"]
    # 51 spans, sent twice: 49 charges, 1 attempt and the agent's roll-up, then all of them again.
    assert "102 accepted = 49 charged + 1 rolled up + 1 attempts + 51 duplicates" in ended.stdout
    assert "self-hosted/house-model-13b (4 calls)" in ended.stdout


def test_import_takes_every_form_and_counts_each_span_once(tmp_path: Path) -> None:
    """The same spans as protobuf, gzipped, and beside a note: one charge each; `--tenant` binds."""
    body = request(*(span(chat(), span_id=n, trace_id=n) for n in range(1, 11)))
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.pb").write_bytes(body)
    (folder / "b.bin").write_bytes(gzip.compress(body))
    (folder / "notes.md").write_text("recorded by hand")
    ended = run("import", "--store", tmp_path / "store", "--tenant", "acme", folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "files: 2 imported, 1 without OTLP\nspans: 20 accepted = 10 charged + 10 duplicates\n"
    # 100 * 0.00000015 + 20 * 0.0000006 = 0.000027 a call
    assert sums(tmp_path / "store") == [("acme", "gpt-4o-mini", 10, 1_000, 200, "0.00027")]


def test_import_names_a_broken_file_keeps_the_rest_and_ends_with_1(tmp_path: Path) -> None:
    """What can be read is posted; what cannot be booked is set aside and counted."""
    good, torn = tmp_path / "good.pb", tmp_path / "torn.pb"
    impossible = span(chat(gen_ai__usage__input_tokens=-5), span_id=2, trace_id=2)
    good.write_bytes(request(span(chat()), impossible))
    torn.write_bytes(request(span(chat(), span_id=3))[:-1])
    ended = run("import", "--store", tmp_path / "store", torn, good)
    assert ended.returncode == 1
    assert f"{torn} cannot be read as OTLP to its end" in ended.stderr
    assert "1 quarantined" in ended.stderr
    assert "2 accepted = 1 charged + 1 quarantined" in ended.stdout
    assert [row[:3] for row in sums(tmp_path / "store")] == [("unattributed", "gpt-4o-mini", 1)]


def test_import_closes_the_settling_window(tmp_path: Path) -> None:
    """An agent's span with no call below it is the only evidence, and is charged as such."""
    agent = span(chat(gen_ai__operation__name="invoke_agent"), start_ns=NOON_NS)
    (tmp_path / "agent.pb").write_bytes(request(agent))
    assert run("import", "--store", tmp_path / "store", tmp_path / "agent.pb").returncode == 0
    [row] = answer("report", "--store", tmp_path / "store", "--by", "quality,day", "--tz", "Asia/Tokyo")
    assert (row["quality"], row["day"], row["requests"]) == ("aggregate", "2026-01-01", 1)


def test_a_store_that_another_process_holds_ends_with_3(tmp_path: Path) -> None:
    """Without a serve to ask there is one sentence, and nothing is harmed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "store")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ended = run("report", "--store", tmp_path / "store")
        holder.communicate()
    assert ended.returncode == 3
    assert "another process" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_migrate_says_what_it_applied(tmp_path: Path) -> None:
    """Once; then there is nothing to do."""
    first = run("migrate", "--store", tmp_path / "store")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("applied 0001_tables\n")
    assert run("migrate", "--store", tmp_path / "store").stdout == "nothing to apply: the schema is up to date\n"


def test_a_server_that_is_away_ends_with_3(tmp_path: Path) -> None:
    """A ClickHouse store nobody answers for."""
    ended = run("report", "--store", "clickhouse://127.0.0.1:9/db", "--data", tmp_path / "journal")
    assert ended.returncode == 3
    assert "cannot reach ClickHouse at 127.0.0.1:9" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_a_shell_pipes_in_is_not_taken_for_rows(tmp_path: Path) -> None:
    """`while read name; do spanledger import …; done`: the engine must leave standard input alone."""
    body = tmp_path / "calls.pb"
    body.write_bytes(request(span(chat())))
    command = [sys.executable, "-m", "spanledger.ledger.cli", "import", "--store", str(tmp_path / "s"), str(body)]
    done = subprocess.run(command, input="acme\nglobex\n", capture_output=True, text=True, check=False)
    assert (done.returncode, "1 charged" in done.stdout + done.stderr) == (0, True), done
