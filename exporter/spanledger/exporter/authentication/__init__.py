"""Who is asking: keys, client certificates and tokens become a principal with a role and a scope."""

from spanledger.exporter.authentication.authenticator import Authenticator
from spanledger.exporter.authentication.peer import UNKNOWN_PEER, Peer
from spanledger.exporter.authentication.principal import Principal, Role

__all__ = ["UNKNOWN_PEER", "Authenticator", "Peer", "Principal", "Role"]
