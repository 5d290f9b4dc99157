"""`endpoint.json`: where a running `serve` can be asked. Only its owner may read it.

It lies in an embedded store's folder, for a ClickHouse store in the journal folder. It may be stale (its process
was killed): whoever reads it must have the address prove itself.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from spanledger.exporter.settings import Settings

NAME: Final = "endpoint.json"
_MODE: Final = 0o600


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a running `serve` tells the commands of its owner."""

    address: str
    """Base URL of the local endpoint."""
    token: str
    pid: int
    store: str
    """The store it holds, without user and password."""
    data: str
    """The journal folder it posts."""
    grpc: str = ""
    """HOST:PORT where OTLP/gRPC is taken."""
    http: str = ""
    """Base URL where OTLP/HTTP is taken."""
    certificate: str = ""
    """SHA-256 of the certificate that the endpoint shows, whatever name it is for; empty without TLS."""
    page: str = ""
    """The token by which the owner's browser reads; empty where the page asks for a key."""

    @property
    def page_url(self) -> str:
        """Where the page is. A browser sends no server what stands after the `#`, which the page takes away at once."""
        return f"{self.address}/{f'#key={self.page}' if self.page else ''}"

    @property
    def proof(self) -> str:
        """What the endpoint shows without a token: that it knows the token of this file."""
        return sha256(self.token.encode()).hexdigest()


def folder_of(settings: Settings) -> Path:
    """Where the `serve` of a store leaves its file."""
    return Path(settings.store) if settings.embedded else settings.data


def leave(folder: Path, endpoint: Endpoint) -> Callable[[], None]:
    """Write the file, replacing a stale one in one step; returns how to take it away again."""
    file, fresh = folder / NAME, folder / f"{NAME}.{endpoint.pid}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(endpoint))
    fresh.replace(file)

    def take_away() -> None:
        if find(folder) == endpoint:
            file.unlink(missing_ok=True)

    return take_away


def find(folder: Path) -> Endpoint | None:
    """Read the file; None if there is none or it cannot be understood."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Endpoint)
    return None
