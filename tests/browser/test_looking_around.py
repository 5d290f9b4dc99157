"""The address, the filters, the way back, the keyboard, the files to keep."""

import csv
import io
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, expect
from support.browsing import Looking, looking, profile
from support.page_ledger import BY_TENANT, SPENT, Seeded

pytestmark = pytest.mark.browser


def test_a_click_filters_and_the_way_back_leads_back(tab: Looking, ledger: Seeded) -> None:
    """A row or a legend's entry makes a chip and an address; back and forward go between them."""
    tab.open(f"?{ledger.days.week}")
    spend = tab.page.locator(".figure").first
    tab.page.get_by_role("group", name="Legend").get_by_role("button", name="globex").click()
    expect(spend).to_contain_text("4.84")
    assert parse_qs(tab.query())["where.tenant"] == ["globex"]
    tab.page.get_by_role("tab", name="Model").click()
    tab.page.get_by_role("region", name="Spend by model").get_by_role(
        "button", name="gpt-4o", exact=False
    ).first.click()
    expect(spend).to_contain_text("4.00")
    tab.page.go_back()
    tab.page.go_back()
    expect(spend).to_contain_text("4.84")
    assert "by" not in parse_qs(tab.query())
    tab.page.go_forward()
    expect(tab.page.get_by_role("tab", name="Model")).to_have_attribute("aria-selected", "true")
    tab.page.get_by_role("button", name="Remove the filter tenant globex").click()
    expect(spend).to_contain_text(SPENT)


def test_an_old_ledger_is_shown_to_whoever_names_no_time(browser: Browser, ledger: Seeded) -> None:
    """Years later the last thirty days are empty: the page opens with all the time, and shows them if asked."""
    # A clock is its whole profile's.
    with profile(browser) as years_later, looking(years_later, ledger.server.api, ledger.key) as tab:
        tab.page.clock.set_fixed_time("2031-05-01T12:00:00Z")
        tab.open()
        expect(tab.page.locator(".figure").first).to_contain_text("30.6")
        assert parse_qs(tab.query())["last"] == ["all"]
        tab.page.get_by_role("button", name="The last 30 days").click()
        expect(tab.page.get_by_role("heading", name="Nothing in this time")).to_be_visible()


def test_a_doubt_leads_to_what_is_in_doubt(tab: Looking, ledger: Seeded) -> None:
    """The badge of what has no price filters by it."""
    tab.open(f"?{ledger.days.week}")
    tab.page.get_by_role("button", name=re.compile("unpriced")).click()
    expect(tab.page.locator(".figure").nth(1)).to_contain_text("2")
    expect(tab.page.locator(".figure").first).to_contain_text("unknown")


def test_nothing_is_certain_of_no_requests(tab: Looking, ledger: Seeded) -> None:
    """Two tries that failed, and no request: there is no share of them, and no spend is known."""
    tab.open(f"?{ledger.days.week}&where.error_type=overloaded")
    expect(tab.page.locator(".figure").nth(3)).to_contain_text("0 %")
    expect(tab.page.locator(".badge")).to_have_count(0)


def test_a_bar_leads_to_the_events_of_its_day(tab: Looking, ledger: Seeded) -> None:
    """By the mouse on the chart, and by the link in its table."""
    tab.open(f"?{ledger.days.week}")
    box = tab.page.locator(".chart").bounding_box()
    assert box
    tab.page.mouse.click(box["x"] + 56 + (box["width"] - 60) * 6.5 / 7, box["y"] + box["height"] - 60)
    rows = tab.page.get_by_role("region", name=re.compile("^Events")).locator("tbody tr")
    # Yesterday: acme's three, globex's one, the two of the trace.
    expect(rows).to_have_count(6)
    asked = parse_qs(tab.query())
    assert asked["since"] == [f"{ledger.days.before(1):%Y-%m-%dT%H:%M:%S+00:00}"]
    tab.page.go_back()
    tab.page.locator("summary", has_text="Figures by day").click()
    tab.page.get_by_role("region", name="Figures by day").get_by_role("link").nth(3).click()
    expect(rows).to_have_count(5)


def test_the_address_is_the_state(tab: Looking, ledger: Seeded) -> None:
    """A link opens what its sender saw; what it cannot mean is left out; the key is never in it."""
    tab.open(f"?{ledger.days.week}&by=model&where.tenant=acme&where.tenant=globex&tz=Asia/Kolkata&order=requests:asc")
    assert tab.page.get_by_label("Time zone").input_value() == "Asia/Kolkata"
    # 5.5 hours ahead, the week's bounds are no midnights: its days are named by that clock.
    assert [row[0] for row in tab.table("Spend by model")] == ["house-model-13b", "gpt-4o", "gpt-4o-mini"]
    expect(tab.page.get_by_role("list", name="Filters").get_by_role("button")).to_have_count(2)
    assert "key" not in tab.page.url
    tab.open("?view=nothing&last=ever&tz=Mars/Olympus&by=<b>&since=yesterday&where.__proto__=x&where.constructor=y")
    assert tab.page.get_by_role("button", name="The last 30 days").get_attribute("aria-pressed") == "true"
    assert tab.page.get_by_label("Time zone").input_value() == "UTC"


def test_times_are_chosen_by_buttons_dates_and_zone(tab: Looking, ledger: Seeded) -> None:
    """Days are those of the zone."""
    tab.open()
    tab.page.get_by_role("button", name="The last 7 days").click()
    assert parse_qs(tab.query())["last"] == ["7d"]
    tab.page.get_by_label("From this day").fill(f"{ledger.days.before(3):%Y-%m-%d}")
    tab.page.get_by_label("To the end of this day").fill(f"{ledger.days.before(3):%Y-%m-%d}")
    # Three days ago: three of acme's, of which one large, one of globex's, three of <script>'s.
    expect(tab.page.locator(".figure").first).to_contain_text("5.26")
    tab.page.get_by_label("Time zone").focus()
    tab.page.get_by_label("Time zone").select_option("Pacific/Auckland")
    assert parse_qs(tab.query())["tz"] == ["Pacific/Auckland"]


def test_everything_works_by_the_keyboard(tab: Looking, ledger: Seeded) -> None:
    """The first stop skips to the figures; arrows move between tabs; headers sort and say so."""
    tab.open(f"?{ledger.days.week}")
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("link", name="Skip to the figures")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("main")).to_be_focused()
    tab.page.get_by_role("tab", name="Tenant").focus()
    tab.page.keyboard.press("ArrowRight")
    model = tab.page.get_by_role("tab", name="Model")
    expect(model).to_have_attribute("aria-selected", "true")
    expect(tab.page.get_by_role("region", name="Spend by model")).to_be_visible()
    expect(model).to_be_focused()
    assert [each.get_attribute("tabindex") for each in tab.page.get_by_role("tab").all()] == [
        "-1",
        "0",
        "-1",
        "-1",
        "-1",
    ]
    tab.page.keyboard.press("End")
    expect(tab.page.get_by_role("tab", name="Agent")).to_have_attribute("aria-selected", "true")
    header = tab.page.get_by_role("columnheader", name="Requests")
    header.get_by_role("button").focus()
    tab.page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    tab.page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    tab.drawn()
    outline = header.get_by_role("button").evaluate("(element) => getComputedStyle(element).outlineStyle")
    assert outline == "solid"


def test_csv_is_what_is_shown(tab: Looking, ledger: Seeded, tmp_path: Path) -> None:
    """All rows, exact, with the filter; nothing that a spreadsheet would run."""
    tab.open(f"?{ledger.days.week}")
    rows = _saved(tab, "Save spend by tenant as CSV", tmp_path)
    assert [(row["tenant"], row["cost"]) for row in rows[:2]] == [("acme", "10.1"), ("globex", "4.84")]
    assert len(rows) == 19
    assert len(BY_TENANT) < len(rows)
    series = _saved(tab, "Save spend over time by tenant as CSV", tmp_path)
    assert len({row["bucket"] for row in series}) == 7
    assert [row["cost"] for row in series if row["tenant"] == "globex"] == [
        "0",
        "4",
        "0.21",
        "0",
        "0.21",
        "0.21",
        "0.21",
    ]
    tab.page.get_by_role("link", name="Events", exact=True).click()
    assert len(_saved(tab, "Save events as CSV", tmp_path)) == 42


def _saved(tab: Looking, button: str, folder: Path) -> list[dict[str, str]]:
    with tab.page.expect_download() as saving:
        tab.page.get_by_role("button", name=button).click()
    path = folder / saving.value.suggested_filename
    saving.value.save_as(path)
    return [*csv.DictReader(io.StringIO(path.read_text()))]


def test_the_theme_is_switched_and_kept(tab: Looking, ledger: Seeded) -> None:
    """Also over a reload; the chart follows."""
    tab.open(f"?{ledger.days.week}")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(ground)
    tab.page.get_by_role("button", name="Dark colours").click()
    dark = tab.page.evaluate(ground)
    assert light != dark
    tab.page.reload()
    tab.drawn()
    assert tab.page.evaluate(ground) == dark
    background = tab.page.locator(".chart .main-svg").first.evaluate("(each) => getComputedStyle(each).backgroundColor")
    assert background == tab.page.locator(".panel").first.evaluate("(each) => getComputedStyle(each).backgroundColor")
