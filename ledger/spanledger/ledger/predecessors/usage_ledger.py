"""`UsageLedger`: 371OS's ledger of calls, kept in this one.

A call is recorded as a span of its own, and charged as any other; the cost its caller states is kept beside ours. A
file and PostHog are told as well if they are given; neither's failure touches the other, nor what is recorded.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from spanledger.exporter.settings import Settings, load
from spanledger.ledger.access import open_access
from spanledger.ledger.importing import usage_json
from spanledger.ledger.periods import zone
from spanledger.ledger.predecessors.usage import LLMUsage
from spanledger.ledger.predecessors.usage_file import append
from spanledger.ledger.sinks.port import OPTED_OUT, opted_out
from spanledger.ledger.sinks.posthog import Client
from spanledger.ledger.sinks.posthog_events import LLM_USAGE
from spanledger.schemas import StoreError, StoreUnavailableError
from spanledger.schemas import attributes as a
from spanledger.schemas.ambient import statement
from spanledger.schemas.dialects.kept_books import USAGE_LEDGER

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from spanledger.ledger.access import Access, Opened

FLUSH_TIMEOUT_MS: Final = 10_000

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Month:
    """What a calendar month cost so far, in US dollars."""

    total: Decimal
    unpriced_requests: int
    """Calls whose cost nobody knows: they are not in the total, and not free."""
    since: datetime
    until: datetime


class UsageLedger:
    """Records calls, and says what this month's cost. Use it in a `with` block, or close it."""

    def __init__(
        self,
        usage_file: Path | str | None = None,
        posthog_client: Client | None = None,
        *,
        store: str | None = None,
        data: str | None = None,
        tz: str = "UTC",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep usage in a `store` (None: the default); months and times without an offset are those of the zone `tz`.

        `usage_file` is an `llm_usage.json` that goes on being written; what it holds already is imported when the total
        is first asked for. Raises `ConfigurationError`.
        """
        self.usage_file = Path(usage_file) if usage_file is not None else None
        self.posthog_client = posthog_client
        self.failures = Counter[str]()
        """How often the file or PostHog could not be told."""
        self._settings: Settings = load(None, store=store, data=data)
        self._tz, self._now = zone(tz), now
        self._provider: TracerProvider | None = None
        self._imported = self.usage_file is None

    def record_usage(self, usage_data: LLMUsage) -> None:
        """Record a call. It waits for nothing but the file, if there is one."""
        record = {**usage_data.model_dump(mode="json"), "response_id": usage_data.response_id}
        own_id = self._record(record)
        if self.usage_file is not None:
            self._aside("the usage file", partial(self._to_file, {**usage_data.model_dump(mode="json")}, own_id))
        if self.posthog_client is not None and _may_be_told():
            self._aside("PostHog", partial(self._to_posthog, self.posthog_client, usage_data, own_id))

    def get_total_cost_for_current_month(self) -> float:
        """US dollars of this month so far, a float made of an exact sum. What cannot be read raises, and is not 0.0.

        Of calls recorded here it is the cost they state; of all others in the ledger, our price.
        """
        month = self.current_month()
        if month.unpriced_requests:
            self._once(
                "unpriced", f"{month.unpriced_requests} calls of this month have no known cost: they are left out"
            )
        return float(month.total)

    def current_month(self) -> Month:
        """Sum up this month so far. Raises `StoreError` or `StoreUnavailableError` where it cannot be known."""
        since, until = _month_of(self._now().astimezone(self._tz))
        self.flush()
        access = open_access(self._settings)
        try:
            self._import(access)
            total, unpriced = _month_sums(access, since, until)
        finally:
            access.close()
        return Month(total, unpriced, since, until)

    def flush(self) -> None:
        """Wait until everything recorded is on disk. Raises `StoreUnavailableError` if it is not."""
        if self._provider is not None and not self._provider.force_flush(FLUSH_TIMEOUT_MS):
            msg = "what was recorded is not on disk yet: see the log for why"
            raise StoreUnavailableError(msg)

    def close(self) -> None:
        """Flush and end. Doing it twice is harmless."""
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, record: Mapping[str, object]) -> str:
        """Make a call's span; returns its ids."""
        from opentelemetry.context import Context  # noqa: PLC0415 (only who records pays for the SDK)
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        if self._provider is None:
            self._provider = _provider(self._settings)
        at_ns = usage_json.time_of(record, self._tz)
        # A trace of its own: what a program writes down after a call is not part of the span that happens to run.
        span = self._provider.get_tracer(a.USAGE_LEDGER_SCOPE).start_span(
            f"chat {record['model']}",
            context=Context(),
            kind=SpanKind.CLIENT,
            attributes={**statement(), **usage_json.attributes_of(record)},
            start_time=at_ns,
        )
        if usage_json.is_error(record):
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=at_ns)
        ids = span.get_span_context()
        return f"{ids.trace_id:032x}{ids.span_id:016x}"

    def _to_file(self, record: Mapping[str, object], own_id: str) -> None:
        if self.usage_file is not None:
            # On disk here before it is there: what the file marks as recorded is.
            self.flush()
            append(self.usage_file, {**record, usage_json.ID: own_id})

    def _to_posthog(self, client: Client, usage: LLMUsage, own_id: str) -> None:
        said = usage.model_dump(mode="json")
        named = ("provider", "model", "cost", "agent", "tokens_in", "tokens_out", "status", "task_id")
        client.capture(
            LLM_USAGE,
            distinct_id=usage.agent or own_id,
            properties={**{name: said[name] for name in named}, "$process_person_profile": False},
        )

    def _aside(self, what: str, tell: Callable[[], None]) -> None:
        """Tell somebody else; a failure is counted, and said once."""
        try:
            tell()
        except Exception as error:  # noqa: BLE001 (neither may touch the other, nor the caller)
            self.failures[what] += 1
            self._once(what, f"{what} is not told: {error if isinstance(error, StoreError) else type(error).__name__}")

    def _once(self, about: str, line: str) -> None:
        if not self.failures[f"{about} (said)"]:
            self.failures[f"{about} (said)"] += 1
            _log.warning("%s", line)

    def _import(self, access: "Opened") -> None:
        """Bring what others wrote to the file, once. Raises `StoreError` if that cannot be read."""
        if self._imported or self.usage_file is None or not self.usage_file.exists():
            return
        from spanledger.ledger.importing.running import Files, run_import  # noqa: PLC0415

        form = partial(usage_json.read, zone=self._tz, known=usage_json.known_to(access.query))
        done = run_import(access, self._settings, Files(paths=[self.usage_file], form=form), lambda _: None)
        if not done.complete:
            why = "; ".join((*done.loaded.failures, *done.loaded.reasons)) or "some of it still waits"
            msg = f"what {self.usage_file} holds is not known, and so the month's cost is not: {why}"
            raise StoreError(msg)
        self._imported = True


def _provider(settings: Settings) -> "TracerProvider":
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    from spanledger.exporter import LedgerSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(sampler=ALWAYS_ON)
    provider.add_span_processor(LedgerSpanProcessor(settings))
    return provider


def _may_be_told() -> bool:
    """Whether whoever works here did not opt out of analytics."""
    return not opted_out({"metadata": {OPTED_OUT: str(statement().get(a.LEDGER_PREFIX + OPTED_OUT, ""))}})


def _month_of(moment: datetime) -> tuple[datetime, datetime]:
    """A moment's calendar month in its zone: its first instant, and the next one's."""
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    later = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first, later


def _month_sums(access: "Access", since: datetime, until: datetime) -> tuple[Decimal, int]:
    """Dollars, and calls of unknown cost. A record states its cost, also of a failed call; zero is kept as none."""
    bounds = [f"fromUnixTimestamp64Nano(toInt64({round(each.timestamp())}000000000), 'UTC')" for each in (since, until)]
    within = f"booked_time >= {bounds[0]} AND booked_time < {bounds[1]}"
    own = f"dialect = '{USAGE_LEDGER.name}'"
    amount = (
        f"multiIf({own}, reported_cost, currency = 'USD' AND cost IS NOT NULL, cost,"
        " reporting_currency = 'USD', reporting_cost, NULL)"
    )
    selected = f"SELECT {amount} AS amount, {own} AS own, requests"
    [row] = access.query(
        "SELECT sum(amount), countIf(amount IS NULL AND NOT own AND requests > 0)"  # noqa: S608 (our own words)
        f" FROM ({selected} FROM charges WHERE {within} UNION ALL {selected} FROM attempts WHERE {within})"
    ).rows
    return Decimal(str(row[0] or 0)), int(str(row[1]))
