"""What is set for the guard of an application, and where the server is that it asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from spanledger.exporter.setting_values import first
from spanledger.ledger.endpoint_file import Endpoint, find, folder_of
from spanledger.schemas import ConfigurationError
from spanledger.schemas.claim import ENVIRONMENT_DEFAULT

Away = Literal["allow", "deny"]

AWAY: Final = "SPANLEDGER_GUARD_AWAY"
URL: Final = "SPANLEDGER_GUARD_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What a guard runs with."""

    enforce: bool
    """Whether what is denied is not sent; else it is only told."""
    away: Away = "allow"
    """What becomes of calls while the server cannot be asked."""
    url: str = ""
    """Base URL of a server's API; empty finds the `serve` of this machine's store."""
    api_key: str = field(default="", repr=False)
    folder: Path | None = None
    """Where that `serve` leaves its address."""
    tenant: str = ""
    environment: str = ENVIRONMENT_DEFAULT
    """Whom calls are for that name nobody, and where they are made; as for what this process records."""

    def endpoint(self) -> Endpoint | None:
        """Where to ask now: a `serve` that is started again has another address and token."""
        if self.url:
            return Endpoint(address=self.url, token=self.api_key, pid=0, store="", data="")
        return find(self.folder) if self.folder is not None else None


def read_settings(environ: Mapping[str, str], mode: str) -> GuardSettings:
    """Read them. Raises `ConfigurationError` for one that is wrong."""
    away = environ.get(AWAY, "").strip().lower() or "allow"
    if away not in {"allow", "deny"}:
        msg = f"{AWAY} {away!r} must be allow or deny"
        raise ConfigurationError(msg)
    url = environ.get(URL, "").strip()
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        msg = f"{URL} {url!r} must be the base URL of a server's API, such as http://127.0.0.1:8318"
        raise ConfigurationError(msg)
    return GuardSettings(
        enforce=mode == "enforce",
        away="deny" if away == "deny" else "allow",
        url=url.rstrip("/"),
        api_key=environ.get("SPANLEDGER_API_KEY", ""),
        folder=None if url else _folder(environ),
        tenant=first(environ, "SPANLEDGER_TENANT", "LEDGER_TENANT"),
        environment=first(environ, "SPANLEDGER_ENVIRONMENT", "LEDGER_ENV", "TOKENLEDGER_ENVIRONMENT")
        or ENVIRONMENT_DEFAULT,
    )


def _folder(environ: Mapping[str, str]) -> Path:
    from spanledger.exporter.settings import load  # noqa: PLC0415 (only where no URL is stated)

    return folder_of(load(environ))
