"""Every view, clicked through, with figures that are worked out by hand in `support.page_ledger`."""

import re
from typing import Final

import pytest
from playwright.sync_api import expect
from support.browsing import Looking
from support.page_ledger import BY_TENANT, FOX, LINK, MANY, SCRIPT, SPENT, TRACE, Seeded

pytestmark = pytest.mark.browser

TIMES: Final = "\N{MULTIPLICATION SIGN}"
MINUS: Final = "\N{MINUS SIGN}"
NONE: Final = "\N{EN DASH}"


def test_the_overview_tells_what_was_spent_and_by_whom(tab: Looking, ledger: Seeded) -> None:
    """Big figures with their change, the stack and its rest, the groups, what moved, what is in doubt, the budgets."""
    tab.open(f"?{ledger.days.week}")
    # 8.42 USD and 4 requests in the week before; 42 tries, of which 2 failed.
    assert tab.figures() == {
        "Spend": f"USD {SPENT} ▲ 147 % against the 7 days before",
        "Requests": f"40 ▲ 10{TIMES} against the 7 days before",
        "Tokens": "29.8 M ▲ 547 % against the 7 days before",
        "Success rate": "95.2 % ▼ 4.8 points against the 7 days before",
    }
    legend = tab.page.get_by_role("group", name="Legend")
    assert legend.locator(".name").all_inner_texts() == [name for name, _ in BY_TENANT] + ["13 other tenants"]
    groups = tab.table("Spend by tenant")
    assert [(row[0], row[1]) for row in groups[:6]] == BY_TENANT
    assert groups[0] == ["acme", "10.10", "", "48.6 %", "14", "12.0 M", "1.40 M"]
    assert len(groups) == 19
    moved = tab.table("What changed most against the time before, by tenant")
    assert moved[:3] == [
        ["acme", "+9.68", f"▲ 24{TIMES}"],
        ["initech", "+4.21", "new"],
        ["globex", f"{MINUS}3.16", "▼ 40 %"],
    ]
    doubts = tab.page.get_by_role("list", name="What is uncertain")
    assert doubts.locator("b").all_inner_texts() == ["5.0 % unpriced", "2.5 % unattributed"]
    gauges = tab.page.get_by_role("meter")
    assert [gauge.get_attribute("aria-valuetext") for gauge in gauges.all()] == [
        "122.7 % of 25.00 USD",
        "87.7 % of 12.00 USD",
        "1.3 % of 1,000.00 USD",
    ]


def test_the_chart_has_its_figures_as_a_table(tab: Looking, ledger: Seeded) -> None:
    """Each day with every group; the sums are exact."""
    tab.open(f"?{ledger.days.week}")
    tab.page.locator("summary", has_text="Figures by day").click()
    rows = tab.table("Figures by day")
    assert len(rows) == 7
    # Six days ago: a call of acme's, a large one of globex's, and half a call of nobody's.
    assert rows[1][1:5] == ["4.32", "0.21", "4.00", "0.00"]
    assert rows[1][-1] == "0.11"


def test_any_dimension_splits_the_spend(tab: Looking, ledger: Seeded) -> None:
    """By a tab, or out of a list; what nobody stated is said to be so."""
    tab.open(f"?{ledger.days.week}")
    first = {
        "Model": ["gpt-4o", "16.00"],
        "Feature": ["not stated", "9.41"],
        "Team": ["not stated", "10.67"],
        "Agent": ["not stated", "16.56"],
    }
    for name, row in first.items():
        tab.page.get_by_role("tab", name=name).click()
        expect(tab.page.get_by_role("region", name=f"Spend by {name.lower()}")).to_be_visible()
        assert tab.table(f"Spend by {name.lower()}")[0][:2] == row
        assert f"by={name.lower()}" in tab.query()
    tab.page.get_by_label("Split by something else").select_option("provider")
    expect(tab.page.get_by_role("region", name="Spend by provider")).to_be_visible()
    assert tab.table("Spend by provider")[0][:2] == ["openai", SPENT]


def test_tokens_are_told_by_bucket(tab: Looking, ledger: Seeded) -> None:
    """Fresh input against the cache; nothing is counted in two buckets."""
    tab.open(f"?view=tokens&{ledger.days.week}")
    figures = tab.figures()
    assert figures["Input"].startswith("26.7 M")
    assert figures["From cache"] == "6.0 % 1.60 M of the input"
    assert figures["Output"].startswith("3.07 M")
    rows = {row[0]: row for row in tab.table("Tokens by model")}
    assert rows["gpt-4o"] == ["gpt-4o", "4.00 M", "", "2.40 M", "1.60 M", NONE, "40.0 %", "800 K", NONE]
    tab.page.locator("summary", has_text="Figures by day").click()
    # Yesterday: 5 small calls and 2 large ones, which read 400,000 of their million from the cache.
    assert tab.table("Tokens by day")[-1][1:] == ["5,200,000", "800,000", "0", "800,000", "0"]


def test_reliability_tells_tries_errors_and_latency(tab: Looking, ledger: Seeded) -> None:
    """By model, with exact quantiles."""
    tab.open(f"?view=reliability&{ledger.days.week}")
    figures = tab.figures()
    assert figures["Success rate"] == "95.2 % 42 tries"
    assert figures["Errors"] == "2"
    assert figures["Latency, p95"] == "2.00 s half took less than 1.00 s"
    rows = {row[0]: row for row in tab.table("Tries and latency by model")}
    assert rows["gpt-4o-mini"][1:7] == ["34", "2", "2", "94.4 %", "1.00 s", "1.00 s"]
    assert rows["gpt-4o"][1:7] == ["4", "0", "0", "100 %", "2.00 s", "2.00 s"]
    tab.page.locator("summary", has_text="Figures by day").click()
    assert tab.table("Tries by day")[3][1:] == ["3", "2"]


def test_budgets_are_gauges_with_a_history(tab: Looking) -> None:
    """Spent, left or over, hard or soft, when it begins anew, and how its windows went."""
    tab.open("?view=budgets")
    cards = {
        each.get_attribute("aria-label"): " ".join(each.inner_text().split())
        for each in tab.page.locator("article").all()
    }
    assert cards["everything"].startswith("everything exceeded soft 122.7 % of 25.00 USD in all 30.69 spent, 5.69 over")
    assert cards["acme's year"].startswith(
        "acme's year 80 % reached hard 87.7 % of 12.00 USD in all 10.52 spent, 1.48 left"
    )
    assert "Never begins anew; of tenant acme. 2 requests without a price" in cards["acme's year"]
    assert re.search(r"Begins anew 1 \w+ \d{4}, 00:00:00; of tenant globex", cards["monthly"])
    tab.page.locator("summary", has_text="The last 6 windows").click()
    assert len(tab.table("The last windows of monthly")) == 6


def test_from_a_row_to_its_event_to_its_trace_and_back(tab: Looking, ledger: Seeded) -> None:
    """What a figure is made of, down to the arithmetic and up to the request that began it."""
    tab.open(f"?view=events&{ledger.days.week}&where.tenant=initech")
    caption = re.compile("^Events, the newest first")
    rows = tab.page.get_by_role("region", name=caption).locator("tbody tr")
    assert [row.split("\t")[-1].strip() for row in rows.all_inner_texts()] == ["4.0000", "0.2100"]
    rows.first.get_by_role("link").click()
    expect(tab.page.locator(".title")).to_have_text("gpt-4o")
    assert tab.table("The priced lines of this event, multiplied again") == [
        ["input tokens", "600,000", f"{TIMES} 0.0000025", "= 1.5", "adds up"],
        ["output tokens", "200,000", f"{TIMES} 0.00001", "= 2", "adds up"],
        ["cache read tokens", "400,000", f"{TIMES} 0.00000125", "= 0.5", "adds up"],
        ["Cost", "", "", "4", "adds up"],
    ]
    words = tab.panel("In words").inner_text()
    assert "is charged to tenant initech: 4 USD" in words
    assert "It is the only one that tells of this call." in words
    tab.page.locator("summary", has_text="All that span").click()
    expect(tab.panel("Claims: 1")).to_contain_text("1000000")
    tab.page.get_by_role("link", name=TRACE).click()
    expect(tab.page.locator(".title")).to_have_text(TRACE)
    tree = tab.table("The tree of agents of this trace")
    assert [row[:6] for row in tree] == [
        ["The whole request", "2", "2.00 M", "300 K", "0.0000", "4.2100"],
        ["planner", "2", "2.00 M", "300 K", "0.2100", "4.2100"],
        ["researcher", "1", "1.00 M", "200 K", "4.0000", "4.0000"],
    ]
    tab.page.get_by_role("link", name="Back").click()
    expect(tab.page.locator(".title")).to_have_text("gpt-4o")
    tab.page.get_by_role("link", name="Back").click()
    expect(tab.page.get_by_role("region", name=caption)).to_be_visible()


def test_events_come_a_page_at_a_time(tab: Looking) -> None:
    """Older ones join those that are shown; nothing moves meanwhile."""
    tab.open("?view=events&last=all")
    rows = tab.page.get_by_role("region", name=re.compile("^Events")).locator("tbody tr")
    expect(rows).to_have_count(50)
    tab.page.get_by_role("button", name="Show 50 older ones").click()
    expect(rows).to_have_count(100)
    expect(tab.page.get_by_role("status")).to_have_text("50 older events are shown.")
    times = [each.get_attribute("href") for each in rows.get_by_role("link").all()]
    assert len(set(times)) == 100


def test_ten_thousand_groups_and_a_year_stay_a_page(tab: Looking) -> None:
    """Six groups, the rest as one; fifty rows, and where all of them are."""
    tab.open("?last=365d")
    assert tab.page.locator(".notice").all_inner_texts() == []
    assert (
        tab.page.get_by_role("group", name="Legend").locator(".name").last.inner_text()
        == f"{MANY + 13:,} other tenants"
    )
    assert len(tab.table("Spend by tenant")) == 50
    expect(tab.panel("Who spent it")).to_contain_text("The first 50 tenants by this order; the CSV has them all.")
    assert tab.page.locator("*").count() < 3_000


def test_an_empty_time_says_where_the_events_are(tab: Looking, ledger: Seeded) -> None:
    """And leads there."""
    tab.open(f"?{ledger.days.between(600, 590)}&where.tenant=acme")
    expect(tab.page.get_by_role("heading", name="Nothing in this time")).to_be_visible()
    tab.page.get_by_role("button", name="Show all the time").click()
    # Both of acme's weeks: 10.10 and 0.42.
    expect(tab.page.locator(".figure").first).to_contain_text("10.52")


def test_names_that_would_be_markup_are_text(tab: Looking, ledger: Seeded) -> None:
    """In tables, legends, chips, tips, events and facts."""
    tab.open(f"?{ledger.days.week}&by=feature")
    names = [row[0] for row in tab.table("Spend by feature")]
    assert {SCRIPT, FOX, LINK} <= set(names)
    tab.page.get_by_role("tab", name="Tenant").click()
    expect(tab.page.get_by_role("region", name="Spend by tenant")).to_be_visible()
    chart = tab.page.locator(".chart")
    box = chart.bounding_box()
    assert box
    # The fifth of seven days, near its foot.
    tab.page.mouse.move(box["x"] + 56 + (box["width"] - 60) * 4.5 / 7, box["y"] + box["height"] - 60)
    expect(tab.page.locator(".tip li").filter(has_text=SCRIPT)).to_contain_text("0.63")
    tab.page.get_by_role("region", name="Spend by tenant").get_by_role("button", name=SCRIPT).click()
    chip = tab.page.get_by_role("button", name=f"Remove the filter tenant {SCRIPT}")
    expect(chip).to_be_visible()
    tab.page.get_by_role("link", name="Events", exact=True).click()
    rows = tab.page.get_by_role("region", name=re.compile("^Events")).locator("tbody tr")
    expect(rows.first).to_contain_text(SCRIPT)
    rows.first.get_by_role("link").click()
    expect(tab.panel("Facts")).to_contain_text(SCRIPT)
    tab.page.go_back()
    chip.click()
    expect(rows.filter(has_text=FOX)).to_have_count(2)
    expect(rows.filter(has_text=LINK)).to_have_count(1)
    assert tab.page.locator("main script, main a[href^=javascript]").count() == 0
