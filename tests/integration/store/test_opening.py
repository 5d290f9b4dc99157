import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ledger_events import event

from spanledger.exporter.store import open_store
from spanledger.exporter.store.blocks import events_block
from spanledger.exporter.store.migrations import migrate
from spanledger.schemas import ConfigurationError, StoreLockedError, StoreUnavailableError

HOLD = """
import sys
from spanledger.exporter.store.lock import FolderLock
from pathlib import Path
held = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_closed_store_opens_again_with_its_rows(own_engine: Path) -> None:
    """What an insert returned for is there after a restart."""
    store = open_store(str(own_engine))
    migrate(store)
    store.insert("ledger_events", *events_block([event(1)]))
    store.close()
    again = open_store(str(own_engine))
    assert again.query("SELECT tenant FROM charges") == [("acme",)]
    again.close()


def test_a_closed_store_answers_nobody(own_engine: Path) -> None:
    """A thread that outlives a stop would start the engine again, beside whoever has the folder by then."""
    store = open_store(str(own_engine))
    store.close()
    asked = (lambda: store.query("SELECT 1"), lambda: store.query_user("SELECT 1"), lambda: store.command("SELECT 1"))
    for ask in asked:
        with pytest.raises(StoreUnavailableError, match="the store is closed"):
            ask()
    open_store(str(own_engine)).close()


def test_a_second_process_is_told_who_holds_the_store(own_engine: Path) -> None:
    """The sentence names the pid and the way in; when the holder is killed the store is free at once."""
    own_engine.mkdir()
    command = [sys.executable, "-c", HOLD, str(own_engine)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLockedError, match=rf"pid {holder.pid}\) holds the store .*spanledger serve"):
            open_store(str(own_engine))
        holder.kill()
    open_store(str(own_engine)).close()


def test_a_forked_child_is_refused_and_does_not_keep_the_lock(own_engine: Path) -> None:
    """A query in a forked child would hang; and a child that lives on must not hold its parent's store."""
    store = open_store(str(own_engine))
    wait_read, wait_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        answer = b"answered"
        try:
            store.query("SELECT 1")
        except StoreUnavailableError as error:
            answer = str(error).encode()
        store.close()
        os.write(done_write, answer)
        os.read(wait_read, 1)
        os._exit(0)
    assert b"forked" in os.read(done_read, 1000)
    assert store.query("SELECT 1") == [(1,)]
    store.close()
    open_store(str(own_engine)).close()
    os.write(wait_write, b".")
    os.waitpid(child, 0)
    for descriptor in (wait_read, wait_write, done_read, done_write):
        os.close(descriptor)


def test_a_process_opens_one_embedded_store_at_a_time(own_engine: Path) -> None:
    """The engine allows one folder a process; the refusal leaves the first at work and the second free."""
    first = open_store(str(own_engine))
    other = own_engine.with_name("other")
    with pytest.raises(StoreUnavailableError, match="one embedded store at a time"):
        open_store(str(other))
    assert first.query("SELECT 1") == [(1,)]
    first.close()
    open_store(str(other)).close()


def test_a_file_is_not_a_store(tmp_path: Path) -> None:
    """A wrong path is a wrong setting, in one sentence."""
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(ConfigurationError, match=r"notes\.txt is not a folder .*SPANLEDGER_STORE"):
        open_store(str(path))


def test_the_password_is_shown_nowhere(clickhouse_url: str) -> None:
    """Neither the store's address nor the refusal of a user carries it."""
    store = open_store(f"{clickhouse_url}/ledger_of_its_own")
    assert store.url == f"clickhouse://{clickhouse_url.partition('@')[2]}/ledger_of_its_own"
    store.close()
    wrong = clickhouse_url.replace("word", "sesame")
    with pytest.raises(ConfigurationError, match="refused user 'ledger'") as refused:
        open_store(f"{wrong}/ledger")
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("clickhouse://127.0.0.1:1/ledger", StoreUnavailableError, "127.0.0.1:1.*refused.*check the address"),
        ("clickhouse://127.0.0.1:8123/a/b", ConfigurationError, "must be clickhouse://"),
        ("clickhouse://127.0.0.1:8123/a?secure=1", ConfigurationError, "must be clickhouse://"),
        ("clickhouse://127.0.0.1:99999/a", ConfigurationError, "port"),
    ],
)
def test_a_wrong_url_is_named_with_the_cure(url: str, kind: type[Exception], words: str) -> None:
    """Start-up fails with one sentence."""
    with pytest.raises(kind, match=words):
        open_store(url)
