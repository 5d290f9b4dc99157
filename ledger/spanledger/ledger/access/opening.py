"""Which way to the ledger: the running `serve` that left its address in the store, else the store itself."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from spanledger.exporter.settings import Settings
from spanledger.ledger.access.port import Access
from spanledger.ledger.access.remote import RemoteAccess, answers
from spanledger.ledger.endpoint_file import Endpoint, find, folder_of
from spanledger.schemas import StoreLockedError

if TYPE_CHECKING:
    from spanledger.ledger.access.local import LocalAccess

Opened: TypeAlias = "LocalAccess | RemoteAccess"

# Another command holds the store for about a second; a serve that starts holds it before it has left its address.
LOCK_WAIT_S: Final = 5.0
_LOCK_POLL_S: Final = 0.1


def running(settings: Settings) -> Endpoint | None:
    """The endpoint of the `serve` that posts to this store, if one does and answers. A stale file is no endpoint."""
    endpoint = find(folder_of(settings))
    return endpoint if endpoint is not None and answers(endpoint) else None


def open_access(settings: Settings) -> Opened:
    """Reach the ledger, and post what waits, so that what was sent is seen.

    Raises `StoreLockedError` when another process holds the store and does not answer for it, and what
    opening the store itself raises.
    """
    return _patiently(settings, _posted)


def open_beside_damage(settings: Settings) -> Opened:
    """Reach the ledger as `open_access` does, also when a part of a journal cannot be read."""
    return _patiently(settings, lambda access: access)


_Access = TypeVar("_Access", bound=Access)


def _patiently(settings: Settings, ready: Callable[[Opened], Opened]) -> Opened:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return ready(_once(settings))
        except StoreLockedError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOCK_POLL_S)


def _posted(access: _Access) -> _Access:
    try:
        access.post()
    except BaseException:
        access.close()
        raise
    return access


def _once(settings: Settings) -> Opened:
    endpoint = running(settings)
    if endpoint is not None:
        return RemoteAccess(endpoint)
    from spanledger.ledger.access.local import LocalAccess  # noqa: PLC0415 (the engine: half a second and 170 MB)

    return LocalAccess.open(settings)
