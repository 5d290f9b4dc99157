"""docs/alerts.md says what is so: its file is read, and its lines check our signatures."""

import re
import time
from base64 import b64encode
from pathlib import Path

import pytest

from spanledger.ledger.alerts.courier import BACKOFF_S_MAX, BACKOFF_S_MIN
from spanledger.ledger.alerts.file import read_alerts
from spanledger.ledger.alerts.http_post import ANSWER_BYTES_MAX
from spanledger.ledger.alerts.mail import REPLY_BYTES_MAX
from spanledger.ledger.alerts.network import EXCHANGE_S_MAX
from spanledger.ledger.alerts.outbox import GIVEN_UP_AFTER_NS
from spanledger.ledger.alerts.settings import AlertSettings, Rules
from spanledger.ledger.alerts.telling import MATTERS_OF_A_KIND_MAX
from spanledger.ledger.alerts.webhook import signed_headers

PAGE = (Path(__file__).parents[4] / "docs" / "alerts.md").read_text()
KEYS = (b"o" * 32, b"n" * 32)
SECRETS = [f"whsec_{b64encode(key).decode()}" for key in KEYS]


def example(language: str) -> str:
    """The page's one example in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_file_of_the_page_is_read_and_states_the_defaults(tmp_path: Path) -> None:
    """What it says of rules and times is what holds without it."""
    held = {"webhook.secret": SECRETS[0], "slack.url": "https://hooks.slack.example.com/x", "smtp.password": "p"}
    for name, text in held.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "alerts.yaml").write_text(example("yaml"))
    settings = read_alerts(tmp_path / "alerts.yaml", {})
    unless = AlertSettings(channels=())
    assert settings.rules == Rules()
    assert (settings.evaluate_s, settings.repeat_s, settings.tz) == (unless.evaluate_s, unless.repeat_s, unless.tz)
    assert settings.resolved is unless.resolved is False
    assert [each.name for each in settings.channels] == ["ops", "finance", "acme"]


def test_the_lines_of_the_page_check_our_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either secret while there are two; no other secret, body, id or time."""
    names: dict[str, object] = {}
    exec(example("python"), names)  # noqa: S102 (the page's own)
    verified = names["verified"]
    assert callable(verified)
    now_s, body = 1_775_044_800, b'{"type":"alert.test"}'
    headers = signed_headers(KEYS, "msg_1", now_s, body)
    monkeypatch.setattr(time, "time", lambda: now_s + 300)
    assert [verified(headers, body, secret) for secret in SECRETS] == [True, True]
    assert not verified(headers, body, f"whsec_{b64encode(b'x' * 32).decode()}")
    assert not verified(headers, body + b" ", SECRETS[0])
    assert not verified({**headers, "webhook-id": "msg_2"}, body, SECRETS[0])
    assert not verified({**headers, "webhook-timestamp": str(now_s + 1)}, body, SECRETS[0])
    monkeypatch.setattr(time, "time", lambda: now_s + 301)
    assert not verified(headers, body, SECRETS[0])


def test_the_limits_of_the_page_are_the_limits() -> None:
    """Each number stands in the text."""
    text = " ".join(PAGE.split())
    assert (BACKOFF_S_MIN, BACKOFF_S_MAX, GIVEN_UP_AFTER_NS) == (5, 3600, 24 * 3600 * 10**9)
    assert "tried again after 5 s, then after twice as long each time up to an hour" in text
    assert f"at most {MATTERS_OF_A_KIND_MAX} keys are told in a window" in text
    assert f"an exchange ends after {EXCHANGE_S_MAX:g} s" in text
    assert f"{ANSWER_BYTES_MAX // 1024} KiB are read (of a mail server's, {REPLY_BYTES_MAX // 1024} KiB)" in text
