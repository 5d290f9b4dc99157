"""Reads and accounts: what the commands and programs ask of the ledger. Nothing heavy is imported until it is used."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.ledger.api.client import Client
    from spanledger.ledger.ledger import Ledger

__all__ = ["Client", "Ledger"]


def __getattr__(name: str) -> object:
    """Import `Ledger` or `Client` when it is asked for: `spanledger --help` must not pay for it."""
    if name == "Ledger":
        from spanledger.ledger.ledger import Ledger  # noqa: PLC0415 (the point of this function)

        return Ledger
    if name == "Client":
        from spanledger.ledger.api.client import Client  # noqa: PLC0415 (the same)

        return Client
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
