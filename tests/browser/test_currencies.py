"""Money of two currencies: which one a figure is of stands beside it, and no length compares one with the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from playwright.sync_api import expect
from support.browsing import Looking

pytestmark = pytest.mark.browser

_DRAWN = """async ([folder, view, data, state]) => {
  const { draw } = await import(`${folder}views/${view}.js`);
  const nothing = () => undefined;
  const page = { state: { ...state, where: {}, tz: "UTC" }, go: nothing, href: () => "?", say: nothing };
  document.getElementById("view").replaceChildren(draw(page, data, 0, {}));
}"""


def test_a_trace_says_the_currency_of_each_amount(tab: Looking) -> None:
    """Two rows a place, and a bar is of the largest of its own currency."""
    rows = [
        {"depth": 0, "agent_path": "", "currency": currency, "requests": 1, "own_cost": "0", "cost": cost}
        for currency, cost in (("USD", "2"), ("JPY", "300"))
    ]
    told = [{**row, "input_tokens": 1, "output_tokens": 1} for row in rows]
    _draw(tab, "trace", {"chain": {"rows": told}, "events": [], "next_cursor": None}, {"trace": "abc"})
    assert [row[-2] for row in tab.table("The tree of agents of this trace")] == ["2.0000 USD", "300.0000 JPY"]
    assert _lengths(tab) == ["100%", "100%"]


def test_bars_of_groups_are_of_one_currency(tab: Looking) -> None:
    """The chart's; a yen is no hundred times a cent."""
    _overview(tab, ["USD", "JPY"])
    assert [row[1] for row in tab.table("Spend by tenant")] == ["300.00 JPY", "2.00 USD", "1.00 USD"]
    assert _lengths(tab) == ["0%", "100%", "50%"]


def test_another_currency_can_be_chosen_where_there_is_none_of_the_chosen(tab: Looking) -> None:
    """A filter may leave euros alone while dollars are in the address."""
    _overview(tab, ["JPY"])
    select = tab.page.get_by_label("Currency")
    expect(select).to_have_value("USD")
    assert select.locator("option").all_inner_texts() == ["JPY", "USD"]


def test_what_was_unknown_before_was_not_nothing(tab: Looking) -> None:
    """Requests without a price came before: the spend has nothing to be compared with."""
    unknown = {"currency": None, "cost": None, "requests": 3, "attempts": 0, "errors": 0}
    _overview(tab, ["USD"], totals=[("USD", "3")], before=[unknown])
    assert tab.figures()["Spend"] == "USD 3.00 none known in the 24 hours before"


def _overview(
    tab: Looking,
    currencies: list[str],
    *,
    totals: Sequence[tuple[str, str]] = (("JPY", "300"), ("USD", "3")),
    before: Sequence[Mapping[str, Any]] = (),
) -> None:
    money = (("acme", "JPY", "300"), ("acme", "USD", "2"), ("globex", "USD", "1"))
    groups = [
        {"tenant": tenant, "currency": currency, "cost": cost, "requests": 1, "input_tokens": 1, "output_tokens": 1}
        for tenant, currency, cost in money
    ]
    counted = {"requests": 1, "attempts": 0, "errors": 0}
    sums = [{"currency": currency, "cost": cost, **counted} for currency, cost in totals]
    series = {
        "bucket": "day",
        "buckets": ["2026-04-01"],
        "edges": ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"],
        "groups": [],
        "totals": {"cost": ["3"]},
        "currency": "USD",
        "currencies": currencies,
        "before": ["2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"],
    }
    nothing: dict[str, Any] = {"rows": []}
    data = {"totals": {"rows": sums}, "then": {"rows": [*before]}, "series": series, "groups": {"rows": groups}}
    others: dict[str, Any] = {"movers": nothing, "budgets": {"budgets": []}, "forecast": nothing}
    _draw(tab, "overview", {**data, **others}, {"last": "30d"})


def _draw(tab: Looking, view: str, data: dict[str, Any], state: dict[str, str]) -> None:
    """What a view makes of an answer; it asks no more meanwhile."""
    tab.open("?view=budgets")
    tab.page.get_by_role("button", name="Live").click()
    script = tab.page.locator("script[type=module]").get_attribute("src") or ""
    tab.page.evaluate(_DRAWN, [f"/{script.removesuffix('main.js')}", view, data, state])


def _lengths(tab: Looking) -> list[str]:
    found: list[str] = tab.page.locator(".length .track i").evaluate_all("(all) => all.map((each) => each.style.width)")
    return found
