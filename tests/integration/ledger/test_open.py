"""`spanledger open`: the page's address with a key that reads and does nothing else; a browser that is given it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.commands import Serve, run, serving

from spanledger.ledger.api.route import AnyRoute
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.endpoint_file import find

SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server below."""
    return tmp_path_factory.mktemp("open") / "store"


@pytest.fixture(scope="module")
def server(store: Path) -> Generator[Serve]:
    """A server without keys."""
    with serving(store) as running:
        yield running


def opened(store: Path, *options: str) -> str:
    """What the command prints of a running server."""
    ended = run("open", "--store", store, "--no-browser", *options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def status(address: str, key: str, route: AnyRoute) -> int:
    """Of a request to a route, which need not make sense."""
    path = route.path.replace("{", "").replace("}", "")
    with closing(HTTPConnection(address, timeout=SECONDS_MAX)) as connection:
        body = b"{}" if route.method in {"POST", "PUT"} else None
        connection.request(route.method, path, body, {"authorization": f"Bearer {key}"})
        return connection.getresponse().status


def test_the_address_has_a_key_that_reads_everything_and_changes_nothing(server: Serve, store: Path) -> None:
    """By each route of the API: those for readers answer, all others are refused."""
    url = urlsplit(opened(store))
    assert (url.netloc, url.path, url.query) == (server.api, "/", "")
    name, _, key = url.fragment.partition("=")
    assert (name, len(key)) == ("key", 43)
    for route in ROUTES:
        told = status(server.api, key, route)
        assert (told == 403) == (route.role not in {None, "read"}), (route.method, route.path, told)
        assert told not in {401, 500, 503}


def test_the_key_is_of_this_run_and_nobody_is_told_of_it(server: Serve, store: Path) -> None:
    """It lies beside the owner's, for the owner alone; no log has it. The server says where its page is."""
    endpoint = find(store)
    assert endpoint is not None
    assert opened(store) == f"http://{server.api}/#key={endpoint.page}"
    assert endpoint.page not in {"", endpoint.token}
    assert (store / "endpoint.json").stat().st_mode & 0o777 == 0o600
    assert f"the page is at http://{server.api}/ and spanledger open opens it" in server.told
    assert not any(endpoint.page in line or endpoint.token in line for line in server.told)


def test_a_server_that_asks_for_keys_gives_none_away(tmp_path: Path) -> None:
    """The page asks, and the command says how a key is made; no token of a browser's is known there."""
    store = tmp_path / "store"
    assert run("keys", "create", "--store", store, "--tenant", "acme").returncode == 0
    with serving(store) as asking:
        ended = run("open", "--store", store, "--no-browser")
        assert (ended.returncode, ended.stdout) == (0, f"http://{asking.api}/\n")
        assert "keys create --tenant '*' --role read" in ended.stderr
        endpoint = find(store)
        assert endpoint is not None
        assert endpoint.page == ""
        # What is in front of such a server may pass on the name that it is called by itself.
        assert asked_as(asking, "ledger.example", "/healthz") == 200


def asked_as(server: Serve, host: str, path: str, key: str = "") -> int:
    """The status of a request under a name."""
    with closing(HTTPConnection(server.api, timeout=SECONDS_MAX)) as connection:
        connection.request("GET", path, headers={"host": host, "authorization": f"Bearer {key}"})
        return connection.getresponse().status


def test_a_stranger_s_name_that_points_here_is_answered_nothing(server: Serve, store: Path) -> None:
    """Not even what is for everybody, nor with a key: a page of the stranger's would be asking."""
    key = urlsplit(opened(store)).fragment.removeprefix("key=")
    port = urlsplit(f"//{server.api}").port
    for path in ("/healthz", "/metrics", "/v1/report", "/"):
        assert asked_as(server, f"evil.example:{port}", path, key) == 421
    for host in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}"):
        assert asked_as(server, host, "/v1/report", key) == 200


BROWSER = """#!/bin/sh
printf '%s' "$1" > "$OPENED"
"""


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser that writes what it is to show into a pipe, which this is."""
    program, shown = tmp_path / "browser", tmp_path / "shown"
    program.write_text(BROWSER)
    program.chmod(0o700)
    os.mkfifo(shown)
    monkeypatch.setenv("BROWSER", str(program))
    monkeypatch.setenv("OPENED", str(shown))
    return shown


def test_a_browser_is_given_the_address(server: Serve, store: Path, browser: Path) -> None:
    """Of the server that runs."""
    shown: list[str] = []
    reader = threading.Thread(target=lambda: shown.append(browser.read_text()), daemon=True)
    reader.start()
    ended = run("open", "--store", store)
    reader.join(SECONDS_MAX)
    assert ended.stdout.splitlines() == shown
    assert urlsplit(shown[0]).netloc == server.api


def test_without_a_server_it_is_one_until_it_is_stopped(tmp_path: Path, browser: Path) -> None:
    """The browser is opened when the page can be had; Ctrl-C stops it cleanly."""
    ports = ("--grpc", "0", "--http", "0", "--api", "0")
    command = [sys.executable, "-m", "spanledger.ledger.cli", "open", "--store", str(tmp_path / "store"), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = urlsplit(browser.read_text())
            key = url.fragment.removeprefix("key=")
            [report] = [route for route in ROUTES if route.path == "/v1/report"]
            assert status(url.netloc, key, report) == 200
            process.send_signal(signal.SIGINT)
            printed, told = process.communicate(timeout=SECONDS_MAX)
        finally:
            process.kill()
    assert (process.returncode, printed.strip()) == (0, url.geturl())
    assert "spanledger ready" in told
    assert key not in told
