"""Opening a port, or saying in one sentence why it cannot be opened and what to do."""

import errno
import socket
from typing import Final

from spanledger.exporter.settings import Address
from spanledger.schemas import ConfigurationError

_CURES: Final = {
    errno.EADDRINUSE: "the port is already in use: stop the other process, or choose another port with {flag} PORT",
    errno.EACCES: "the port needs privileges: choose one above 1023 with {flag} PORT",
    errno.EADDRNOTAVAIL: "this machine does not have that address: choose one of its own with {flag} HOST:PORT",
}
_NO_SUCH_HOST: Final = "the host is not known: choose another with {flag} HOST:PORT"


def cannot_listen(address: Address, flag: str, error: OSError) -> ConfigurationError:
    """Return the error of a door that cannot be opened; `flag` is the option that moves it."""
    cure = _NO_SUCH_HOST if isinstance(error, socket.gaierror) else _CURES.get(error.errno or 0)
    why = cure or f"{error.strerror}: choose another address with {{flag}} HOST:PORT"
    return ConfigurationError(f"cannot listen on {address}: {why.format(flag=flag)}")


def check_free(address: Address) -> None:
    """Raise `OSError` when a port is taken, for a server that reports this in a worse way."""
    for family, kind, protocol, _, sockaddr in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(sockaddr)
