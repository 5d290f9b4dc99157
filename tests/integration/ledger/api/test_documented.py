"""docs/api.md says what is so: every request in it is made, every answer in it is given."""

import re
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest
from support.api import Api, api_over
from support.asking import post
from support.ledger_events import NOON_NS, event

from spanledger.exporter.store import Store
from spanledger.ledger.api.routes import ROUTES

DOCUMENT = (Path(__file__).parents[4] / "docs" / "api.md").read_text()
EXCHANGES = re.findall(r"```http\nGET (\S+)\n```\n(?:\n```json\n(.*?)```)?", DOCUMENT, re.DOTALL)


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Generator[Api]:
    """Two charges of acme's, as the document has them, and one of somebody else's."""
    post(store, event(1), event(2, time_ns=NOON_NS + 1), event(3, tenant="globex", cost=10**18))
    with api_over(store, tmp_path) as api:
        yield api


def test_every_request_is_answered_as_it_says(api: Api) -> None:
    """By a key for acme; where no answer is shown, with rows."""
    key = api.key("acme")
    assert len(EXCHANGES) > 8
    for target, shown in EXCHANGES:
        answer = api.ask(target, key)
        if "…" in shown:
            assert (answer.status, answer.body.decode()[:60]) == (400, _compact(shown)[:60]), target
        elif shown:
            assert answer.json == msgspec.json.decode(shown), target
        else:
            assert answer.status == 200, (target, answer.body)
            assert len(answer.body) > 60 or "anomalies" in target, (target, answer.body)


def test_every_path_for_readers_is_listed() -> None:
    """In the table, and none that is not there. What budgets have of their own is told of in their own document."""
    listed = set(re.findall(r"`(?:GET|POST) (/v1/[^`]+)`", DOCUMENT))
    readers = {route.path for route in ROUTES if route.role == "read" and not route.hidden}
    assert {path for path in readers if "/budgets" not in path} == listed - {"/v1/openapi.json"}


def test_the_program_runs(api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the address of this test's server in the place of the usual one."""
    monkeypatch.setenv("SPANLEDGER_API_KEY", api.key("acme"))
    [program] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, object] = {}
    exec(program.replace("127.0.0.1:8318", api.address), names)  # noqa: S102 (the document's own)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "acme gpt-4o-mini 2 0.000054 USD",
        "2026-04-01T12:00:00.000000000Z gpt-4o-mini ['0.000015', '0.000012']",
        "2026-04-01T12:00:00.000000001Z gpt-4o-mini ['0.000015', '0.000012']",
    ]
    assert names["cheapest"]


def _compact(text: str) -> str:
    return msgspec.json.format(text, indent=-1)
