"""A thousand calls of ten cents from sixteen processes want five dollars: fifty get them, whatever happens."""

import signal
from contextlib import closing
from pathlib import Path

from support.commands import Serve, run
from support.reserving import Asker, workers

PROCESSES = 16
ASKED = 1_000
BUDGET = "/v1/budgets/search"
FULL = ("0", "5", "0")
"""Nothing is in the ledger, everything is held."""


def a_key(store: Path) -> str:
    """A key that may set budgets and reserve."""
    made = run("keys", "create", "--tenant", "*", "--default-tenant", "acme", "--role", "admin", "--store", store)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def a_budget(server: Serve, key: str) -> None:
    """Five dollars a month for a team."""
    terms = {"limit": "5", "scope": {"team": "search"}, "window": "month", "hard": True}
    with closing(Asker(server.api, key)) as asker:
        assert asker.ask(BUDGET, terms, "PUT")[0] == 200


def used(server: Serve, key: str) -> tuple[object, ...]:
    """What the budget says: spent, held, remaining."""
    with closing(Asker(server.api, key)) as asker:
        _, state = asker.ask(BUDGET, None, "GET")
    return tuple(state[name] for name in ("spent", "held", "remaining"))


def test_a_thousand_at_once_never_overrun_a_hard_budget(tmp_path: Path) -> None:
    """Exactly fifty are granted, and settled; nobody is granted the fifty-first."""
    key = a_key(tmp_path / "store")
    server = Serve(tmp_path / "store")
    try:
        a_budget(server, key)
        with workers(PROCESSES, ASKED, server.api, key, "0.10") as asking:
            said = asking.said.readlines()
        assert len({line for line in said if line.startswith("granted ")}) == 50
        assert len(said) == ASKED
        assert used(server, key) == FULL
        assert server.stop() == 0
    finally:
        server.close()


def test_nor_when_the_server_is_killed_in_the_middle(tmp_path: Path) -> None:
    """What was promised before the kill holds after it; a promise that nobody heard holds until it expires."""
    key = a_key(tmp_path / "store")
    servers = [Serve(tmp_path / "store")]
    try:
        a_budget(servers[0], key)
        with workers(PROCESSES, ASKED, servers[0].api, key, "0.10") as asking:
            said = [asking.said.readline() for _ in range(20)]
            servers[0].stop(signal.SIGKILL)
            servers.append(Serve(tmp_path / "store", "--api", servers[0].api))
            said += asking.said.readlines()
        granted = {line for line in said if line.startswith("granted ")}
        assert len(said) == ASKED
        assert 50 - PROCESSES <= len(granted) <= 50
        assert used(servers[1], key) == FULL
    finally:
        for server in servers:
            server.close()
