"""The page in the machine's own Chromium: opened, looked at, and watched for what it may not do."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Locator,
    Page,
    Playwright,
    Request,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE = (1440, 1000)
PHONE = (360, 740)

_WATCH = """
window.seen = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.seen.push(event.violatedDirective + " " + event.blockedURI);
});
"""


_LOOK = """(away) => {
  Object.defineProperty(document, "hidden", { value: away, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@dataclass
class Looking:
    """One tab on the page of one server, and what went wrong in it."""

    page: Page
    api: str
    key: str
    wrong: list[str] = field(default_factory=list[str])
    """What the console said, whom else it asked, which dialogs came up."""

    def open(self, query: str = "", *, key: str | None = None) -> None:
        """Open the page at a query with the key in the fragment, and wait until it is drawn."""
        self.page.goto(f"http://{self.api}/{query}#key={self.key if key is None else key}")
        self.drawn()

    def drawn(self) -> None:
        """Wait until the view stands there whole, with its charts."""
        self.page.locator("main .panel, main .notice").first.wait_for()
        self.page.wait_for_function(
            "() => !document.querySelector('main [aria-busy]')"
            " && [...document.querySelectorAll('.chart')].every((each) => each.querySelector('.main-svg'))"
        )

    def figures(self) -> dict[str, str]:
        """The big figures by name: the value, then what it is compared with."""
        found = self.page.locator(".figure").all()
        return {each.locator("dt").inner_text(): _plain(each.locator("dd").inner_text()) for each in found}

    def table(self, caption: str) -> list[list[str]]:
        """The rows of a table, as people see them."""
        rows = self.page.get_by_role("region", name=caption, exact=True).locator("tbody tr").all()
        return [[_plain(cell.inner_text()) for cell in row.locator("th, td").all()] for row in rows]

    def panel(self, title: str) -> Locator:
        """The box of this heading."""
        return self.page.locator("section.panel", has=self.page.get_by_role("heading", name=title, exact=True))

    def query(self) -> str:
        """The address, behind its question mark."""
        return urlsplit(self.page.url).query

    def violations(self) -> list[str]:
        """What the policy forbade."""
        found: list[str] = self.page.evaluate("window.seen")
        return found


def look(page: Page, *, away: bool) -> None:
    """Another tab is looked at, or this one again."""
    page.evaluate(_LOOK, away)


def _plain(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def chromium(playwright: Playwright) -> Generator[Browser]:
    """The machine's own browser. Tests run as root in containers, where its sandbox cannot."""
    assert CHROMIUM, "no Chromium is installed: apt-get install chromium"
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def profile(
    browser: Browser, *, size: tuple[int, int] = WIDE, scheme: str = "light", still: bool = True
) -> Generator[BrowserContext]:
    """A profile that keeps what it fetched, so that the chart library is read once."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce" if still else "no-preference",
        timezone_id="UTC",
        locale="en-GB",
    )
    context.set_default_timeout(30_000)
    context.add_init_script(_WATCH)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def looking(context: BrowserContext, api: str, key: str) -> Generator[Looking]:
    """A new tab."""
    page = context.new_page()
    seen = Looking(page, api, key)

    def said(message: ConsoleMessage) -> None:
        seen.wrong.append(f"console {message.type}: {message.text}")

    def asked(request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme not in {"blob", "data"} and target.netloc != api:
            seen.wrong.append(f"asked {request.url}")

    def interrupted(dialog: Dialog) -> None:
        seen.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("console", said)
    page.on("request", asked)
    page.on("pageerror", lambda error: seen.wrong.append(f"error {error}"))
    page.on("dialog", interrupted)
    try:
        yield seen
    finally:
        with suppress(Error):
            page.evaluate("localStorage.clear()")
        page.close()
