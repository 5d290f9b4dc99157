"""What is drawn while an answer is awaited: all that has come, and nothing moves. The answers held are real ones."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect
from support.browsing import Looking, looking, profile
from support.page_ledger import SPENT, Seeded

pytestmark = pytest.mark.browser

_COUNT_PLOTS = """() => {
  window.plots = 0;
  const react = Plotly.react;
  Plotly.react = (...told) => { window.plots += 1; return react(...told); };
}"""
_WATCH_AWAITED = """() => {
  window.awaited = [];
  new MutationObserver(() => {
    for (const each of document.querySelectorAll("main [aria-busy]")) window.awaited.push(each.textContent);
  }).observe(document.querySelector("main"), { childList: true, subtree: true, attributes: true });
}"""
_WATCH_PARTS = """() => {
  window.parts ??= 0;
  new MutationObserver(() => { window.parts += document.querySelectorAll("main [data-part]").length; })
    .observe(document.querySelector("main"), { childList: true, subtree: true });
}"""
_PLACES = """() => [...document.querySelectorAll("main [data-part]")].map((each) =>
  `${each.dataset.part} ${Math.round(each.getBoundingClientRect().top + scrollY)}`)"""

# The view, the question that is held, the first of its figures, and what its answer makes: a table below a heading.
_HELD = {
    "overview": ("movers?", SPENT, "Top movers", "What changed most against the time before, by tenant"),
    "tokens": ("report?by=", "26.7 M", "Who used them", "Tokens by model"),
    "reliability": ("report?by=", "95.2 %", "Who was served how", "Tries and latency by model"),
}


@pytest.mark.parametrize("view", _HELD)
def test_figures_and_chart_stand_while_the_rest_is_awaited(tab: Looking, ledger: Seeded, view: str) -> None:
    """Then the rest appears, below hands that are busy elsewhere: focus, open details and the chart stay."""
    question, figure, title, caption = _HELD[view]
    held = _hold(tab.page, question)
    tab.page.goto(f"http://{tab.api}/?view={view}&{ledger.days.week}#key={tab.key}")
    awaited, figures = tab.page.locator("main [aria-busy]"), tab.page.locator(".figure")
    expect(awaited).to_have_count(1)
    expect(awaited.get_by_role("heading")).to_have_text(title)
    expect(figures.first).to_contain_text(figure)
    expect(figures.nth(1)).to_contain_text("against the 7 days before" if view != "tokens" else "of the input")
    expect(tab.page.locator(".chart .main-svg").first).to_be_visible()
    expect(tab.page.get_by_role("region", name=caption)).to_have_count(0)
    tab.page.evaluate(_COUNT_PLOTS)
    places = tab.page.evaluate(_PLACES)
    summary = tab.page.locator("summary", has_text="Figures by day")
    summary.focus()
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Enter")
    held[0].continue_()
    expect(tab.page.get_by_role("region", name=caption)).to_be_visible()
    expect(awaited).to_have_count(0)
    expect(summary).to_be_focused()
    expect(tab.page.get_by_role("region", name="Figures by day" if view == "overview" else "by day")).to_be_visible()
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate(_PLACES) == places
    assert tab.page.evaluate("window.plots") == 0


def test_the_figures_do_not_wait_for_the_chart(tab: Looking, ledger: Seeded) -> None:
    """Nor for what they are compared with, whose line is kept free."""
    held = _hold(tab.page, "series?")
    tab.page.goto(f"http://{tab.api}/?{ledger.days.week}#key={tab.key}")
    spend, rooms = tab.page.locator(".figure").first, tab.page.locator("main .awaited")
    expect(spend).to_contain_text(SPENT)
    expect(rooms).to_have_count(3)
    expect(tab.page.locator(".figures")).to_have_attribute("aria-busy", "true")
    height = tab.page.locator(".figures").bounding_box()
    held[0].continue_()
    expect(spend).to_contain_text("against the 7 days before")
    tab.drawn()
    assert tab.page.locator(".figures").bounding_box() == height


def test_what_stands_is_replaced_once_when_it_is_asked_again(tab: Looking, ledger: Seeded) -> None:
    """No box stands for what is known already, however late an answer is."""
    tab.page.clock.install()
    tab.open(f"?{ledger.days.week}")
    tab.page.evaluate(_WATCH_AWAITED)
    told: list[str] = []
    tab.page.on("requestfinished", lambda each: told.append(each.url))
    held = _hold(tab.page, "movers?")
    tab.page.clock.fast_forward(11_000)
    _until(tab.page, lambda: bool(held) and len([url for url in told if "/v1/" in url]) >= 6)
    tab.page.clock.run_for(2_000)
    live = tab.page.get_by_role("button", name="Live")
    expect(live).to_have_class(re.compile("busy"))
    held[0].continue_()
    expect(live).not_to_have_class(re.compile("busy"))
    assert tab.page.evaluate("window.awaited") == []


def test_what_was_asked_otherwise_stands_until_its_answer_comes(tab: Looking, ledger: Seeded) -> None:
    """A table that is sorted anew is not taken away meanwhile; the hand on its header stays there."""
    tab.open(f"?{ledger.days.week}")
    places = tab.page.evaluate(_PLACES)
    held = _hold(tab.page, "report?by=")
    header = tab.page.get_by_role("columnheader", name="Requests")
    header.get_by_role("button").focus()
    tab.page.keyboard.press("Enter")
    awaited = tab.page.locator("main [aria-busy]")
    expect(awaited).to_have_count(1)
    expect(awaited.get_by_role("region", name="Spend by tenant")).to_be_visible()
    expect(header.get_by_role("button")).to_be_focused()
    assert tab.page.evaluate(_PLACES) == places
    held[0].continue_()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(header.get_by_role("button")).to_be_focused()
    expect(awaited).to_have_count(0)


def test_no_question_waits_for_what_is_known(tab: Looking, ledger: Seeded) -> None:
    """The movers of a currency that the address states, and the time before of a time that was looked at already."""
    held = _hold(tab.page, "series?")
    asked: list[Request] = []
    tab.page.on("request", lambda each: asked.append(each))  # noqa: PLW0108 (it is wrapped)
    tab.page.goto(f"http://{tab.api}/?currency=USD&{ledger.days.week}#key={tab.key}")
    _until(tab.page, lambda: bool(held) and any("/v1/movers?" in each.url for each in asked))
    held.pop().continue_()
    tab.drawn()
    asked.clear()
    tab.page.get_by_role("link", name="Tokens").click()
    then = f"{ledger.days.before(14):%Y-%m-%dT%H:%M:%S}"
    _until(tab.page, lambda: any(_since(each).startswith(then) for each in asked))
    held.pop().continue_()
    tab.drawn()
    assert tab.figures()["Input"].endswith("against the 7 days before")


def test_who_leaves_what_is_awaited_asks_no_more(tab: Looking, ledger: Seeded) -> None:
    """Every question of the view that was left is broken off."""
    held = _hold(tab.page, "movers?")
    tab.page.goto(f"http://{tab.api}/?{ledger.days.week}#key={tab.key}")
    expect(tab.page.locator("main [aria-busy]")).to_have_count(1)
    with tab.page.expect_event("requestfailed", lambda each: each.url == held[0].request.url):
        tab.page.get_by_role("link", name="Budgets").click()
    tab.drawn()
    expect(tab.page.get_by_role("meter")).to_have_count(3)
    expect(tab.page.get_by_role("status")).to_have_text("")


def test_an_answer_that_fails_fails_the_view(tab: Looking, ledger: Seeded) -> None:
    """What had come before it is not left standing as if it were whole."""
    held = _hold(tab.page, "report?by=")
    tab.page.goto(f"http://{tab.api}/?{ledger.days.week}#key={tab.key}")
    expect(tab.page.locator(".figure").first).to_contain_text(SPENT)
    held[0].fulfill(status=400, body='{"message": "not so"}', content_type="application/json")
    expect(tab.page.get_by_role("alert")).to_contain_text("Not so.")
    expect(tab.page.locator("main [data-part]")).to_have_count(0)
    # The browser tells of it itself.
    assert [each for each in tab.wrong if "400 (Bad Request)" not in each] == []
    tab.wrong.clear()


def test_what_keeps_failing_does_not_flicker(tab: Looking, ledger: Seeded) -> None:
    """The server is away for one question: its sentence stands, whatever else is answered, until all is."""
    tab.page.clock.install()
    held, answered = _hold(tab.page, "report?by="), list[str]()
    tab.page.on("response", lambda response: answered.append(response.url) if "/v1/series?" in response.url else None)
    tab.page.goto(f"http://{tab.api}/?{ledger.days.week}#key={tab.key}")
    for turn in range(2):
        _until(tab.page, lambda turn=turn: len(held) == len(answered) == turn + 1)
        tab.page.clock.run_for(1_000)
        held[turn].fulfill(status=503, body='{"message": "away"}', content_type="application/json")
        expect(tab.page.get_by_role("alert")).to_contain_text("Away.")
        tab.page.evaluate(_WATCH_PARTS)
        tab.page.clock.run_for(2_000)
    assert tab.page.evaluate("window.parts") == 0
    tab.wrong.clear()


def test_nobody_is_told_of_nothing_who_is_shown_another_time(browser: Browser, ledger: Seeded) -> None:
    """Years later whoever names no time sees all of it; that the last thirty days are empty is not said meanwhile."""
    with profile(browser) as years_later, looking(years_later, ledger.server.api, ledger.key) as tab:
        tab.page.clock.install(time="2031-05-01T12:00:00Z")
        held = _hold(tab.page, "forecast")
        with tab.page.expect_response(lambda response: "/v1/events?" in response.url):
            tab.page.goto(f"http://{tab.api}/#key={tab.key}")
        tab.page.clock.run_for(1_000)
        expect(tab.page.locator(".skeleton")).to_be_visible()
        held[0].continue_()
        _until(tab.page, lambda: len(held) == 2)
        held[1].continue_()
        expect(tab.page.locator(".figure").first).to_contain_text("30.6")


def _hold(page: Page, question: str) -> list[Route]:
    """The questions that begin so are held on their way."""
    held: list[Route] = []
    page.route(lambda url: f"/v1/{question}" in url, lambda route: held.append(route))  # noqa: PLW0108 (it is wrapped)
    return held


def _until(page: Page, happened: Callable[[], bool]) -> None:
    """What the browser tells is heard at each turn."""
    for _ in range(3_000):
        if happened():
            return
        page.evaluate("document.title")
    pytest.fail("it did not happen")


def _since(request: Request) -> str:
    return parse_qs(urlsplit(request.url).query).get("since", [""])[0]
