import logging
from collections.abc import Generator
from pathlib import Path

import pytest

from spanledger.exporter.inprocess.appender import Appender
from spanledger.exporter.inprocess.counts import Counts
from spanledger.exporter.inprocess.delivery import ReceiverConnection
from spanledger.exporter.inprocess.destination import destination, open_recorder
from spanledger.exporter.inprocess.forwarder import Forwarder
from spanledger.exporter.inprocess.server_poster import ServerPoster
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.settings import load
from spanledger.schemas import ConfigurationError


@pytest.fixture(autouse=True)
def user_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user-data folder of this test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "spanledger"


def appender(root: Path) -> Appender:
    """An appender to a journal that nothing was written to."""
    return Appender(lambda: JournalWriter(root), Counts())


def test_by_default_the_stores_journal_and_nothing_else(user_data: Path) -> None:
    """Whoever holds the store posts it."""
    assert destination(load({})) == (user_data / "store" / "journal", None)


def test_a_store_elsewhere_has_its_journal_there(tmp_path: Path) -> None:
    """SPANLEDGER_STORE moves both; SPANLEDGER_DATA moves the journal alone."""
    assert destination(load({"SPANLEDGER_STORE": str(tmp_path / "s")}))[0] == tmp_path / "s" / "journal"
    assert destination(load({"SPANLEDGER_DATA": str(tmp_path / "d")}))[0] == tmp_path / "d"


def test_an_endpoint_has_a_journal_of_its_own(user_data: Path) -> None:
    """What lies in a store's journal would be posted into that store as well."""
    root, carrier = destination(load({"SPANLEDGER_OTLP_ENDPOINT": "http://user:pw@receiver:4318/base"}))
    assert root == user_data / "journal" / "receiver%3A4318%2Fbase"
    assert carrier is not None
    assert isinstance(carrier(appender(root), Counts()), Forwarder)


def test_a_journal_folder_given_for_an_endpoint_is_used(tmp_path: Path) -> None:
    """A deployment puts it on its durable volume; the store's own folder is the exception."""
    environ = {"SPANLEDGER_OTLP_ENDPOINT": "http://receiver:4318", "SPANLEDGER_DATA": str(tmp_path / "volume")}
    assert destination(load(environ))[0] == tmp_path / "volume"


def test_a_clickhouse_store_is_posted_from_here(user_data: Path) -> None:
    """Nothing of its client is imported yet."""
    root, carrier = destination(load({"SPANLEDGER_STORE": "clickhouse://user:pw@house:8123/ledger"}))
    assert root.parent == user_data / "journal"
    assert carrier is not None
    assert isinstance(carrier(appender(root), Counts()), ServerPoster)


def test_a_receiver_behind_tls_is_reached_by_tls() -> None:
    """The scheme of the endpoint decides, and nothing is opened yet."""
    ReceiverConnection("https://receiver:4318", "key").close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANLEDGER_STORE", "mysql://db"),
        ("SPANLEDGER_STORE", "clickhouse://"),
        ("SPANLEDGER_STORE", "clickhouse://host:port/db"),
        ("SPANLEDGER_OTLP_ENDPOINT", "receiver:4318"),
    ],
)
def test_a_wrong_setting_disables_with_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is wrong with it, nothing is raised."""
    monkeypatch.setenv(name, value)
    assert open_recorder() is None
    (line,) = caplog.messages
    assert line.startswith("spanledger is disabled")


@pytest.mark.parametrize(
    ("said", "level"),
    [({"LEDGER_LOG_LEVEL": "error"}, "ERROR"), ({"TOKENLEDGER_DEBUG": "true"}, "DEBUG"), ({}, "INFO")],
)
def test_how_much_our_log_tells_is_a_setting(said: dict[str, str], level: str, ours: logging.Logger) -> None:
    """By the predecessors' names too; unset it is whatever the application made it."""
    ours.setLevel("INFO")
    assert open_recorder(load(said)) is not None
    assert logging.getLevelName(ours.level) == level


def test_a_level_nobody_knows_is_named() -> None:
    """In one sentence, like every wrong setting."""
    with pytest.raises(ConfigurationError, match="SPANLEDGER_LOG_LEVEL 'LOUD' must be one of DEBUG, INFO"):
        load({"LEDGER_LOG_LEVEL": "LOUD"})


@pytest.fixture
def ours() -> Generator[logging.Logger]:
    """Our logger, as it was afterwards."""
    logger = logging.getLogger("spanledger")
    before = logger.level
    yield logger
    logger.setLevel(before)
