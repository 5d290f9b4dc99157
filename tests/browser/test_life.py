"""From nothing sent yet to figures, over a server that goes away and comes back: nobody touches the page meanwhile."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect
from support.browsing import Looking, look, looking
from support.commands import Serve, run
from support.otlp import chat, request, span
from support.page_ledger import Days

pytestmark = pytest.mark.browser

_NO_PORTS = ("--grpc", "0", "--http", "0")


@dataclass
class Machine:
    """A server that asks for keys, on a port it has again when it is started again."""

    store: Path
    key: str
    sender: str
    server: Serve

    def stop(self) -> None:
        """End it as a supervisor does."""
        assert self.server.stop() == 0
        self.server.close()

    def start(self) -> None:
        """At the same address."""
        self.server = Serve(self.store, *_NO_PORTS, "--api", urlsplit(f"//{self.server.api}").netloc)

    def send(self, number: int) -> None:
        """A call of yesterday's, for 0.00021 USD, and wait until it is booked."""
        at_ns = Days().noon_ns(1) + number * 10**9
        attributes = chat(
            ledger__tenant="acme",
            gen_ai__response__id=f"life-{number}",
            gen_ai__usage__input_tokens=1_000,
            gen_ai__usage__output_tokens=100,
        )
        path = self.store.parent / f"{number}.pb"
        path.write_bytes(
            request(span(attributes, span_id=number, trace_id=number, start_ns=at_ns, end_ns=at_ns + 10**9))
        )
        done = run("import", "--store", self.store, path)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Machine]:
    """A server with keys and an empty ledger."""
    folder = tmp_path_factory.mktemp("life")
    with pytest.MonkeyPatch.context() as environ:
        environ.setitem(os.environ, "SPANLEDGER_KEYS", str(folder / "keys.sqlite"))
        made = [run("keys", "create", "--tenant", "*", "--role", role) for role in ("read", "ingest")]
        assert [each.returncode for each in made] == [0, 0], made
        keys = [next(word for word in each.stdout.split() if word.startswith("slk_")) for each in made]
        machine = Machine(folder / "store", keys[0], keys[1], Serve(folder / "store"))
        try:
            yield machine
        finally:
            machine.server.close()


@pytest.fixture
def tab(context: BrowserContext, machine: Machine) -> Generator[Looking]:
    """A tab whose clock the test moves."""
    with looking(context, machine.server.api, machine.key) as seen:
        seen.page.clock.install()
        yield seen
        # A server that is away is an error on the console, and one that asks for a key too.
        assert [each for each in seen.wrong if "Failed to load resource" not in each] == []
        assert seen.violations() == []


def test_a_key_is_asked_for_and_stays_out_of_the_address(tab: Looking, machine: Machine) -> None:
    """A wrong one is told in a sentence, the right one opens, and it is forgotten when told."""
    tab.key = ""
    tab.open()
    field, button = tab.page.get_by_label("Key"), tab.page.get_by_role("button", name="Sign in")
    expect(field).to_be_focused()
    field.fill("slk_nobody")
    button.click()
    expect(tab.page.get_by_role("alert")).to_have_text("The credential is not one that is known here.")
    field.fill(machine.sender)
    button.click()
    expect(tab.page.get_by_role("alert")).to_contain_text("role")
    tab.page.get_by_role("button", name="Use another key").click()
    field.fill(machine.key)
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Nothing has arrived yet")).to_be_visible()
    assert machine.key not in tab.page.url
    tab.page.get_by_role("button", name="Sign out").click()
    expect(field).to_be_visible()
    assert tab.page.evaluate("JSON.stringify([sessionStorage, localStorage])") == "[{},{}]"


def test_it_begins_empty_fills_and_outlives_its_server(tab: Looking, machine: Machine) -> None:
    """Three lines for the first span; its figures by themselves; a sentence while nobody answers; figures again."""
    tab.open()
    lines = tab.page.locator("pre").inner_text().splitlines()
    assert lines == [
        f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://{machine.server.http}",
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "opentelemetry-instrument python app.py",
    ]
    machine.send(1)
    spend = tab.page.locator(".figure").first
    status = tab.page.get_by_role("status")
    tab.page.clock.fast_forward(11_000)
    expect(spend).to_contain_text("0.00021")

    machine.stop()
    tab.page.clock.fast_forward(11_000)
    expect(status).to_contain_text("The server does not answer. It is asked again by and by. What you see is of")
    expect(spend).to_contain_text("0.00021")
    asked: list[str] = []
    tab.page.on("request", lambda each: asked.append(each.url))
    for _ in range(6):
        # It is asked ever more seldom: after 2, 4, 8, 16, 32 seconds, then each minute.
        before = len(asked)
        tab.page.clock.fast_forward(60_000)
        tab.page.wait_for_function("() => document.getElementById('live').classList.contains('away')")
        assert len(asked) - before <= 8
    machine.start()
    machine.send(2)
    tab.page.clock.fast_forward(61_000)
    expect(status).to_have_text("The server answers again.")
    expect(spend).to_contain_text("0.00042")


def test_nobody_is_asked_while_nobody_looks(tab: Looking, machine: Machine) -> None:
    """Hidden, or told to stand still: no question is put; looked at again, one is put at once."""
    machine.send(3)
    tab.open()
    spend = tab.page.locator(".figure").first
    before = spend.inner_text()
    asked: list[str] = []
    tab.page.on("request", lambda each: asked.append(each.url))
    look(tab.page, away=True)
    tab.page.clock.fast_forward(600_000)
    assert asked == []
    with tab.page.expect_response(lambda answer: "/v1/report" in answer.url):
        look(tab.page, away=False)
    live = tab.page.get_by_role("button", name="Live")
    expect(live).not_to_have_class("button plain busy")
    live.click()
    expect(live).to_have_attribute("aria-pressed", "false")
    asked.clear()
    tab.page.clock.fast_forward(600_000)
    assert asked == []
    machine.send(4)
    with tab.page.expect_response(lambda answer: "/v1/report" in answer.url):
        live.click()
    expect(spend).not_to_have_text(before, use_inner_text=True)
