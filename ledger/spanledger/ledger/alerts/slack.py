"""A notice as a message of Slack: plain text, so that nothing in it is a mention, a link or a format. Pure."""

from typing import Final

import msgspec

from spanledger.ledger.alerts.alert import Notice
from spanledger.ledger.alerts.wording import figures, headline

TEXT_CHARS_MAX: Final = 3000
"""Slack's own, of the text of a block."""
HEADER_CHARS_MAX: Final = 150

# The three that Slack's syntax is made of.
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message(notice: Notice) -> bytes:
    """The JSON that an incoming webhook takes."""
    head, body = headline(notice), f"{notice.alert.text}\n{figures(notice.alert)}".strip()
    return msgspec.json.encode(
        {
            # What notifications show: without formats and mentions, too.
            "text": _escaped(head, TEXT_CHARS_MAX),
            "mrkdwn": False,
            "parse": "none",
            "link_names": 0,
            "unfurl_links": False,
            "unfurl_media": False,
            "blocks": [
                {"type": "header", "text": _plain(head, HEADER_CHARS_MAX)},
                {"type": "section", "text": _plain(body, TEXT_CHARS_MAX)},
            ],
        }
    )


def _plain(text: str, chars_max: int) -> dict[str, object]:
    return {"type": "plain_text", "text": _escaped(text, chars_max), "emoji": False}


def _escaped(text: str, chars_max: int) -> str:
    """Cut before it is escaped, so that no escape is cut; what it grows by is taken off again."""
    cut = text
    while len(escaped := cut.translate(_ESCAPES)) > chars_max:
        cut = cut[: len(cut) - max(1, (len(escaped) - chars_max) // 5)]
    return escaped
