"""How soon the page is there: first paint, first figures and first chart, in a real Chromium, cold and from its cache.

Over the demonstration's ledger in a real `serve`; times are from the beginning of the navigation, as the browser tells
them. Needs Chromium on the machine and `playwright`; without them nothing is measured.
"""

import json
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ROUNDS: Final = 7
PAINT_MS_MAX: Final = 1_000
_SECONDS_MAX: Final = 60.0
_DAY: Final = "since=2026-11-02T00:00:00Z&until=2026-11-03T00:00:00Z"
_COMMAND: Final = (sys.executable, "-m", "spanledger.ledger.cli")

_WATCH: Final = """
new MutationObserver((_, observer) => {
  if (!window.figures && document.querySelector(".figure")) window.figures = performance.now();
  if (window.chart || !document.querySelector(".chart .main-svg")) return;
  window.chart = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
_TOLD: Final = """() => Object.fromEntries([
  ...performance.getEntriesByType("paint").map((each) => [each.name, each.startTime]),
  ["figures", window.figures], ["chart", window.chart],
])"""


def main() -> int:
    """Print the medians in milliseconds; 1 if the first paint takes over a second."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (a developer's dependency)
    except ModuleNotFoundError:
        print("nothing is measured: playwright is not installed")
        return 0
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("nothing is measured: no Chromium is installed")
        return 0
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Path(folder) / "store"
        subprocess.run([*_COMMAND, "demo", "--store", str(store)], check=True, capture_output=True)
        options = ("--store", str(store), "--grpc", "0", "--http", "0", "--api", "0")
        with subprocess.Popen([*_COMMAND, "serve", *options], stderr=subprocess.DEVNULL) as server:
            try:
                told = _endpoint(store)
                address = f"{told['address']}/?{_DAY}#key={told['page']}"
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                cold = [_shown(browser.new_context(), address) for _ in range(ROUNDS)]
                kept = browser.new_context()
                _shown(kept, address)
                warm = [_shown(kept, address) for _ in range(ROUNDS)]
                browser.close()
            finally:
                server.terminate()
    return _report({"cold": cold, "cached": warm})


def _endpoint(store: Path) -> dict[str, str]:
    """What the server leaves in its store once it is ready."""
    deadline = time.monotonic() + _SECONDS_MAX
    while not (store / "endpoint.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    told: dict[str, str] = json.loads((store / "endpoint.json").read_bytes())
    return told


def _shown(context: "BrowserContext", address: str) -> dict[str, float]:
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(address)
    page.wait_for_function("() => window.chart")
    assert page.locator(".figure").first.inner_text().split()[-1], "no figures were shown"
    told: dict[str, float] = page.evaluate(_TOLD)
    page.close()
    return told


def _report(measured: dict[str, list[dict[str, float]]]) -> int:
    print(f"Python {platform.python_version()}, {platform.machine()}, medians of {ROUNDS}, ms from navigation")
    print(f"{'':<8}{'first paint':>14}{'contentful':>14}{'figures':>14}{'chart':>14}")
    worst = 0.0
    for name, rounds in measured.items():
        names = ("first-paint", "first-contentful-paint", "figures", "chart")
        figures = [median(each[figure] for each in rounds) for figure in names]
        worst = max(worst, figures[0])
        print(f"{name:<8}" + "".join(f"{figure:>14.0f}" for figure in figures))
    print(f"first paint within {PAINT_MS_MAX} ms: {'yes' if worst <= PAINT_MS_MAX else 'NO'}")
    return int(worst > PAINT_MS_MAX)


if __name__ == "__main__":
    sys.exit(main())
