"""What is secret shows up in no log, error or traceback, and its file is nobody else's."""

import traceback
from pathlib import Path

import pytest

from spanledger.exporter.inprocess.courier import Undelivered
from spanledger.exporter.inprocess.delivery import ReceiverConnection
from spanledger.exporter.settings import Settings, load
from spanledger.exporter.sift import Pseudonyms
from spanledger.exporter.store import open_store
from spanledger.schemas import ConfigurationError, SpanledgerError

SECRET = "canary-9f2c"


def secret_file(folder: Path, text: str = "0123456789abcdef" * 4, mode: int = 0o600) -> Path:
    """A key file."""
    path = folder / "key"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_settings_print_everything_but_secrets(tmp_path: Path) -> None:
    """Passwords of both URLs, the key for the receiver, and the key of pseudonyms; the rest can be read."""
    path = secret_file(tmp_path, SECRET * 10)
    settings = load(
        {
            "SPANLEDGER_STORE": f"clickhouse://user:{SECRET}@db.internal:8123/ledger",
            "SPANLEDGER_OTLP_ENDPOINT": f"http://user:{SECRET}@ledger.internal:4318",
            "SPANLEDGER_API_KEY": SECRET,
            "SPANLEDGER_PSEUDONYM_KEY_FILE": str(path),
        }
    )
    assert settings.pseudonym_key == SECRET.encode() * 10
    for shown in (repr(settings), str(settings), f"{settings}", repr({"settings": settings}), settings.store_shown):
        assert SECRET not in shown
        assert "db.internal:8123/ledger" in shown
    assert "api_key='***'" in repr(settings)
    assert "ledger.internal:4318" in repr(settings)
    assert SECRET not in repr(Pseudonyms(SECRET.encode()))
    assert "api_key=''" in repr(Settings(store="store", data=tmp_path))


@pytest.mark.parametrize(
    "environ",
    [
        {"SPANLEDGER_STORE": f"clickhouse://user:{SECRET}@/ledger"},
        {"SPANLEDGER_STORE": f"clickhouse://user:{SECRET}/{SECRET}@db/ledger"},
        {"SPANLEDGER_STORE": f"clickhouse://user:{SECRET}"},
        {"SPANLEDGER_STORE": f"postgres://user:{SECRET}@db/ledger"},
        {"SPANLEDGER_OTLP_ENDPOINT": f"ftp://user:{SECRET}@ledger"},
    ],
)
def test_a_wrong_url_is_told_without_its_password(environ: dict[str, str]) -> None:
    """The sentence names the setting and the host."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("place", ["127.0.0.1:9/ledger", "127.0.0.1:9/a/b", "127.0.0.1:99999/ledger"])
def test_a_server_that_cannot_be_reached_is_told_without_the_password(place: str) -> None:
    """Also not by what the client of ClickHouse says, all the way down."""
    with pytest.raises(SpanledgerError) as caught:
        open_store(f"clickhouse://user:{SECRET}@{place}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_receiver_that_does_not_answer_is_told_without_key_or_password() -> None:
    """What an application logs of a failed delivery."""
    receiver = ReceiverConnection(f"http://user:{SECRET}@127.0.0.1:9", SECRET)
    with pytest.raises(Undelivered) as caught:
        receiver.deliver(b"")
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "127.0.0.1:9 does not answer" in told


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("0123456789abcdef" * 4, 0o604, "chmod 600"),
        ("0123456789abcdef" * 4, 0o602, "chmod 600"),
        (f"{SECRET}\n", 0o600, "at least 32 bytes"),
        ("", 0o600, "at least 32 bytes"),
    ],
)
def test_a_key_file_that_is_no_secret_is_refused(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    """One that everybody can read, or change, or guess; the sentence names the setting and does not quote the file."""
    path = secret_file(tmp_path, text, mode)
    with pytest.raises(ConfigurationError, match="SPANLEDGER_PSEUDONYM_KEY_FILE") as caught:
        load({"SPANLEDGER_PSEUDONYM_KEY_FILE": str(path)})
    assert reason in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Names would reach the disk otherwise."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load({"SPANLEDGER_PSEUDONYM_KEY_FILE": str(tmp_path / "none")})
