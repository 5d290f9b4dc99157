"""Which peers are believed and which hosts are told, from two settings. Nobody is, unless named.

`SPANLEDGER_TRUSTED_PEERS`: addresses or networks (`10.0.0.0/8,127.0.0.1`) whose headers and baggage say whom work is
for; `unix` for peers without an address, `*` for everybody (behind a proxy that strips what clients send).
`SPANLEDGER_HOSTS`: hosts of ours, which are told: a name (`billing.internal`), all below it (`*.internal`), a network.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

TRUSTED_PEERS: Final = "SPANLEDGER_TRUSTED_PEERS"
HOSTS: Final = "SPANLEDGER_HOSTS"

EVERYBODY: Final = "*"
UNIX: Final = "unix"


def is_trusted(peer: str, trusted: Sequence[str] | None = None) -> bool:
    """Whether what a peer (its address; empty where it has none) says of whom work is for is believed.

    `trusted` is in the place of the setting if it is given.
    """
    named = ",".join(trusted) if trusted is not None else os.environ.get(TRUSTED_PEERS, "")
    return bool(named) and _matches(peer or UNIX, named)


def is_ours(host: str) -> bool:
    """Whether a host may be told whom work is for. `host` may end in a port."""
    named = os.environ.get(HOSTS, "")
    return bool(named and host) and _matches(host.lower(), named.lower())


# Peers and hosts come again and again; a flood of others only makes us look again.
@lru_cache(maxsize=4_096)
def _matches(host: str, named: str) -> bool:
    return any(_fits(host, pattern.strip()) for pattern in named.split(","))


def _fits(host: str, pattern: str) -> bool:
    if not pattern:
        return False
    if pattern in {EVERYBODY, host}:
        return True
    bare = _without_port(host)
    if pattern == bare:
        return True
    if pattern.startswith("*."):
        return bare.endswith(pattern[1:])
    try:
        return ip_address(bare) in ip_network(pattern, strict=False)
    except ValueError:
        return False


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, _ = host.rpartition(":")
    # More than one colon without brackets is an IPv6 address.
    return name if colon and ":" not in name else host
