"""Tenants that send the same ids with their own keys: nobody's rows carry, or are changed by, what another sent."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from faults.tenants import payer_of, scope_of, send, told_apart
from support.desk import Desk
from support.keys import Keys

from spanledger.exporter.store import Store

HUNDRED = 100
"""The fault programme has a thousand, at every change."""


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


def test_a_hundred_tenants_with_the_same_ids_stay_apart(desk: Desk, tmp_path: Path) -> None:
    """Each is charged its own counts once, though all share trace, span and response ids and claim to be others."""
    line = told_apart(desk, Keys(tmp_path / "keys.sqlite"), HUNDRED)
    assert line.wrong == []
    assert line.holds


def test_what_was_taken_is_its_tenants_whatever_becomes_of_the_key(desk: Desk, tmp_path: Path) -> None:
    """Who pays is written with the usage when it is taken; posting asks nobody again, not even where keys are gone."""
    keys = Keys(tmp_path / "keys.sqlite")
    asyncio.run(send(desk, keys, [keys.create(scope_of(0))]))
    keys.store.file.unlink()
    desk.restart()
    desk.post()
    assert desk.store.query("SELECT tenant, input_tokens FROM charges") == [(payer_of(0), 1000)]
