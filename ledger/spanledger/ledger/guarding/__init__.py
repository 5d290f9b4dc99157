"""The guard inside an application: it asks `serve` for leases, and lets calls go while a lease has room for them.

settings.py   what is set, and where the server is
asking.py     one question to the server, and its answers
lease.py      what a lease has room for (pure)
scope.py      calls that are alike in all that a budget may name: their lease, their last denial
guard.py      the port: at once where a lease has room, else through the server
"""

from collections.abc import Mapping

from spanledger.ledger.guarding.guard import LeasingGuard
from spanledger.ledger.guarding.settings import read_settings

__all__ = ["LeasingGuard", "open_guard"]


def open_guard(environ: Mapping[str, str], mode: str) -> LeasingGuard:
    """Make the guard of a process. Nothing is asked before the first call. Raises `ConfigurationError`."""
    return LeasingGuard(read_settings(environ, mode))
