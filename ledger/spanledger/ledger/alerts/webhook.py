"""A notice as a request of the Standard Webhooks scheme, and its signatures. Pure."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from hmac import digest

import msgspec

from spanledger.ledger.alerts.alert import Alert, Notice


class Payload(msgspec.Struct, frozen=True):
    """The body. `type` is `alert.fired`, `alert.resolved` or `alert.test`."""

    type: str
    timestamp: str
    data: Alert


def payload(notice: Notice) -> bytes:
    """The JSON of a notice, the same at every attempt."""
    at = notice.alert.at.isoformat().replace("+00:00", "Z")
    return msgspec.json.encode(Payload(f"alert.{notice.happening}", at, notice.alert))


def signed_headers(secrets: Sequence[bytes], webhook_id: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """The headers of an attempt: the id that is the same at each, the time, and a signature for each secret."""
    signed = b".".join((webhook_id.encode(), str(at_s).encode(), body))
    signatures = (b64encode(digest(secret, signed, sha256)).decode() for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "spanledger",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
