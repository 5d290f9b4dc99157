"""What crosses on its way: answers and newer questions, keys that come late, hands that type while the page works."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import BrowserContext, Route, expect
from support.browsing import Looking, look, looking
from support.page_ledger import SPENT, Seeded

pytestmark = pytest.mark.browser


def test_a_key_that_comes_into_an_open_page_leaves_the_address_too(tab: Looking, ledger: Seeded) -> None:
    """Only the fragment differs, so that nothing is loaded: it is taken all the same, and used."""
    query = f"?{ledger.days.week}"
    tab.open(query, key="")
    expect(tab.page.get_by_label("Key")).to_be_visible()
    tab.page.evaluate("(key) => { location.hash = `key=${key}`; }", ledger.key)
    expect(tab.page.locator(".figure").first).to_be_visible()
    assert tab.page.url == f"http://{tab.api}/{query}"


def test_a_half_typed_key_stays(tab: Looking) -> None:
    """Whoever looks for the rest of it elsewhere finds the first half again; nor does a clock take it away."""
    tab.page.clock.install()
    tab.open()
    tab.page.get_by_role("button", name="The last 7 days").click()
    tab.page.get_by_role("button", name="Sign out").click()
    field = tab.page.get_by_label("Key")
    field.fill("slk_half")
    tab.page.clock.fast_forward(60_000)
    look(tab.page, away=True)
    look(tab.page, away=False)
    expect(field).to_have_value("slk_half")
    tab.page.go_back()
    expect(field).to_have_value("slk_half")
    expect(tab.page.get_by_role("navigation").get_by_role("link")).to_have_count(0)


def test_older_events_come_though_the_newest_are_due(tab: Looking) -> None:
    """What somebody waits for is not broken off by what the page asks by itself."""
    tab.page.clock.install()
    asked = _older(tab)
    tab.page.clock.fast_forward(11_000)
    asked[0].continue_()
    expect(tab.page.get_by_role("region", name=re.compile("^Events")).locator("tbody tr")).to_have_count(100)


def test_who_leaves_older_events_is_told_nothing_of_it(tab: Looking) -> None:
    """A question that was left is no failure."""
    asked = _older(tab)
    tab.page.get_by_role("link", name="Overview").click()
    tab.drawn()
    expect(tab.page.get_by_role("status")).to_have_text("")
    asked[0].abort()


def test_who_signs_in_again_sees_figures(tab: Looking, ledger: Seeded) -> None:
    """Whatever was held still before."""
    asked = _older(tab)
    asked[0].continue_()
    expect(tab.page.get_by_role("status")).to_have_text("50 older events are shown.")
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.get_by_label("Key").fill(ledger.key)
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("region", name=re.compile("^Events")).locator("tbody tr")).to_have_count(50)


def test_a_date_is_typed(tab: Looking) -> None:
    """It is asked for when it stands there, not when its first digit could be a date."""
    tab.open("?since=2026-08-05T00:00:00Z&until=2026-10-20T00:00:00Z")
    tab.page.get_by_label("From this day").focus()
    # Days first or months first, as the machine has it.
    tab.page.keyboard.type("10")
    assert parse_qs(tab.query())["since"] == ["2026-08-05T00:00:00Z"]
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_label("From this day")).to_be_focused()
    assert parse_qs(tab.query())["since"][0] in {"2026-10-05T00:00:00Z", "2026-08-10T00:00:00Z"}


def test_there_is_a_way_back_from_a_zone_that_the_server_does_not_know(context: BrowserContext, ledger: Seeded) -> None:
    """A browser knows spellings of its own."""
    with looking(context, ledger.server.api, ledger.key) as tab:
        tab.open("?tz=europe/berlin")
        expect(tab.page.get_by_role("alert")).to_contain_text("is no IANA time zone")
        tab.page.get_by_role("button", name="Back to the overview").click()
        expect(tab.page.locator("main .notice.bad")).to_have_count(0)


def _older(tab: Looking) -> list[Route]:
    """Ask for older events, and hold the question on its way."""
    asked: list[Route] = []
    tab.page.route("**/v1/events?*cursor=*", lambda route: asked.append(route))  # noqa: PLW0108 (it is wrapped)
    tab.open("?view=events&last=365d")
    tab.page.get_by_role("button", name="Show 50 older ones").click()
    # What the browser tells is heard at each turn.
    for _ in range(1_000):
        if asked:
            break
        tab.page.evaluate("document.title")
    return asked


@pytest.mark.parametrize("beside", ["forecast", "budgets", "movers"])
def test_figures_stand_though_what_is_beside_them_takes_too_long(
    context: BrowserContext, ledger: Seeded, beside: str
) -> None:
    """The server may answer in time what was spent, and not what will be."""
    with looking(context, ledger.server.api, ledger.key) as tab:
        late = '{"error": "Busy", "message": "this took too long"}'
        tab.page.route(f"**/v1/{beside}?*" if beside != "budgets" else "**/v1/budgets", _answering(503, late))
        tab.open(f"?{ledger.days.week}")
        expect(tab.page.locator(".figure").first).to_contain_text(SPENT)
        expect(tab.page.locator("main")).to_contain_text("This took too long.")


def test_an_answer_that_says_nothing_is_asked_for_again(context: BrowserContext, ledger: Seeded) -> None:
    """Whatever stands between the page and its server."""
    with looking(context, ledger.server.api, ledger.key) as tab:
        tab.page.clock.install()
        tab.page.route("**/v1/report?*", _answering(502, "null"))
        tab.open(f"?{ledger.days.week}")
        expect(tab.page.get_by_role("status")).to_contain_text("The server answered with status 502.")
        tab.page.unroute_all()
        tab.page.clock.fast_forward(61_000)
        expect(tab.page.locator(".figure").first).to_contain_text(SPENT)


def _answering(status: int, body: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body=body, content_type="application/json")
