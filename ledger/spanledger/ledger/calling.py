"""Questions to another server by HTTP, over connections that are kept: the standard library is all that it needs.

A question waits so long and no longer, an answer is read so far and no farther. Any thread may ask.
"""

import ssl
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec

ANSWER_BYTES_MAX: Final = 1024 * 1024
_IDLE_MAX: Final = 8


class UnansweredError(Exception):
    """There was no answer; the message says why."""


class Place(NamedTuple):
    """Whom to ask, and how."""

    url: str
    """Base URL."""
    token: str = ""
    """Shown as a bearer's; empty shows none."""
    certificate: str = ""
    """SHA-256 of the certificate that must be shown, whatever name it is for; empty trusts the system's authorities."""


class Caller:
    """Connections to one server, or to those that take its place."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: list[tuple[Place, HTTPConnection]] = []

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Keep no connection. In a forked child, too: the parent's are the parent's, and stay open there."""
        while self._idle:
            _, connection = self._idle.pop()
            connection.close()

    def post(self, place: Place, path: str, asked: object) -> tuple[int, bytes]:
        """Ask with a JSON body; the status and the body of the answer. Raises `UnansweredError`.

        Decimals are written as numbers, digit by digit.
        """
        body = _encode(asked)
        while True:
            connection, is_new = self._connection(place)
            try:
                answer = _asked(connection, place, path, body)
            except (OSError, HTTPException, ValueError) as error:
                connection.close()
                # A server closes what was idle for long; what is new is no such connection.
                if is_new or isinstance(error, TimeoutError):
                    msg = f"{type(error).__name__}: {error}"
                    raise UnansweredError(msg) from error
            else:
                self._keep(place, connection)
                return answer

    def _connection(self, place: Place) -> tuple[HTTPConnection, bool]:
        while True:
            try:
                known, connection = self._idle.pop()
            except IndexError:
                return _new_connection(place, self._timeout_s), True
            if known == place and connection.sock is not None:
                return connection, False
            connection.close()

    def _keep(self, place: Place, connection: HTTPConnection) -> None:
        if len(self._idle) < _IDLE_MAX:
            self._idle.append((place, connection))
        else:
            connection.close()


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def _asked(connection: HTTPConnection, place: Place, path: str, body: bytes) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"}
    if place.token:
        headers["authorization"] = f"Bearer {place.token}"
    if place.certificate and connection.sock is None:
        connection.connect()
        shown = cast("ssl.SSLSocket", connection.sock).getpeercert(binary_form=True) or b""
        if sha256(shown).hexdigest() != place.certificate:
            msg = "it shows another certificate"
            raise HTTPException(msg)
    connection.request("POST", urlsplit(place.url).path.rstrip("/") + path, body, headers)
    response = connection.getresponse()
    answer = response.read(ANSWER_BYTES_MAX + 1)
    if len(answer) > ANSWER_BYTES_MAX:
        msg = f"it answers more than {ANSWER_BYTES_MAX} bytes"
        raise HTTPException(msg)
    return response.status, answer


def _new_connection(place: Place, timeout_s: float) -> HTTPConnection:
    address = urlsplit(place.url)
    host, port = address.hostname or "", address.port
    if address.scheme != "https":
        return HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    if place.certificate:
        # It is for the name that senders use; here it is known by its digest.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=timeout_s, context=context)
