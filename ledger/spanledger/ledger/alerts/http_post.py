"""One POST over HTTP/1.1: no proxy, no redirect, no second connection, and an answer of which little is read."""

from collections.abc import Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLSocket
from time import time
from typing import Final

from spanledger.ledger.alerts.network import DeliveryError, Network
from spanledger.ledger.alerts.settings import Url

ANSWER_BYTES_MAX: Final = 4096
"""An answer is only asked whether it is a yes."""
AGAIN_S_MAX: Final = 3600.0
_GONE: Final = 410


def post(network: Network, url: Url, body: bytes, headers: Mapping[str, str], *, is_internal: bool) -> None:
    """Have a body taken. Raises `DeliveryError` for every answer but 2xx, and for none."""
    try:
        status, again = _exchange(network, url, body, headers, is_internal=is_internal)
    except (OSError, HTTPException) as error:
        # The text of an error of HTTP may quote the path.
        said = str(error) if isinstance(error, OSError) else type(error).__name__
        msg = f"{url.host} does not answer: {said}"
        raise DeliveryError(msg) from error
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        msg = f"{url.host} answers {status}: redirects are not followed, state the URL that takes it"
        raise DeliveryError(msg)
    msg = f"{url.host} answers {status}"
    raise DeliveryError(msg, final=status == _GONE, again_s=again)


def _exchange(
    network: Network, url: Url, body: bytes, headers: Mapping[str, str], *, is_internal: bool
) -> tuple[int, float | None]:
    used = network.connect(url.host, url.port, is_internal=is_internal)
    if url.https:
        used = network.encrypt(used, url.host)
    with closing(used), network.in_time(used):
        if isinstance(used, SSLSocket):
            used.do_handshake()
        connection = (HTTPSConnection if url.https else HTTPConnection)(url.host, url.port)
        # Never a connection of its own: that would look the name up again.
        connection.auto_open = 0
        connection.sock = used
        connection.request("POST", url.target, body, dict(headers))
        response = connection.getresponse()
        response.read(ANSWER_BYTES_MAX)
        return response.status, _again_s(response)


def _again_s(response: HTTPResponse) -> float | None:
    """`Retry-After` in seconds, within reason."""
    text = (response.getheader("retry-after") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), AGAIN_S_MAX)
