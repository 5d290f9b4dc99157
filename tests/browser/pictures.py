"""`make pictures`: the page over the demonstration's data, as docs/pictures has it."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import sync_playwright
from support.browsing import PHONE, Looking, chromium, looking, profile
from support.commands import run, serving
from support.page_ledger import reader

FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
BYTES_MAX: Final = 120_000
_SIZE: Final = (1280, 840)
_DAY: Final = "since=2026-11-02T06:00:00Z&until=2026-11-02T18:00:00Z"
_BUDGETS: Final = (
    ("acme's day", "--limit", "0.25", "--window", "day", "--scope", "tenant=acme", "--hard"),
    ("reports", "--limit", "0.4", "--window", "total", "--scope", "feature=reports"),
    ("everything", "--limit", "2.20", "--window", "total"),
)
_PICTURES: Final = (
    ("overview-light", f"?{_DAY}", "light", _SIZE),
    ("overview-dark", f"?{_DAY}&by=model", "dark", _SIZE),
    ("tokens-light", f"?view=tokens&{_DAY}", "light", _SIZE),
    ("event-light", "", "light", _SIZE),
    ("phone-light", f"?{_DAY}", "light", PHONE),
    ("phone-dark", f"?view=reliability&{_DAY}", "dark", PHONE),
)


def main() -> int:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        assert run("demo", "--store", store).returncode == 0
        with serving(store) as server, sync_playwright() as playwright, chromium(playwright) as browser:
            for name, *terms in _BUDGETS:
                assert run("budgets", "set", name, *terms, "--store", store).returncode == 0
            for name, query, scheme, size in _PICTURES:
                with (
                    profile(browser, size=size, scheme=scheme) as context,
                    looking(context, server.api, reader(store)) as tab,
                ):
                    _show(tab, query)
                    assert tab.wrong == [], tab.wrong
                    _take(tab, FOLDER / f"{name}.png")
    return 0


def _show(tab: Looking, query: str) -> None:
    """A view; without a query the explanation of the day's dearest event."""
    if query:
        tab.open(query)
        return
    tab.open(f"?view=events&{_DAY}&where.feature=escalation")
    tab.page.get_by_role("row").nth(1).get_by_role("link").click()
    tab.page.get_by_role("heading", name="In words").wait_for()


def _take(tab: Looking, file: Path) -> None:
    tab.page.evaluate("document.fonts.ready")
    tab.page.screenshot(path=file)
    size = file.stat().st_size
    print(json.dumps({"picture": file.name, "bytes": size}))  # noqa: T201
    assert size <= BYTES_MAX, f"{file.name} is {size} bytes"


if __name__ == "__main__":
    sys.exit(main())
