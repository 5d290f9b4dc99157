"""Who may not see well, who has a phone, who is hostile: every view, in light and dark."""

import re
from collections.abc import Generator
from typing import Any, cast

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext
from support.browsing import PHONE, Looking, looking, profile
from support.page_ledger import SCRIPT, TRACE, Seeded

pytestmark = pytest.mark.browser

VIEWS = ("overview", "tokens", "reliability", "budgets", "events", "event", "trace", "nothing", "refused", "awaited")


@pytest.fixture(scope="module", params=["light", "dark"])
def scheme(request: pytest.FixtureRequest, browser: Browser) -> Generator[BrowserContext]:
    """A profile of someone who prefers this scheme."""
    with profile(browser, scheme=request.param) as context:
        yield context


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Generator[BrowserContext]:
    """A phone's."""
    with profile(browser, size=PHONE) as context:
        yield context


def _axe(tab: Looking) -> dict[str, Any]:
    return cast("dict[str, Any]", Axe().run(tab.page).response)  # pyright: ignore[reportUnknownMemberType]


def _open(tab: Looking, ledger: Seeded, view: str) -> None:
    week = ledger.days.week
    match view:
        case "trace":
            tab.open(f"?view=trace&trace={TRACE}")
        case "nothing":
            tab.open(f"?{ledger.days.between(900, 890)}")
        case "refused":
            tab.open("?where.colour=red")
        case "awaited":
            tab.page.route(re.compile(r"/v1/(movers|forecast|report\?by=)"), lambda _: None)
            tab.page.goto(f"http://{tab.api}/?{week}#key={tab.key}")
            tab.page.locator(".figures:not([aria-busy]) .change").first.wait_for()
            tab.page.locator(".chart .main-svg").first.wait_for()
        case "event":
            tab.open(f"?view=events&{week}&where.tenant=acme")
            tab.page.get_by_role("row").nth(1).get_by_role("link").click()
            tab.page.get_by_role("heading", name="In words").wait_for()
        case _:
            tab.open(f"?view={view}&{week}&where.environment=")
    for details in tab.page.locator("details").all():
        details.evaluate("(each) => { each.open = true; }")


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_to_complain_of(scheme: BrowserContext, ledger: Seeded, view: str) -> None:
    """Names, roles, contrast, order: every rule of axe-core, on every view."""
    with looking(scheme, ledger.server.api, ledger.key) as tab:
        _open(tab, ledger, view)
        found = _axe(tab)
        complaints = [
            f"{rule['id']}: {rule['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
            for rule in found["violations"]
            for node in rule["nodes"][:3]
        ]
        assert complaints == []
        assert len(found["passes"]) > 10


def test_axe_finds_nothing_in_the_sign_in(scheme: BrowserContext, ledger: Seeded) -> None:
    """With the sentence on what was wrong."""
    with looking(scheme, ledger.server.api, "") as tab:
        tab.open()
        tab.page.get_by_label("Key").fill("slk_nobody")
        tab.page.get_by_role("button", name="Sign in").click()
        tab.page.get_by_role("alert").wait_for()
        assert [rule["id"] for rule in _axe(tab)["violations"]] == []


def test_a_phone_shows_every_view_without_moving_sideways(phone: BrowserContext, ledger: Seeded) -> None:
    """360 pixels wide: tables scroll in their boxes, the page does not."""
    with looking(phone, ledger.server.api, ledger.key) as tab:
        for view in VIEWS:
            _open(tab, ledger, view)
            wide = tab.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE[0], view


def test_motion_is_for_who_wants_it(browser: Browser, tab: Looking, ledger: Seeded) -> None:
    """Bars grow for some, and stand at once for others."""
    speed = "(each) => getComputedStyle(each).transitionDuration"
    tab.open(f"?{ledger.days.week}")
    assert tab.page.locator(".track i").first.evaluate(speed) == "0s"
    with profile(browser, still=False) as context, looking(context, ledger.server.api, ledger.key) as moving:
        moving.open(f"?{ledger.days.week}")
        assert moving.page.locator(".track i").first.evaluate(speed) == "0.2s"


def test_the_policy_lets_nothing_else_run(context: BrowserContext, ledger: Seeded) -> None:
    """Markup that came in all the same would not run, and the tests would see that it tried."""
    with looking(context, ledger.server.api, ledger.key) as tab:
        tab.open(f"?{ledger.days.week}")
        assert tab.violations() == []
        tab.page.evaluate(
            "(markup) => { document.querySelector('main').innerHTML = markup; }",
            f"{SCRIPT}<img src=x onerror='document.title = 1'><p style='color: red'>",
        )
        tab.page.wait_for_function("window.seen.length >= 2")
        assert {each.split()[0] for each in tab.violations()} == {"script-src-attr", "style-src-attr"}
        assert tab.page.title() == "Overview · spanledger"


def test_amounts_are_formatted_as_text(tab: Looking) -> None:
    """No float is ever made of money: digits that a float has no room for are kept."""
    tab.open("?view=budgets")
    script = tab.page.locator("script[type=module]").get_attribute("src") or ""
    told = tab.page.evaluate(
        """async (folder) => {
          const { shown, attos, places } = await import(folder + "money.js");
          return [shown("9007199254740993.01"), shown("-1234.5"), shown("0"), shown("0.000054"), shown("0.0000001"),
            shown(null), shown("0.125", 2), String(attos("9007199254740993.000000000000000001")),
            places(["0.05", "0.0004"]), places(["0.00000001"]), places(["12", "0.0001"])];
        }""",
        f"/{script.removesuffix('main.js')}",
    )
    assert told == [
        "9,007,199,254,740,993.01",
        "\N{MINUS SIGN}1,234.50",
        "0.00",
        "0.000054",
        "<0.000001",
        "unknown",
        "0.13",
        "9007199254740993000000000000000001",
        4,
        6,
        2,
    ]


def test_days_are_as_long_as_they_are(tab: Looking) -> None:
    """Where clocks change a day begins at its own midnight."""
    tab.open("?view=budgets")
    script = tab.page.locator("script[type=module]").get_attribute("src") or ""
    told = tab.page.evaluate(
        """async (folder) => {
          const { midnight, iso, bounds, dateOf } = await import(folder + "times.js");
          const of = (date, zone) => iso(midnight(date, zone));
          const monday = Date.parse("2026-03-30T10:20:30Z");
          const week = bounds({ last: "7d", since: "", until: "", tz: "Europe/Berlin" }, monday);
          const open = bounds({ last: "all", since: "", until: "", tz: "UTC" }, 0);
          return [of("2026-03-29", "Europe/Berlin"), of("2026-03-30", "Europe/Berlin"),
            of("2026-11-01", "America/New_York"), of("2026-11-02", "America/New_York"),
            of("2026-04-01", "Asia/Kolkata"), of("2026-04-05", "Pacific/Auckland"), week.since, week.until,
            open.since + open.until, dateOf(Date.parse("2026-03-29T22:30:00Z"), "Europe/Berlin")];
        }""",
        f"/{script.removesuffix('main.js')}",
    )
    assert told == [
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
        "2026-03-31T18:30:00Z",
        "2026-04-04T11:00:00Z",
        "2026-03-23T23:00:00Z",
        "2026-03-30T10:21:00Z",
        "",
        "2026-03-30",
    ]


def test_long_names_stay_on_a_phone(phone: BrowserContext, ledger: Seeded) -> None:
    """Whatever a sender calls its error, its tenant or its model."""
    name = "a-very-long-name-without-any-place-to-break-" * 5
    with looking(phone, ledger.server.api, ledger.key) as tab:
        for query in (f"?view=trace&trace={name}", f"?where.tenant={name}", f"?order={name}:asc"):
            tab.open(query)
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], query
        _open(tab, ledger, "event")
        tab.page.evaluate(
            "(name) => document.querySelectorAll('.tag').forEach((each) => { each.textContent = name; })", name
        )
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
