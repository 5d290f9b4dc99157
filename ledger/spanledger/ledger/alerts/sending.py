"""How a notice goes to each sort of channel."""

from collections.abc import Callable
from typing import TypeAlias, assert_never

from spanledger.ledger.alerts import mail, slack, webhook
from spanledger.ledger.alerts.alert import Notice
from spanledger.ledger.alerts.http_post import post
from spanledger.ledger.alerts.network import Network
from spanledger.ledger.alerts.settings import AlertSettings, Channel, Email, Slack, Webhook

Send: TypeAlias = Callable[[str, Notice, int], None]
"""Send a notice under an id, at a time in seconds since 1970. Raises `DeliveryError`."""


def sender(channel: Channel, settings: AlertSettings, network: Network) -> Send:
    """The way to one channel."""
    match channel.target:
        case Webhook() as target:
            return lambda sent_as, notice, at_s: _send_webhook(target, settings, network, (sent_as, notice, at_s))
        case Slack() as target:
            return lambda _, notice, __: post(
                network,
                target.url,
                slack.message(notice),
                {"content-type": "application/json", "user-agent": "spanledger"},
                is_internal=settings.is_internal(target.url.host, target.url.port),
            )
        case Email() as target:
            return lambda sent_as, notice, _: mail.send(
                network,
                target,
                mail.message(target, notice, sent_as),
                is_internal=settings.is_internal(target.host, target.port),
            )
        case _:
            assert_never(channel.target)


def _send_webhook(target: Webhook, settings: AlertSettings, network: Network, attempt: tuple[str, Notice, int]) -> None:
    sent_as, notice, at_s = attempt
    body = webhook.payload(notice)
    post(
        network,
        target.url,
        body,
        webhook.signed_headers(target.secrets, sent_as, at_s, body),
        is_internal=settings.is_internal(target.url.host, target.url.port),
    )
