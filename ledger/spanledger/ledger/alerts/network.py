"""The one way out: a connection to an address that was looked up once, judged, and is the one connected to.

Nothing is looked up again after it was judged, so a name that changes meanwhile changes nothing. Each exchange ends
within its time, whatever the other side does.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from spanledger.ledger.alerts.addresses import refusal

CONNECT_S_MAX: Final = 5.0
EXCHANGE_S_MAX: Final = 15.0
"""From the first byte of the connection to the end of the answer."""
ADDRESSES_MAX: Final = 3
"""How many addresses of a name are tried."""

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Host and port → addresses, as text. Raises `OSError`."""


class DeliveryError(Exception):
    """It was not delivered; the message is safe to log. Trying again may help, unless it is `final`."""

    def __init__(self, message: str, *, final: bool = False, again_s: float | None = None) -> None:
        super().__init__(message)
        self.final = final
        self.again_s = again_s
        """How long the other side asks to be left alone."""


def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


@dataclass(frozen=True, slots=True)
class Network:
    """What connections are made with."""

    resolve: Resolve = system_resolve
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    exchange_s: float = EXCHANGE_S_MAX

    def addresses(self, host: str, port: int, *, is_internal: bool) -> list[str]:
        """The addresses of a host, all of them allowed. Raises `DeliveryError`."""
        try:
            found = list(self.resolve(host, port))
        except (OSError, UnicodeError) as error:
            msg = f"{host} is not found: {type(error).__name__}"
            raise DeliveryError(msg) from error
        if not found:
            msg = f"{host} has no address"
            raise DeliveryError(msg)
        for address in found:
            # One that is not allowed beside one that is: somebody is trying something.
            if reason := refusal(address, is_internal=is_internal):
                msg = f"{host} is at {address}, which {reason}: not connected to (internal_hosts can name private ones)"
                raise DeliveryError(msg)
        return found[:ADDRESSES_MAX]

    def connect(self, host: str, port: int, *, is_internal: bool) -> socket.socket:
        """A connection to one of the addresses of a host. Raises `DeliveryError` and `OSError`."""
        failure: OSError = OSError("no address")
        for address in self.addresses(host, port, is_internal=is_internal):
            try:
                return socket.create_connection((address, port), CONNECT_S_MAX)
            except OSError as error:
                failure = error
        raise failure

    def encrypt(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        """TLS over a connection, with a certificate for the host's name. Shake hands before anything is sent."""
        return self.context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)

    @contextmanager
    def in_time(self, connection: socket.socket) -> Generator[None]:
        """The connection is cut when the time is over: who drips bytes holds nobody up. Raises `DeliveryError`."""
        over = threading.Event()
        # A handle of its own: it is the same connection still when TLS has taken the first one over.
        handle = socket.fromfd(connection.fileno(), connection.family, connection.type)

        def cut() -> None:
            over.set()
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

        # A wait of its own is longer: the timer is first, and it knows why.
        connection.settimeout(2 * self.exchange_s)
        timer = threading.Timer(self.exchange_s, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if not over.is_set():
                raise
            raise self._too_slow() from error
        else:
            # What was cut off may look like an answer that ended.
            if over.is_set():
                raise self._too_slow()
        finally:
            timer.cancel()
            timer.join()
            handle.close()

    def _too_slow(self) -> DeliveryError:
        return DeliveryError(f"no answer within {self.exchange_s:g} s")
