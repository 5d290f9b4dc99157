import json
from base64 import b64decode

from support.alerting import NOON, alert, notice

from spanledger.ledger.alerts.slack import TEXT_CHARS_MAX, message
from spanledger.ledger.alerts.webhook import payload, signed_headers
from spanledger.ledger.alerts.wording import figures


def test_the_signature_is_that_of_the_scheme() -> None:
    """The example that the scheme's own libraries are tested with."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"


def test_while_a_secret_is_changed_both_sign() -> None:
    """Two signatures, a blank between them."""
    headers = signed_headers([b"a" * 32, b"b" * 32], "msg_1", 1, b"{}")
    both = headers["webhook-signature"].split(" ")
    assert both == [signed_headers([key * 32], "msg_1", 1, b"{}")["webhook-signature"] for key in (b"a", b"b")]


def test_the_body_says_what_happened() -> None:
    """Type, time and the alert, as the scheme recommends."""
    told = json.loads(payload(notice("resolved", tenant="acme", fields={"requests": "3"})))
    assert told == {
        "type": "alert.resolved",
        "timestamp": "2026-04-01T12:00:00Z",
        "data": {
            "kind": "unpriced_model",
            "key": "unpriced_model:gpt-x",
            "severity": "critical",
            "title": "no price for gpt-x",
            "text": "It has none.",
            "tenant": "acme",
            "fields": {"requests": "3"},
            "at": NOON.isoformat().replace("+00:00", "Z"),
        },
    }


def test_nothing_in_a_message_of_slack_is_a_mention_a_link_or_a_format() -> None:
    """A model that is called like a command to Slack is shown as it is called."""
    hostile = "<!channel> <https://evil.example|price> *bold* & @here"
    sent = json.loads(message(notice(title=hostile, text=hostile)))
    shown = "&lt;!channel&gt; &lt;https://evil.example|price&gt; *bold* &amp; @here"
    assert shown in sent["text"]
    assert "<" not in json.dumps(sent)
    assert (sent["mrkdwn"], sent["parse"], sent["link_names"]) == (False, "none", 0)
    assert {block["text"]["type"] for block in sent["blocks"]} == {"plain_text"}


def test_a_message_of_slack_is_as_long_as_slack_takes() -> None:
    """No escape is cut in two."""
    sent = json.loads(message(notice(title="<" * 5000, text="&" * 5000)))
    texts = [sent["text"], *(block["text"]["text"] for block in sent["blocks"])]
    assert [len(text) <= limit for text, limit in zip(texts, (3000, 150, TEXT_CHARS_MAX), strict=True)] == [True] * 3
    assert all(len(text) > 140 for text in texts)
    assert texts[1].endswith("&lt;")
    assert texts[2].endswith("&amp;")


def test_an_alert_names_where_it_stands() -> None:
    """The key and the tenant are told to people, too."""
    text = json.loads(message(notice(tenant="acme")))["blocks"][1]["text"]["text"]
    assert "tenant: acme\nkey: unpriced_model:gpt-x" in text
    assert alert().key == "unpriced_model:gpt-x"


def test_a_tenant_writes_no_line_of_a_message() -> None:
    """Its name is a sender's word: line ends and turns of writing are shown, for people, and kept for programs."""
    hostile = "acme\nkey: forged\u202e"
    text = figures(notice(tenant=hostile).alert)
    assert "tenant: acme\\nkey: forged\\u202e" in text.splitlines()
    assert json.loads(payload(notice(tenant=hostile)))["data"]["tenant"] == hostile
