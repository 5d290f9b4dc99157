"""Which addresses an alert may be sent to: public ones, and private ones of hosts that the alerts file names. Pure.

An address inside another (IPv4 in IPv6, in the forms that a system or a gateway translates) is judged as what it is
inside. What answers with secrets of the machine (metadata services, link-local addresses) is never allowed.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, Oracle and others
            "169.254.170.2",  # AWS containers
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure's host, of a public range
            "192.0.0.192",  # Oracle
        ),
    )
)

# What an organisation calls its own: these alone can be allowed by name.
_INTERNAL: Final = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"),
    )
)
# Kept apart although some versions of `ipaddress` call them global.
_RESERVED: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "240.0.0.0/4",
            "64:ff9b:1::/48",
            "100::/64",
            "2001:2::/48",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fec0::/10",
        ),
    )
)
_NAT64: Final = ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ip_network("::/96")


def refusal(text: str, *, is_internal: bool) -> str:
    """Why an address, as a resolver gives it, must not be connected to; empty when it may."""
    try:
        address = ip_address(text)
    except ValueError:
        return "is no address"
    for each in _meant(address):
        if each in METADATA:
            return "is a metadata service"
        if each.is_link_local or each.is_multicast or each.is_unspecified:
            return "is link-local, multicast or no address"
        if _within(each, _INTERNAL):
            if not is_internal:
                return "is private or this machine"
        elif not each.is_global or each.is_reserved or _within(each, _RESERVED):
            return "is reserved"
    return ""


def _meant(address: Address) -> Iterator[Address]:
    """The address, or what it stands for: each has to be allowed."""
    inside: list[IPv4Address] = []
    if isinstance(address, IPv6Address):
        low = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.ipv4_mapped or address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
            yield low
            return
        if address.sixtofour:
            inside.append(address.sixtofour)
        if address.teredo:
            inside.extend(address.teredo)
    yield from inside or [address]


def _within(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
