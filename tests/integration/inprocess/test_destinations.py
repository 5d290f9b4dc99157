"""Applications that send their usage on: to a receiver, or into a ClickHouse server that is away."""

import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from support.application import PROJECT, Application, journaled, text
from support.programs import CALL, PROVIDER
from support.scripted_receiver import Reply, scripted_receiver

from spanledger.exporter.store import open_store
from spanledger.schemas import attributes as a


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application with an empty store."""
    return Application(tmp_path)


@pytest.fixture
def clickhouse(tmp_path: Path) -> Generator[str]:
    """The URL of an empty ClickHouse server."""
    program = PROJECT / "tests" / "support" / "clickhouse_http.py"
    command = [sys.executable, str(program), str(tmp_path / "clickhouse")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"clickhouse://{server.stdout.readline().strip()}/ledger"
        server.kill()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def waiting(application: Application) -> list[str]:
    """The models in every journal of the user-data folder."""
    journals = (application.folder / "data" / "spanledger" / "journal").iterdir()
    return sorted(text(span, a.REQUEST_MODEL) for journal in journals for span in journaled(journal))


def test_a_short_program_delivers_before_it_ends(application: Application) -> None:
    """One setting sends usage to a receiver; nothing is left waiting, and the default store has nothing."""
    with scripted_receiver() as receiver:
        application.run_instrumented(CALL + "call('m1')\n", SPANLEDGER_OTLP_ENDPOINT=receiver.endpoint)
        assert receiver.models == ["m1"]
    assert waiting(application) == []
    assert not application.store.exists()


def test_usage_waits_for_a_receiver_that_is_away(application: Application) -> None:
    """The program ends as usual; the next one that runs takes along what the first one left."""
    with scripted_receiver(Reply(503), Reply(503)) as receiver:
        done = application.run(PROVIDER + CALL + "call('m1')\n", SPANLEDGER_OTLP_ENDPOINT=receiver.endpoint)
        (line,) = done.stderr.splitlines()
        assert "usage waits in the journal" in line
        assert waiting(application) == ["m1"]
        receiver.replies.clear()
        application.run(PROVIDER + CALL + "call('m2')\n", SPANLEDGER_OTLP_ENDPOINT=receiver.endpoint)
        assert sorted(model for sent in receiver.sent[-2:] for model in sent.models) == ["m1", "m2"]
    assert waiting(application) == []


def test_each_forked_worker_delivers_its_own(application: Application) -> None:
    """A parent that already delivers is forked: no worker hangs, nothing arrives twice."""
    with scripted_receiver() as receiver:
        application.run(
            PROVIDER + CALL + "import os, sys\n"
            "call('parent')\n"
            "for number in range(3):\n"
            "    if (pid := os.fork()) == 0:\n"
            "        call(f'child{number}')\n"
            "        sys.exit()\n"
            "    assert os.waitpid(pid, 0)[1] == 0\n",
            SPANLEDGER_OTLP_ENDPOINT=receiver.endpoint,
        )
        assert sorted(receiver.models) == ["child0", "child1", "child2", "parent"]


def test_a_clickhouse_server_that_is_away_costs_the_application_nothing(application: Application) -> None:
    """Usage is journaled under the user-data folder, the program ends as usual, and one line says why it waits."""
    done = application.run(
        PROVIDER + CALL + "import time\n"
        "call('m1')\n"
        "(processor,) = provider._active_span_processor._span_processors\n"
        "while processor.ledger_counts().get('delivery_failures', 0) < 3: time.sleep(0.01)\n",
        SPANLEDGER_STORE=f"clickhouse://127.0.0.1:{closed_port()}/ledger",
    )
    assert waiting(application) == ["m1"]
    (line,) = done.stderr.splitlines()
    assert "usage waits in the journal" in line


def test_an_application_posts_into_a_clickhouse_server_itself(application: Application, clickhouse: str) -> None:
    """Parent and forked workers journal into one folder, one of them posts, and every call is a charge once."""
    application.run(
        PROVIDER + CALL + "import os, sys\n"
        "call('gpt-4o')\n"
        "for number in range(2):\n"
        "    if (pid := os.fork()) == 0:\n"
        "        call('gpt-4o-mini')\n"
        "        sys.exit()\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "import time\n"
        "from spanledger.exporter.journal import shards\n"
        "from spanledger.exporter.settings import load\n"
        "while any(True for shard in shards(load().data) for _ in shard.read()): time.sleep(0.05)\n",
        SPANLEDGER_STORE=clickhouse,
    )
    assert waiting(application) == []
    store = open_store(clickhouse)
    rows = store.query("SELECT model, sum(requests), sum(input_tokens) FROM charges GROUP BY model ORDER BY model")
    store.close()
    assert rows == [("gpt-4o", 1, 100), ("gpt-4o-mini", 2, 200)]
