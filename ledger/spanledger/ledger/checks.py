"""What `doctor` looks at: each check is one line that says what is, and whether that is right.

A check fails when the ledger cannot be trusted or reached as it stands, or leaves out what somebody has to pay; what
only deserves a look says so.
"""

import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from importlib.resources import files
from typing import Final, Literal, cast
from urllib.parse import urlsplit

from spanledger.exporter.journal import shards
from spanledger.exporter.journal.mending import UNREADABLE
from spanledger.exporter.prices import load_book, price_files
from spanledger.exporter.settings import Settings
from spanledger.ledger.accounts import Accounts, Query, accounts
from spanledger.ledger.tables import Row
from spanledger.schemas import ConfigurationError

Verdict = Literal["ok", "look", "FAIL"]

_LISTED_MAX: Final = 10
_LEFT_ASIDE: Final = ("open", "discarded")
_PROBE_TIMEOUT_S: Final = 5.0
_ALWAYS_STATED: Final = frozenset({"anthropic", "aws.bedrock", "cohere", "gcp.gemini", "gcp.vertex_ai", "mistral_ai"})
"""Providers whose streams state their usage unasked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    verdict: Verdict
    finding: str


def ledger_checks(query: Query, settings: Settings) -> Iterator[Check]:
    """The checks of an open ledger, after what waited was posted."""
    yield _schema(query)
    yield _journal(settings)
    sums = accounts(query)
    yield _balance(sums)
    yield _unreadable(sums, settings)
    yield _quarantine(query)
    yield _price_files(settings)
    yield _unpriced(query)
    yield _tenants(query, settings)
    yield _lost_usage(query)


def receiver_check(url: str, api_key: str = "") -> Check:
    """Send an empty OTLP request to a receiver as its senders see it. A redirect loses data: exporters drop it.

    Raises `ConfigurationError` if `url` is no http(s) base URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"--endpoint {url!r} must be an http:// or https:// base URL, such as https://otlp.example.com"
        raise ConfigurationError(msg)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    path = parts.path.rstrip("/") + "/v1/traces"
    try:
        with closing(kind(parts.hostname, parts.port, timeout=_PROBE_TIMEOUT_S)) as connection:
            headers = {"content-type": "application/x-protobuf"}
            if api_key:
                headers["authorization"] = f"Bearer {api_key}"
            connection.request("POST", path, b"", headers)
            response = connection.getresponse()
            status, location = response.status, response.getheader("location", "")
    except (OSError, HTTPException) as error:
        return Check("receiver", "FAIL", f"{url} does not answer: {error}")
    if 300 <= status < 400:
        return Check(
            "receiver", "FAIL", f"{url} redirects to {location!r}: exporters lose what is redirected; use that URL"
        )
    if status == 200:
        return Check("receiver", "ok", f"{url} takes OTLP")
    if status in {401, 403}:
        cure = "SPANLEDGER_API_KEY must be a key that may send: spanledger keys create --tenant T"
        return Check("receiver", "FAIL", f"{url} answers {status}: {cure}")
    return Check("receiver", "FAIL", f"{url} answers {status} to an empty OTLP request")


def _schema(query: Query) -> Check:
    applied = {str(name) for (name,) in query("SELECT DISTINCT name FROM schema_migrations").rows}
    folder = files("spanledger.schemas") / "migrations"
    known = {entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    if missing := sorted(known - applied):
        return Check("schema", "FAIL", f"not applied: {', '.join(missing)}; run spanledger migrate")
    return Check("schema", "ok", max(applied))


def _journal(settings: Settings) -> Check:
    waiting = [(shard.id, shard.pending_bytes) for shard in shards(settings.data)]
    behind = [f"{shard} ({size} bytes)" for shard, size in waiting if size]
    if not behind:
        return Check("journal", "ok", f"nothing waits in {settings.data}")
    return Check("journal", "look", f"waiting to be posted: {_listed(behind)}")


def _balance(sums: Accounts) -> Check:
    if not sums.balanced:
        return Check("balance", "FAIL", f"{sums}: spans are missing or counted twice")
    return Check("balance", "ok", str(sums))


def _unreadable(sums: Accounts, settings: Settings) -> Check:
    if not sums.skipped_records:
        return Check("unreadable", "ok", "no record of a journal was ever skipped")
    said = f"{sums.skipped_records} records of journals could not be read and were skipped: their usage is in no sum"
    return Check("unreadable", "look", f"{said}. What is left of them lies under {settings.data / UNREADABLE}")


def _quarantine(query: Query) -> Check:
    rows = query(
        "SELECT state, reason, count() AS things FROM quarantine WHERE state != 'replayed'"
        " GROUP BY state, reason ORDER BY things DESC, reason"
    ).rows
    sums = {name: sum(cast("int", things) for state, _, things in rows if state == name) for name in _LEFT_ASIDE}
    if not rows:
        return Check("quarantine", "ok", "empty")
    said = f"{sums['open']} open, {sums['discarded']} discarded"
    if not sums["open"]:
        return Check("quarantine", "ok", said)
    reasons = _listed([f"{things}: {reason}" for state, reason, things in rows if state == "open"])
    return Check("quarantine", "look", f"{said}; open {reasons}. spanledger quarantine list has each")


def _price_files(settings: Settings) -> Check:
    try:
        files = price_files(settings.prices, must_exist=settings.prices_stated)
        book = load_book(settings.prices, must_exist=settings.prices_stated)
    except ConfigurationError as error:
        return Check("prices", "FAIL", f"refused, the prices before stay in use: {'; '.join(str(error).splitlines())}")
    return Check("prices", "ok", f"{book.digest}: the catalogue{f' and {len(files)} price files' if files else ''}")


def _unpriced(query: Query) -> Check:
    rows = query(
        "SELECT provider, model, sum(requests) AS calls, groupUniqArrayArray(`lines.unit`) AS units FROM unpriced"
        " GROUP BY provider, model HAVING calls > 0 ORDER BY calls DESC"
    ).rows
    if not rows:
        return Check("unpriced", "ok", "every charge with known usage has a price")
    calls = [f"{seller or '?'}/{name or '?'} ({count} calls)" for seller, name, count, _ in rows]
    cure = f"{_adding(rows[0])} (and so on for each), then spanledger prices reprice"
    return Check("unpriced", "FAIL", f"no price for {_listed(calls)}. The cure: {cure}")


def _tenants(query: Query, settings: Settings) -> Check:
    ((charges,),) = query("SELECT count() FROM unattributed").rows or ((0,),)
    if not charges:
        return Check("tenants", "ok", "every charge names its tenant")
    found = f"{charges} charges name no tenant; the view `unattributed` has them"
    return Check("tenants", "FAIL" if settings.require_tenant else "look", found)


def _lost_usage(query: Query) -> Check:
    """Services whose calls were answered without usage: what is metered at the wire says so, and streams are why."""
    rows = query(
        "SELECT service_name, provider, countIf(usage_source = 'estimated') AS estimated,"
        " countIf(usage_source = 'missing') AS missing, count() AS calls"
        " FROM charges WHERE dialect = 'wire' AND status = 'ok'"
        " GROUP BY service_name, provider HAVING estimated + missing > 0"
        " ORDER BY estimated + missing DESC, service_name, provider"
    ).rows
    if not rows:
        return Check("streams", "ok", "every answer metered at the wire stated its usage")
    return Check("streams", "look", " ".join(_loss(row) for row in rows[:_LISTED_MAX]))


def _loss(row: Row) -> str:
    service, provider, estimated, missing, calls = row
    lost = " and ".join(f"{number} {how}" for number, how in ((estimated, "estimated"), (missing, "missing")) if number)
    said = f"{service or '?'}: of {calls} calls to {provider or '?'} the usage of {lost}"
    if provider in _ALWAYS_STATED:
        return f"{said}: their streams were left before the end, where it is stated; read them to the end."
    return (
        f"{said}: their streams state none unless asked. Set stream_options={{'include_usage': True}} in the call, or"
        " add include_usage to the host in SPANLEDGER_ENDPOINTS (for api.openai.com: SPANLEDGER_INCLUDE_USAGE=true)."
    )


def _adding(row: Row) -> str:
    """The command that gives a model a price, but for the prices."""
    provider, model, _, units = row
    stated = sorted(cast("list[str]", units))
    named = {"--provider": provider, "--model": model}
    words = [f"{flag} {shlex.quote(str(value))}" for flag, value in named.items() if value]
    words += ["--per 1000000"] if any(unit.endswith("_tokens") for unit in stated) else []
    return " ".join(["spanledger prices add", *words, *(f"{unit}=PRICE" for unit in stated)])


def _listed(items: list[str]) -> str:
    more = f", and {len(items) - _LISTED_MAX} more" if len(items) > _LISTED_MAX else ""
    return ", ".join(items[:_LISTED_MAX]) + more
