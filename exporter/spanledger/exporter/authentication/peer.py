"""Where a request came from, as far as its connection tells. Plain data; nothing of it is taken from headers."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    address: str = ""
    """As the transport tells it: a host, or gRPC's `ipv4:HOST:PORT`."""
    certificates: tuple[str, ...] = ()
    """The names in its verified certificate: `URI:…` and `DNS:…`, or, without either, `CN:…`."""

    @property
    def source(self) -> str:
        """Its address without the port; for IPv6 the /64, since one machine has all of those. For counting failures."""
        host = unquote(self.address)
        if host.startswith(("ipv4:", "ipv6:")):
            host = host.partition(":")[2].rpartition(":")[0]
        try:
            address = ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return host[:64] or "unknown"
        if isinstance(address, IPv6Address):
            if (mapped := address.ipv4_mapped) is not None:
                return str(mapped)
            return str(ip_network((address, 64), strict=False))
        return str(address)


UNKNOWN_PEER: Final = Peer()
