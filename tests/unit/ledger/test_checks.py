import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from spanledger.exporter.settings import load
from spanledger.ledger.accounts import Accounts, accounts
from spanledger.ledger.checks import ledger_checks, receiver_check
from spanledger.ledger.tables import Row, Table
from spanledger.schemas import ConfigurationError


@contextmanager
def answering(status: int, location: str = "") -> Generator[str]:
    """An HTTP server that answers every POST with one status; its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer."""
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_receiver_that_takes_otlp_is_fine() -> None:
    """It answers an empty request with 200."""
    with answering(200) as url:
        assert receiver_check(url).verdict == "ok"


def test_a_receiver_that_redirects_fails_the_check() -> None:
    """Exporters follow with GET or give up: either way the spans are lost."""
    with answering(301, "https://otlp.example.com/v1/traces") as url:
        check = receiver_check(url)
    assert check.verdict == "FAIL"
    assert "redirects to 'https://otlp.example.com/v1/traces'" in check.finding


def test_a_receiver_that_refuses_or_is_away_fails_the_check() -> None:
    """What senders would get is told."""
    with answering(404) as url:
        assert receiver_check(url).finding.endswith("answers 404 to an empty OTLP request")
    assert "does not answer" in receiver_check(url).finding


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://host", "http://"])
def test_an_endpoint_that_is_no_url_is_a_wrong_argument(url: str) -> None:
    """The sentence names the option."""
    with pytest.raises(ConfigurationError, match="--endpoint"):
        receiver_check(url)


def test_the_books_balance_when_every_span_ended_somewhere() -> None:
    """The sum of the outcomes is what was accepted."""
    rows: list[Row] = [("accepted", 10), ("charged", 6), ("duplicates", 3), ("quarantined", 1)]
    sums = accounts(lambda _: Table(("outcome", "spans"), ("String", "Int64"), rows))
    assert sums.balanced
    assert str(sums) == "10 accepted = 6 charged + 3 duplicates + 1 quarantined"
    assert str(sums - sums) == "0 accepted = 0"


def test_books_that_do_not_balance_say_so() -> None:
    """A span that is missing or counted twice is a failure of ours."""
    assert not Accounts(10, {"charged": 9}).balanced
    assert str(Accounts(10, {"charged": 9})) == "10 accepted is not 9 charged"


def test_each_finding_is_judged(tmp_path: Path) -> None:
    """What makes the ledger untrustworthy fails, and so do charges without a price; quarantine deserves a look."""

    def query(sql: str) -> Table:
        rows: list[Row] = []
        if "schema_migrations" in sql:
            rows = [("0000_something_else",)]
        elif "ledger_postings" in sql:
            rows = [("accepted", 2), ("charged", 1), ("skipped_records", 3)]
        elif "FROM quarantine" in sql:
            rows = [("open", "negative", 3), ("discarded", "negative", 2)]
        elif "unpriced" in sql:
            rows = [("self-hosted", "house model", 4, ["output_tokens", "input_tokens"])]
        elif "unattributed" in sql:
            rows = [(3,)]
        elif "dialect = 'wire'" in sql:
            rows = [("shop", "openai", 3, 1, 9), ("bot", "anthropic", 1, 0, 2)]
        return Table(("a",), ("String",), rows)

    checks = {check.name: check for check in ledger_checks(query, load({}, store=str(tmp_path)))}
    assert {name: check.verdict for name, check in checks.items()} == {
        "schema": "FAIL",
        "journal": "ok",
        "balance": "FAIL",
        "unreadable": "look",
        "quarantine": "look",
        "prices": "ok",
        "unpriced": "FAIL",
        "tenants": "look",
        "streams": "look",
    }
    cure = (
        "prices add --provider self-hosted --model 'house model' --per 1000000 input_tokens=PRICE output_tokens=PRICE"
    )
    assert checks["unpriced"].finding.startswith("no price for self-hosted/house model (4 calls)")
    assert cure in checks["unpriced"].finding
    assert "then spanledger prices reprice" in checks["unpriced"].finding
    said = "3 open, 2 discarded; open 3: negative. spanledger quarantine list has each"
    assert checks["quarantine"].finding == said
    assert checks["unreadable"].finding.startswith("3 records of journals could not be read and were skipped")
    assert "run spanledger migrate" in checks["schema"].finding
    assert checks["streams"].finding.startswith(
        "shop: of 9 calls to openai the usage of 3 estimated and 1 missing: their streams state none unless asked."
    )
    assert "add include_usage to the host in SPANLEDGER_ENDPOINTS" in checks["streams"].finding
    assert "bot: of 2 calls to anthropic the usage of 1 estimated: their streams were left" in checks["streams"].finding


@pytest.mark.parametrize(("count", "required", "verdict"), [(0, "true", "ok"), (3, "true", "FAIL"), (3, "no", "look")])
def test_usage_that_names_nobody_fails_where_that_was_asked_for(count: int, required: str, verdict: str) -> None:
    """It is charged and shown in any case."""
    settings = load({"LEDGER_REQUIRE_TENANT": required})
    found = ledger_checks(lambda sql: Table((), (), [(count,)] if "unattributed" in sql else []), settings)
    assert [check.verdict for check in found if check.name == "tenants"] == [verdict]


def test_price_files_that_contradict_fail_the_check(tmp_path: Path) -> None:
    """With file, line and reason; the rest is looked at all the same."""
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "a.yaml").write_text("prices:\n  - {provider: p, model: m, units: {seconds: -1}}\n")
    found = ledger_checks(lambda _: Table((), (), []), load({}, store=str(tmp_path)))
    checks = {check.name: check for check in found if check.name == "prices"}
    assert checks["prices"].verdict == "FAIL"
    assert "a.yaml:2: " in checks["prices"].finding
