"""How a command reaches the ledger: through a running `serve` where there is one, else by opening the store."""

from spanledger.ledger.access.opening import Opened, open_access, open_beside_damage
from spanledger.ledger.access.port import Access, Counts

__all__ = ["Access", "Counts", "Opened", "open_access", "open_beside_damage"]
