import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.keys import Keys

from spanledger.exporter.authentication import UNKNOWN_PEER
from spanledger.exporter.authentication.guard import guard, is_loopback
from spanledger.exporter.failures import Unauthenticated
from spanledger.exporter.settings import Address, Settings, load
from spanledger.schemas import ConfigurationError

PUBLIC = [("--http", Address("192.0.2.1", 4318))]
LOCAL = [("--http", Address("127.0.0.1", 4318))]


def settings(folder: Path, **environ: str) -> Settings:
    """The settings of a store in this folder."""
    return load({"SPANLEDGER_STORE": str(folder)} | environ)


def test_the_doors_ask_from_the_first_key_on(tmp_path: Path) -> None:
    """Also when it is revoked, and also when the file is not to be looked at."""
    assert guard(settings(tmp_path), LOCAL).otlp is None
    with pytest.raises(ConfigurationError, match=r"--http 192\.0\.2\.1:4318 can be reached"):
        guard(settings(tmp_path), PUBLIC)
    keys = Keys(tmp_path / "keys.sqlite")
    keys.store.revoke(keys.create().id, 1)
    for doors in (LOCAL, PUBLIC):
        assert guard(settings(tmp_path), doors).otlp is not None
    assert "without TLS" in guard(settings(tmp_path), PUBLIC).told
    assert "without TLS" not in guard(settings(tmp_path), LOCAL).told
    assert settings(tmp_path, SPANLEDGER_KEYS=str(tmp_path / "keys.sqlite" / "below")).access.asks is False
    looped = tmp_path / "loop"
    looped.symlink_to(looped)
    assert settings(tmp_path, SPANLEDGER_KEYS=str(looped)).access.asks


def test_asking_can_be_stated(tmp_path: Path) -> None:
    """`required` lets nobody in while there is no key; `off` asks nobody, and is for loopback like any other."""
    required = guard(settings(tmp_path, SPANLEDGER_AUTH="required"), PUBLIC).otlp
    assert required is not None
    with pytest.raises(Unauthenticated):
        required.principal({}, UNKNOWN_PEER)
    Keys(tmp_path / "keys.sqlite").create()
    off = settings(tmp_path, SPANLEDGER_AUTH="off")
    assert guard(off, LOCAL).otlp is None
    with pytest.raises(ConfigurationError, match="insecure-public"):
        guard(off, PUBLIC)
    meant = settings(tmp_path, SPANLEDGER_AUTH="off", SPANLEDGER_INSECURE_PUBLIC="true")
    assert guard(meant, PUBLIC).otlp is None
    assert guard(replace(meant, access=replace(meant.access, auth="required")), PUBLIC).otlp is not None


def test_a_key_store_that_everybody_can_change_stops_the_server(tmp_path: Path) -> None:
    """Whoever writes to it lets themselves in."""
    keys = Keys(tmp_path / "keys.sqlite")
    keys.create()
    keys.store.file.chmod(0o602)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        guard(settings(tmp_path), LOCAL)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 (read, not bound)
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:  # noqa: FBT001 (a table)
    """By address, or by a name whose addresses are all of that kind."""
    assert is_loopback(host) is loopback


def test_the_receiver_alone_does_not_stand_open_either(tmp_path: Path) -> None:
    """Exit code 2, one sentence, nothing opened."""
    command = [sys.executable, "-m", "spanledger.exporter", "--store", str(tmp_path / "store"), "--grpc", "0.0.0.0:0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--grpc 0.0.0.0:0" in done.stderr
    assert not (tmp_path / "store").exists()
