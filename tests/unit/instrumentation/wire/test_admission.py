import sys
from types import ModuleType
from typing import Self

import pytest
from support.guards import OUT_OF_MONEY

from spanledger.instrumentation.wire.admission import guard_from
from spanledger.instrumentation.wire.limits import output_limit
from spanledger.instrumentation.wire.seen_as import seen_as
from spanledger.ledger.guarding import LeasingGuard

SET = {"SPANLEDGER_GUARD": "enforce", "SPANLEDGER_GUARD_URL": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b'{"max_tokens": 100}', 100),
        (b'{"max_completion_tokens": 50, "max_tokens": 100}', 50),
        (b'{"max_output_tokens": 70, "input": "count"}', 70),
        (b'{"max_tokens_to_sample": 300}', 300),
        (b'{"max_tokens": 100, "n": 3}', 300),
        (b'{"generationConfig": {"maxOutputTokens": 20}}', 20),
        (b'{"generationConfig": {"maxOutputTokens": 20, "candidateCount": 4}}', 80),
        (b'{"inferenceConfig": {"maxTokens": 9}}', 9),
        (b'{"max_tokens": null, "n": 2}', None),
        (b'{"max_tokens": -1}', None),
        (b'{"max_tokens": 1e30}', None),
        (b'{"max_tokens": "100"}', None),
        (b'{"n": 1000000000, "max_tokens": 100}', 100_000_000),
        (b"model=gpt-4o", None),
        (b"[" * 100_000, None),
        (b"", None),
        (None, None),
    ],
)
def test_a_request_says_how_large_its_answer_may_get(body: bytes | None, limit: int | None) -> None:
    """By whichever provider's name for it, and as often as it asks for an answer."""
    assert output_limit(body) == limit


def test_the_installed_guard_is_found_where_it_is_set() -> None:
    """By its entry point; what the program states goes before the environment."""
    assert isinstance(guard_from(SET), LeasingGuard)
    assert isinstance(guard_from({}, "observe"), LeasingGuard)
    assert guard_from({}) is None
    assert guard_from(SET, "off") is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SPANLEDGER_GUARD": "enfroce"}, "is not enforce or observe"),
        ({**SET, "SPANLEDGER_GUARD_AWAY": "perhaps"}, "SPANLEDGER_GUARD_AWAY 'perhaps' must be allow or deny"),
    ],
)
def test_a_wrong_setting_guards_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture, environ: dict[str, str], said: str
) -> None:
    """In one line, which names it; the application goes on."""
    assert guard_from(environ) is None
    (record,) = caplog.records
    assert said in caplog.text
    assert "no call is guarded" in record.getMessage()


def test_an_sdk_whose_errors_are_made_of_its_own_arguments_hands_on_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else reaches the application: not that the two could not be one."""

    class Root(Exception):
        def __new__(cls, request: object) -> Self:
            return super().__new__(cls, request)

        def __init__(self, request: object) -> None:
            super().__init__(request)

    class APIError(Root):
        """What is below its root."""

    package, module = ModuleType("stern"), ModuleType("stern._base_client")
    vars(package)["APIError"] = APIError
    monkeypatch.setitem(sys.modules, "stern", package)
    vars(module).update(seen_as=seen_as, denial=OUT_OF_MONEY)
    exec("def send():\n    return seen_as(denial)", vars(module))  # noqa: S102 (the module it is called from matters)
    assert vars(module)["send"]() is OUT_OF_MONEY
