from base64 import b64encode
from decimal import Decimal
from pathlib import Path

import pytest
from support.alerting import alert

from spanledger.ledger.alerts.file import AlertFileError, read_alerts
from spanledger.ledger.alerts.settings import AlertSettings, Email, Slack, Webhook
from spanledger.schemas import ConfigurationError

KEY = b"k" * 32
SECRET = f"whsec_{b64encode(KEY).decode()}"
CANARY = "canary-5d1f"
SLACK = f"https://hooks.slack.example.com/services/T0/B0/{CANARY}"
ENVIRON = {"HOOK_SECRET": SECRET, "SLACK_URL": SLACK, "MAIL_PASSWORD": CANARY, "WIDE": f"{CANARY}é"}

WHOLE = """
evaluate_seconds: 30
repeat_hours: 12
resolved: true
tz: Europe/Berlin
internal_hosts: ["Mail.Internal:2525", hooks.internal]
rules:
  anomaly: {by: tenant, factor: 2.5, window_days: 14, at_least: "0.50"}
  silence: off
  journal_lag: {megabytes: 10, minutes: 3}
channels:
  - name: ops
    kind: webhook
    url: http://hooks.internal:8080/in?a=b
    secret_file: hook.secret
    kinds: [silence, journal_lag]
    severity: warning
  - {name: chat, kind: slack, url_env: SLACK_URL, tenants: [acme]}
  - {name: post, kind: email, host: mail.internal, port: 2525, tls: none, from: ledger@example.com, to: ops@example.com}
  - name: far
    kind: email
    host: smtp.example.com
    user: u
    password_env: MAIL_PASSWORD
    from: ledger@example.com
    to: [a@example.com, b@example.com]
"""


def read(folder: Path, text: str) -> AlertSettings:
    """What a file of this text says."""
    secret = folder / "hook.secret"
    secret.write_text(f"{SECRET}\n{SECRET}\n")
    secret.chmod(0o600)
    file = folder / "alerts.yaml"
    file.write_text(text)
    return read_alerts(file, ENVIRON)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Every key, with secrets from files beside it and from the environment."""
    settings = read(tmp_path, WHOLE)
    assert (settings.evaluate_s, settings.repeat_s, settings.resolved, settings.tz) == (
        30,
        43200,
        True,
        "Europe/Berlin",
    )
    rules = settings.rules
    assert rules.silence is None
    assert rules.unpriced_model is not None
    assert rules.anomaly is not None
    assert (rules.anomaly.by, rules.anomaly.factor, rules.anomaly.at_least) == (
        "tenant",
        Decimal("2.5"),
        Decimal("0.5"),
    )
    ops, chat, post, far = (channel.target for channel in settings.channels)
    assert isinstance(ops, Webhook)
    assert (ops.url.https, ops.url.host, ops.url.port, ops.url.target) == (False, "hooks.internal", 8080, "/in?a=b")
    assert ops.secrets == (KEY, KEY)
    assert isinstance(chat, Slack)
    assert (chat.url.https, chat.url.port, chat.url.target) == (True, 443, f"/services/T0/B0/{CANARY}")
    assert isinstance(post, Email)
    assert (post.port, post.tls, post.recipients, post.password) == (2525, "none", ("ops@example.com",), "")
    assert isinstance(far, Email)
    assert (far.port, far.tls, far.password) == (587, "starttls", CANARY)


def test_no_secret_is_in_what_is_printed_of_the_settings(tmp_path: Path) -> None:
    """Neither passwords, nor signing keys, nor URLs that let everybody post."""
    settings = read(tmp_path, WHOLE)
    assert "hooks.internal" in repr(settings)
    assert not any(secret in repr(settings) for secret in (CANARY, SECRET, repr(KEY), str(KEY)))


def test_a_channel_is_told_what_it_wants(tmp_path: Path) -> None:
    """By kind and severity; for stated tenants only what is theirs alone."""
    ops, chat, post, _ = (channel.wanted for channel in read(tmp_path, WHOLE).channels)
    assert [ops.takes(alert(kind="silence", severity=severity)) for severity in ("info", "warning")] == [False, True]
    assert not ops.takes(alert(kind="anomaly"))
    assert [chat.takes(alert(tenant=tenant)) for tenant in ("acme", "globex", "")] == [True, False, False]
    assert post.takes(alert(severity="info"))


URL = "url: 'https://x.example.com/'"
WRONG = {
    "": "channels is missing",
    "channels: 3": "channels must be a list",
    "chanels: []\nchannels: []": "the file has no key 'chanels'",
    "channels: [{kind: webhook}]": "a channel needs a name",
    "channels: [{name: a, kind: pager}]": "kind 'pager' must be one of webhook, slack, email",
    "channels: [{name: 'a b', kind: slack, url_env: SLACK_URL}]": "name 'a b' must be",
    "channels: [{name: a, kind: slack, url_env: SLACK_URL, colour: red}]": "channel a has no key 'colour'",
    "channels: [{name: a, kind: slack, url_env: SLACK_URL, kinds: [panic]}]": "kinds: 'panic' must be one of",
    "channels: [{name: a, kind: slack, url_env: SLACK_URL, severity: loud}]": "severity: 'loud' must be one of info",
    "channels: [{name: a, kind: slack, url_env: SLACK_URL}, {name: a, kind: slack, url_env: SLACK_URL}]": "channels a",
    f"channels: [{{name: a, kind: webhook, {URL}}}]": "one of secret_file, secret_env",
    f"channels: [{{name: a, kind: webhook, {URL}, secret_env: SLACK_URL}}]": "must be whsec_",
    f"channels: [{{name: a, kind: webhook, {URL}, secret_env: NONE}}]": "names the variable NONE, which is not set",
    f"channels: [{{name: a, kind: webhook, {URL}, secret_file: none}}]": "cannot be read",
    "channels: [{name: a, kind: slack, url: 'http://x.example.com/'}]": "must be https://, unless x.example.com is in",
    "channels: [{name: a, kind: slack, url: 'ftp://x.example.com/'}]": "url must be https://HOST/PATH",
    "channels: [{name: a, kind: slack, url: 'https://u:canary-5d1f@x.example.com/'}]": "without user, password",
    "channels: [{name: a, kind: slack, url: 'https://x.example.com/ canary-5d1f'}]": "or blanks",
    "channels: [{name: a, kind: slack, url: 'https://x.example.com:99999/canary-5d1f'}]": "url must be",
    "channels: [{name: a, kind: slack, url: 'https:///canary-5d1f'}]": "url must be",
    "channels: [{name: a, kind: email, host: h, from: ops, to: a@b.c}]": "from 'ops' must be one plain address",
    "channels: [{name: a, kind: email, host: h, from: a@b.c, to: []}]": "to must name 1 to 50 addresses",
    "channels: [{name: a, kind: email, host: h, from: a@b.c, to: ['a@b.c>']}]": "to 'a@b.c>' must be one plain",
    'channels: [{name: a, kind: email, host: h, from: "a@b.c\\nBcc: d@e.f", to: a@b.c}]': "printable characters",
    "channels: [{name: a, kind: email, host: 'h/x', from: a@b.c, to: a@b.c}]": "host 'h/x' is no name of a host",
    "channels: [{name: a, kind: email, host: h, tls: none, from: a@b.c, to: a@b.c}]": "internal_hosts",
    "channels: [{name: a, kind: email, host: h, user: u, from: a@b.c, to: a@b.c}]": "belong together",
    "channels: [{name: a, kind: email, host: h, user: u, password_env: WIDE, from: a@b.c, to: a@b.c}]": "must be ASCII",
    "channels: []\nrules: {anomaly: {factor: 1}}": "factor must be above 1",
    "channels: []\nrules: {anomaly: {by: response_id}}": "by 'response_id' must be one of user_id",
    "channels: []\nrules: {silence: perhaps}": "silence must be on, off, or a mapping",
    "channels: []\nrules: {quarantine: {elements: 0}}": "elements must be a whole number from 1",
    "channels: []\nrules: {noise: on}": "rules has no key 'noise'",
    "channels: []\ntz: Mars/Olympus": "tz 'Mars/Olympus' is no IANA time zone",
    "channels: []\ninternal_hosts: ['http://x']": "must be a host, or host:port",
    "channels: []\nevaluate_seconds: 0": "evaluate_seconds must be a whole number from 1",
    "channels: &a []": "anchors",
    "channels: [": "not YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_one_sentence_that_names_it(tmp_path: Path, text: str) -> None:
    """With file and line, and without what may be secret; the exit code is 2."""
    with pytest.raises(AlertFileError) as caught:
        read(tmp_path, text)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path}/alerts.yaml")
    assert WRONG[text] in line
    assert CANARY not in line
    assert caught.value.exit_code == 2


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Three mistakes, three lines, in the order of reading."""
    with pytest.raises(AlertFileError) as caught:
        read(tmp_path, "tz: Mars\nrules: {silence: {hours: x}}\nchannels:\n - {name: a, kind: slack}\n")
    told = [line.removeprefix(f"{tmp_path}/alerts.yaml:") for line in str(caught.value).splitlines()]
    assert [line.partition(":")[0] for line in told] == ["2", "1", "4"]


def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    """The cure is in the sentence."""
    (tmp_path / "open.secret").write_text(SECRET)
    (tmp_path / "open.secret").chmod(0o644)
    channel = "channels: [{name: a, kind: webhook, url: 'https://x.example.com/', secret_file: open.secret}]"
    with pytest.raises(AlertFileError, match="run chmod 600 on it"):
        read(tmp_path, channel)


def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    """As is one that is no file."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_alerts(tmp_path / "none.yaml", {})
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_alerts(tmp_path, {})
