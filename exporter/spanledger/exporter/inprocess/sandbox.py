"""`SPANLEDGER_SANDBOX=true`: every usage span as one priced JSON line on stdout. Opens no socket and no file.

A line is the ledger event that a span would become were it the only one to tell of its call: nothing is settled, and
roll-ups are not shown.
"""

import sys
import threading
from datetime import UTC, datetime
from time import time_ns
from typing import Final, cast

import msgspec
from opentelemetry.sdk.trace import ReadableSpan

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.inprocess.counts import Counts, kind_and_place
from spanledger.exporter.inprocess.entries import SCOPE, Home, entries
from spanledger.exporter.inprocess.recorder import EXIT_TIMEOUT_S, Recorder
from spanledger.exporter.inprocess.usage import usage_span
from spanledger.exporter.inprocess.writer import Writer
from spanledger.exporter.posting.batch import rated
from spanledger.exporter.posting.book import event_of
from spanledger.exporter.prices import PriceShelf
from spanledger.exporter.rate import Rated
from spanledger.exporter.rate.book import CURRENCY
from spanledger.exporter.rate.plan import Subject, unrated
from spanledger.exporter.settings import Settings
from spanledger.exporter.settle import Charge, charge_of, stand
from spanledger.exporter.sift import pseudonyms_under, sift
from spanledger.schemas import ConfigurationError
from spanledger.schemas.claim import Claim
from spanledger.schemas.event import COLUMNS, LedgerEvent, column_name
from spanledger.schemas.money import format_amount

_NS_PER_S: Final = 10**9


class Sandbox(Recorder):
    """Prints instead of recording."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(_none)
        pseudonyms = pseudonyms_under(settings.pseudonym_key, agents=settings.pseudonym_agents)
        self._home = Home(settings.tenant, settings.environment, pseudonyms)
        self._prices = PriceShelf(settings.prices, must_exist=settings.prices_stated)
        self._printing = threading.RLock()

    def offer(self, span: ReadableSpan) -> bool:
        """Print what a span would become; whether it is a usage span. Never raises."""
        try:
            kept = usage_span(span)
            if kept is None:
                return False
            lines = self._lines(kept)
            with self._printing:
                sys.stdout.write(lines)
                sys.stdout.flush()
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            self._counts.add("lost", reason=f"a usage span cannot be printed: {kind_and_place(error)}")
        return True

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 (a recorder's)
        """Nothing waits."""
        return True

    def close(self, timeout_s: float = EXIT_TIMEOUT_S) -> None:  # noqa: ARG002 (a recorder's)
        """Nothing is open."""
        self._closed = True

    def _lines(self, span: ReadableSpan) -> str:
        lines = ""
        for entry in entries((span,), self._home, self._counts):
            for usage in sift(entry.payload, "traces").spans:
                claim = decode(usage, Credential(entry.scope, entry.tenant))
                if isinstance(claim, Claim) and claim.call.role != "rollup":
                    charge = charge_of((stand(claim, time_ns()),))
                    lines += f"{line_of(event_of(charge, self._rated(charge)))}\n"
                elif claim is not None and not isinstance(claim, Claim):
                    self._counts.add("refused", reason=f"a usage span would be set aside: {claim.reason}")
        return lines

    def _rated(self, charge: Charge) -> Rated:
        try:
            return rated(charge, self._prices.current())
        except ConfigurationError:
            # The base install has no catalogue: quantities without a price, as of any model nobody knows.
            claim = charge.claim
            model = claim.call.response_model or claim.call.request_model
            return unrated(claim.usage, Subject(model, "", CURRENCY, ""), "no_price" if claim.usage else "no_usage")


def line_of(event: LedgerEvent) -> str:
    """An event as JSON: money as decimal text, times as ISO 8601 in UTC, ids as hex."""
    columns = {column_name(field): getattr(event, field) for field in LedgerEvent.__struct_fields__}
    said = {name: _plain(value, COLUMNS[name].type) for name, value in columns.items()}
    return msgspec.json.encode(said).decode()


def _plain(value: object, column_type: str) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(each, column_type) for each in cast("tuple[object, ...]", value)]
    if isinstance(value, int) and "Decimal" in column_type:
        return format_amount(value)
    if isinstance(value, int) and column_type.startswith("DateTime"):
        seconds, ns = divmod(value, _NS_PER_S)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"
    return value


def _none(counts: Counts) -> Writer:
    raise AssertionError(SCOPE, counts)
