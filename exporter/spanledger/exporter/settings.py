"""Every setting, read once from flags and environment into one frozen record.

Order: flag, `SPANLEDGER_*`, the predecessors' `LEDGER_*` / `TOKENLEDGER_*`, then standard names
(`DATABASE_URL`, only when it is `clickhouse://`). A wrong value raises `ConfigurationError` naming it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from platformdirs import user_data_path

from spanledger.exporter.access_settings import AccessSettings, read_access
from spanledger.exporter.setting_values import first, secret, switch
from spanledger.schemas import ConfigurationError
from spanledger.schemas.claim import UNATTRIBUTED

LOOPBACK: Final = "127.0.0.1"
GRPC_PORT: Final = 4317
HTTP_PORT: Final = 4318
API_PORT: Final = 8318

# OTLP 1.11 recommends 64 MiB; 16 MiB bounds what one hostile body can make us hold (a deviation we document).
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
BODY_BYTES_CEILING: Final = 64 * 1024 * 1024

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

CLICKHOUSE_SCHEMES: Final = ("clickhouse", "clickhouses", "clickhouse+http", "clickhouse+https")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a door listens. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every command, server and in-process exporter runs with."""

    store: str
    """A folder (embedded chDB) or a `clickhouse://user:password@host:8123/database` URL."""
    data: Path
    """The journal folder."""
    grpc: Address = Address(LOOPBACK, GRPC_PORT)
    http: Address = Address(LOOPBACK, HTTP_PORT)
    api: Address = Address(LOOPBACK, API_PORT)
    clickhouse_http: Address | None = None
    """Where an embedded store is read as a ClickHouse server is; None: nowhere."""
    http_prefix: str = ""
    """What stands before `/v1/traces` and the other OTLP paths: empty, or `/…` without a slash at the end."""
    tenant: str = UNATTRIBUTED
    """Who is charged when the telemetry names nobody."""
    environment: str = ""
    """Inside an application: the environment it works in; empty leaves it to the resource."""
    otlp_endpoint: str = ""
    """Inside an application: send to this receiver (OTLP/HTTP base URL) instead of a store."""
    api_key: str = ""
    prices: tuple[Path, ...] = ()
    """Price files and folders of them; a later one's prices win."""
    prices_stated: bool = False
    """Whether they were stated, and so have to be there."""
    body_bytes_max: int = BODY_BYTES_MAX
    sandbox: bool = False
    """Inside an application: print priced ledger events instead of recording usage."""
    require_tenant: bool = False
    """Whether usage that names nobody makes `doctor` fail. It is charged all the same."""
    log_level: str = ""
    """How much our own log tells; empty leaves it to whoever configures logging."""
    pseudonym_key: bytes = b""
    """The secret under which persons are renamed before anything is written; empty keeps their names."""
    pseudonym_agents: bool = False
    """Whether agents are renamed, too."""
    alerts: Path | None = None
    """The file that says what is told to whom; without one, nothing is."""
    access: AccessSettings = field(default_factory=AccessSettings)
    """Who may come in."""

    def __repr__(self) -> str:
        """Every field but what is secret, which logs and tracebacks would keep."""
        shown = {name: getattr(self, name) for name in self.__slots__} | {"store": self.store_shown}
        shown |= {name: "***" for name in ("api_key", "pseudonym_key") if shown[name]}
        shown["otlp_endpoint"] = _without_password(self.otlp_endpoint)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def store_shown(self) -> str:
        """The store without its user and password, for people."""
        return _without_password(self.store)

    @property
    def embedded(self) -> bool:
        """Whether the store is the engine inside the process, under a folder."""
        return not is_clickhouse(self.store)


def load(environ: Mapping[str, str] | None = None, **flags: str | None) -> Settings:
    """Read the settings. `flags` carry a command's options (None: not given) and win over the environment.

    Raises `ConfigurationError` with one sentence that names the wrong setting and the cure.
    """
    env = os.environ if environ is None else environ
    store = flags.get("store") or first(env, "SPANLEDGER_STORE", "LEDGER_STORE") or _database_url(env)
    store = _checked_store(store or str(user_data_path("spanledger", appauthor=False) / "store"))
    stated = flags.get("data") or env.get("SPANLEDGER_DATA")
    data = Path(stated).expanduser().absolute() if stated else _default_journal(store)
    prices = flags.get("prices") or env.get("SPANLEDGER_PRICES", "")
    return Settings(
        store=store,
        data=data,
        grpc=_address("--grpc", flags.get("grpc") or env.get("SPANLEDGER_GRPC"), GRPC_PORT),
        http=_address("--http", flags.get("http") or env.get("SPANLEDGER_HTTP"), HTTP_PORT),
        api=_address("--api", flags.get("api") or env.get("SPANLEDGER_API"), API_PORT),
        clickhouse_http=_clickhouse_http(
            flags.get("clickhouse_http") or env.get("SPANLEDGER_CLICKHOUSE_HTTP", ""), store
        ),
        http_prefix=_path_prefix(env.get("SPANLEDGER_HTTP_PREFIX", "")),
        tenant=flags.get("tenant") or first(env, "SPANLEDGER_TENANT", "LEDGER_TENANT") or UNATTRIBUTED,
        environment=first(env, "SPANLEDGER_ENVIRONMENT", "LEDGER_ENV", "TOKENLEDGER_ENVIRONMENT"),
        otlp_endpoint=_endpoint(env.get("SPANLEDGER_OTLP_ENDPOINT", "")),
        api_key=env.get("SPANLEDGER_API_KEY", ""),
        prices=_price_places(prices) or (_beside(store, data, "prices"),),
        prices_stated=bool(_price_places(prices)),
        body_bytes_max=_body_bytes(env.get("SPANLEDGER_BODY_BYTES_MAX", "")),
        sandbox=switch(env, "SPANLEDGER_SANDBOX", "LEDGER_SANDBOX_MODE"),
        require_tenant=switch(env, "SPANLEDGER_REQUIRE_TENANT", "LEDGER_REQUIRE_TENANT"),
        log_level=_log_level(env),
        pseudonym_key=secret(env, "SPANLEDGER_PSEUDONYM_KEY_FILE"),
        pseudonym_agents=switch(env, "SPANLEDGER_PSEUDONYM_AGENTS"),
        alerts=_file(flags.get("alerts") or env.get("SPANLEDGER_ALERTS", "")),
        access=read_access(
            env, _beside(store, data, "keys.sqlite"), insecure_public=bool(flags.get("insecure_public"))
        ),
    )


def is_clickhouse(store: str) -> bool:
    """Whether a store setting names a ClickHouse server rather than a folder."""
    return store.split("://", 1)[0] in CLICKHOUSE_SCHEMES and "://" in store


def _database_url(env: Mapping[str, str]) -> str:
    url = first(env, "DATABASE_URL")
    return url if is_clickhouse(url) else ""


def _checked_store(store: str) -> str:
    if is_clickhouse(store):
        try:
            parts = urlsplit(store)
            host, _ = parts.hostname, parts.port
        except ValueError:
            # What is no port may be the end of a password, so neither it nor the reason is quoted.
            msg = "SPANLEDGER_STORE names no port where one belongs: percent-encode what is special in a password"
            raise ConfigurationError(msg) from None
        if not host:
            msg = f"SPANLEDGER_STORE {_without_password(store)!r} names no host: write clickhouse://HOST:8123/DATABASE"
            raise ConfigurationError(msg)
        return store
    if "://" in store:
        msg = f"SPANLEDGER_STORE {_without_password(store)!r} is neither a folder nor a clickhouse:// URL"
        raise ConfigurationError(msg)
    return str(Path(store).expanduser().absolute())


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else url


def _default_journal(store: str) -> Path:
    """`STORE/journal`, or for a ClickHouse store a folder of its own under the user-data folder."""
    if not is_clickhouse(store):
        return Path(store) / "journal"
    parts = urlsplit(store)
    name = quote(f"{parts.hostname}-{parts.port or 8123}{parts.path or '/default'}".replace("/", "-"), safe="")
    return user_data_path("spanledger", appauthor=False) / "journal" / name


def _price_places(stated: str) -> tuple[Path, ...]:
    return tuple(Path(place.strip()).expanduser().absolute() for place in stated.split(os.pathsep) if place.strip())


def _beside(store: str, data: Path, name: str) -> Path:
    """`STORE/name`, or for a ClickHouse store a path beside the journal, named after it."""
    return data.with_name(f"{data.name}-{name}") if is_clickhouse(store) else Path(store) / name


def _file(stated: str) -> Path | None:
    return Path(stated).expanduser().absolute() if stated else None


def _address(flag: str, text: str | None, port_default: int) -> Address:
    if not text:
        return Address(LOOPBACK, port_default)
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        msg = f"{flag} {text!r} is not [HOST:]PORT with a port from 0 to 65535"
        raise ConfigurationError(msg)
    return Address(host.strip("[]") or LOOPBACK, int(port))


def _clickhouse_http(text: str, store: str) -> Address | None:
    if not text:
        return None
    if is_clickhouse(store):
        msg = f"--clickhouse-http {text!r} is for an embedded store: ask the ClickHouse server of this store itself"
        raise ConfigurationError(msg)
    return _address("--clickhouse-http", text, 0)


def _path_prefix(text: str) -> str:
    if text and not _PATH.fullmatch(text):
        msg = f"SPANLEDGER_HTTP_PREFIX {text!r} must be a path of letters, digits and -._~, such as /ledger"
        raise ConfigurationError(msg)
    return text.rstrip("/")


def _endpoint(url: str) -> str:
    if url and urlsplit(url).scheme not in {"http", "https"}:
        shown = _without_password(url)
        msg = (
            f"SPANLEDGER_OTLP_ENDPOINT {shown!r} must be an http:// or https:// base URL, such as http://localhost:4318"
        )
        raise ConfigurationError(msg)
    return url.rstrip("/")


def _log_level(env: Mapping[str, str]) -> str:
    text = first(env, "SPANLEDGER_LOG_LEVEL", "LEDGER_LOG_LEVEL")
    if not text and switch(env, "TOKENLEDGER_DEBUG"):
        return "DEBUG"
    if (level := text.strip().upper()) not in {"", *LOG_LEVELS}:
        msg = f"SPANLEDGER_LOG_LEVEL {text!r} must be one of {', '.join(LOG_LEVELS)}"
        raise ConfigurationError(msg)
    return level


def _body_bytes(text: str) -> int:
    if not text:
        return BODY_BYTES_MAX
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= BODY_BYTES_CEILING:
        msg = f"SPANLEDGER_BODY_BYTES_MAX {text!r} must be a whole number of bytes from 1 to {BODY_BYTES_CEILING}"
        raise ConfigurationError(msg)
    return int(text)
