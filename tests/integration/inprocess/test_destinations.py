"""Applications that send their usage on: to a receiver, or into a ClickHouse server that is away."""

import socket
from pathlib import Path

import pytest
from support.application import Application, journaled, text
from support.programs import CALL, PROVIDER
from support.scripted_receiver import Reply, scripted_receiver

from spanledger.schemas import attributes as a


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """An application with an empty store."""
    return Application(tmp_path)


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
        PROVIDER + CALL + "call('m1')\nassert provider.force_flush()\n",
        SPANLEDGER_STORE=f"clickhouse://127.0.0.1:{closed_port()}/ledger",
    )
    assert waiting(application) == ["m1"]
    assert all("usage waits in the journal" in line for line in done.stderr.splitlines())
