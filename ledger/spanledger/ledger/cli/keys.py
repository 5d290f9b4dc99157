"""`spanledger keys`: who may send and ask. It changes the key store; a running `serve` sees it within seconds."""

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from spanledger.exporter.authentication.key_store import Entry, KeyStore
    from spanledger.ledger.tables import Row

_COLUMNS: Final = ("id", "role", "scope", "tenant", "certificate", "state", "created", "expires", "last_used", "source")
_DAY_NS: Final = 24 * 3600 * 10**9


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the three verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    create = verbs.add_parser("create", help="make a key and print it, this once")
    add_store(create)
    create.add_argument(
        "--tenant",
        required=True,
        metavar="T[,T…]|*",
        help="whom it stands for: one tenant, several, or * for all (quote it); outside, nobody is charged or shown",
    )
    create.add_argument(
        "--default-tenant",
        metavar="T",
        help="who is charged when the telemetry names nobody in scope (a single --tenant is; for *: SPANLEDGER_TENANT)",
    )
    create.add_argument(
        "--role", choices=("ingest", "read", "admin"), default="ingest", help="send, ask, or everything (send)"
    )
    create.add_argument("--expires", metavar="DATE|DAYSd", help="such as 2027-01-31 (UTC), or 90d from now (never)")
    create.add_argument(
        "--certificate",
        metavar="SUBJECT",
        help="bind a client certificate instead of making a key: spiffe://…, DNS:name, or CN:name",
    )
    listing = verbs.add_parser("list", help="show every key, without its secret")
    add_store(listing)
    add_format(listing)
    revoke = verbs.add_parser("revoke", help="revoke a key for good; it stays in the list")
    add_store(revoke)
    revoke.add_argument("id", metavar="ID", help="as shown by list; a whole key does as well")


def run(options: argparse.Namespace) -> int:
    """Do the chosen verb."""
    from spanledger.exporter.authentication.key_store import KeyStore  # noqa: PLC0415

    verb = cast("str", options.verb)
    # --tenant is whom the key stands for, not the default for telemetry that names none.
    settings = settings_of(argparse.Namespace(**{**vars(options), "tenant": None}))
    store = KeyStore(cast("Path", settings.access.keys))
    tell(f"keys: {store.file}")
    if verb == "create":
        _create(store, options, settings.tenant)
    elif verb == "list":
        _list(store, options)
    else:
        _revoke(store, options)
    return 0


def _create(store: "KeyStore", options: argparse.Namespace, tenant: str) -> None:
    from spanledger.exporter.authentication.api_key import new_id, new_key  # noqa: PLC0415
    from spanledger.exporter.authentication.certificates import subject  # noqa: PLC0415
    from spanledger.exporter.authentication.key_store import Entry  # noqa: PLC0415
    from spanledger.exporter.authentication.principal import credential_for  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    tenants = [name.strip() for name in cast("str", options.tenant).split(",")]
    default = cast("str | None", options.default_tenant) or (tenant if tenants == ["*"] else None)
    credential = credential_for(tenants, default)
    role = cast("str", options.role)
    if role == "admin" and credential.scope != "*":
        msg = "--role admin changes every tenant's part of the ledger: it takes --tenant '*'"
        raise ConfigurationError(msg)
    now_ns = time.time_ns()
    first = not store.file.exists()
    key = None if options.certificate else new_key()
    entry = Entry(
        id=key.id if key else new_id(),
        secret_sha256=key.digest if key else None,
        certificate=subject(cast("str", options.certificate)) if options.certificate else None,
        role=role,
        scope=credential.scope,
        tenant=credential.tenant,
        created_ns=now_ns,
        expires_ns=_expiry(cast("str | None", options.expires), now_ns),
    )
    store.add(entry)
    until = f" until {_time(entry.expires_ns)}" if entry.expires_ns else ""
    tell(f"{entry.id} may {entry.role} for {entry.scope}, default tenant {entry.tenant}{until}")
    if first:
        tell("from now on a serve asks for keys when it starts; one that runs already has to be started again")
    if key:
        tell("the key is shown this once:")
    say(key.text if key else entry.id)


def _list(store: "KeyStore", options: argparse.Namespace) -> None:
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    now_ns = time.time_ns()
    rows = [_shown(entry, now_ns) for entry in store.entries()]
    formats.write(Table(_COLUMNS, ("String",) * len(_COLUMNS), rows), format_of(options), sys.stdout)


def _revoke(store: "KeyStore", options: argparse.Namespace) -> None:
    from spanledger.exporter.authentication.api_key import parsed  # noqa: PLC0415

    given = cast("str", options.id)
    key = parsed(given)
    key_id = key.id if key else given
    done = store.revoke(key_id, time.time_ns())
    say(f"{key_id} is revoked" if done else f"{key_id} was revoked before")


def _shown(entry: "Entry", now_ns: int) -> "Row":
    return (
        entry.id,
        entry.role,
        entry.scope,
        entry.tenant,
        entry.certificate or "",
        entry.state(now_ns),
        _time(entry.created_ns),
        _time(entry.expires_ns),
        _time(entry.last_used_ns),
        entry.last_source or "",
    )


def _time(at_ns: int | None) -> str:
    return "" if at_ns is None else datetime.fromtimestamp(at_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _expiry(text: str | None, now_ns: int) -> int | None:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    if text is None:
        return None
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and 0 < int(text[:-1]) <= 36_500:
        return now_ns + int(text[:-1]) * _DAY_NS
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"--expires {text!r} is neither a date such as 2027-01-31 nor a number of days such as 90d"
        raise ConfigurationError(msg) from error
    at_ns = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 10**9
    if at_ns <= now_ns:
        msg = f"--expires {text!r} is in the past"
        raise ConfigurationError(msg)
    return at_ns
