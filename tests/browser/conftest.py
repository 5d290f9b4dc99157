"""One browser and one seeded server for all tests of the page; a tab of its own for each."""

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from support.browsing import Looking, chromium, looking, profile
from support.commands import serving
from support.page_ledger import Days, Seeded, reader, seeded

# A busy machine is no failure.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    """The machine's Chromium."""
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Generator[Seeded]:
    """A real `serve` with figures that are known."""
    folder, days = tmp_path_factory.mktemp("page"), Days()
    store = folder / "store"
    with serving(store) as server:
        seeded(server, store, folder, days)
        yield Seeded(server, reader(store), days)


@pytest.fixture(scope="session")
def context(browser: Browser) -> Generator[BrowserContext]:
    """One profile: what is fetched for good is fetched once."""
    with profile(browser) as opened:
        yield opened


@pytest.fixture
def tab(context: BrowserContext, ledger: Seeded) -> Generator[Looking]:
    """A tab on that server. Whatever a test does in it, the console stays empty and nobody else is asked."""
    with looking(context, ledger.server.api, ledger.key) as seen:
        yield seen
        assert seen.violations() == []
        assert seen.wrong == []
