"""The rules: answers of the ledger and the present time in, alerts out. Pure: no store, no clock.

Each says in its text what the threshold was. Unknown is not zero: what has no price is an alert of its own, and a
budget's alert says how much of it is a guess.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, cast

from spanledger.ledger.alerts.alert import Alert, Severity, key_of, word
from spanledger.ledger.alerts.settings import AnomalyRule, LagRule, QuarantineRule, SilenceRule
from spanledger.ledger.budgets.budget import BudgetState
from spanledger.ledger.tables import Table, Value, decimal_text

_CRITICAL_PERCENT: Final = 100
_WARNING_PERCENT: Final = 80

STEADY_HOURS: Final = 24 * 7
"""The week that ends with a service's last call: in it, it was steady or not."""
STEADY_HOURS_ACTIVE_MIN: Final = 5
_LATE_HOURS: Final = 24
"""So late in that week its first call may be: who is new has pauses that nobody has seen yet."""
PAUSE_HOURS_MAX: Final = 72
"""Who pauses longer than a long weekend is not steady."""
_PATIENCE: Final = 3, 2
"""Silence is one and a half times the longest pause."""

_REASONS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What waits in the journal."""

    waiting_bytes: int
    oldest_ns: int | None = None
    """When the oldest of what waits was received; None when nothing waits, or nobody can tell."""
    damaged: tuple[str, ...] = ()
    """Shards that cannot be read."""


def budget_alerts(states: Sequence[BudgetState], now: datetime) -> Iterator[Alert]:
    """The highest threshold that each budget has reached. The key names the window: each is told once in it."""
    for state in states:
        if not (reached := state.reached):
            continue
        budget, percent = state.budget, max(reached)
        money = f"{decimal_text(state.spent)} of {decimal_text(budget.limit)} {budget.currency}"
        window = f"the {budget.window}" + (f" from {_shown(state.since)}" if state.since and state.until else "")
        doubt = (
            f" {state.unpriced_requests} requests without a price are counted at"
            f" {decimal_text(state.worst_case)} {budget.currency}, their worst case."
            if state.unpriced_requests
            else ""
        )
        is_calendar = state.resets_at is not None and state.since is not None
        begun = state.since.isoformat() if is_calendar and state.since is not None else budget.window
        yield Alert(
            kind="budget_threshold",
            key=key_of("budget_threshold", budget.name, begun, str(percent)),
            severity=_severity(percent),
            title=f"budget {word(budget.name)} has reached {percent} % ({money})",
            text=f"Spent and held are {_rounded(state)} % of the limit in {window}; the threshold is {percent} %."
            + doubt
            + (" Further calls are denied once there is no room." if budget.hard else ""),
            tenant=budget.scope.get("tenant", ""),
            fields={
                "budget": word(budget.name),
                "scope": word(", ".join(f"{name}={value}" for name, value in sorted(budget.scope.items())) or "all"),
                "spent": decimal_text(state.spent),
                "held": decimal_text(state.held),
                "limit": decimal_text(budget.limit),
                "remaining": decimal_text(state.remaining),
                "currency": budget.currency,
                "unpriced_requests": str(state.unpriced_requests),
                "resets_at": _shown(state.resets_at) if state.resets_at else "",
            },
            at=now,
        )


def anomaly_alerts(answer: Table, rule: AnomalyRule, day: date, now: datetime) -> Iterator[Alert]:
    """Who cost far more on a day than on the days before it; the key names the day: each is told once."""
    for row in answer.records():
        cost, mean, currency = str(row["cost"] or 0), str(row["mean_cost"] or 0), str(row["currency"])
        if Decimal(cost) < rule.at_least:
            continue
        tenant, who = str(row["tenant"]), str(row[rule.by])
        times = f"{row['times']} times" if row["times"] is not None else "beyond"
        yield Alert(
            kind="anomaly",
            key=key_of("anomaly", rule.by, tenant, who, currency, day.isoformat()),
            severity="warning",
            title=f"{rule.by} {word(who) or '(none)'} of {word(tenant)} cost {cost} {currency} on {day}",
            text=f"That is {times} the mean of {row['days']} days with usage before it ({mean} {currency} a day); the"
            f" thresholds are {decimal_text(rule.factor)} times and {decimal_text(rule.at_least)} {currency}.",
            tenant=tenant,
            fields={
                rule.by: word(who),
                "day": day.isoformat(),
                "cost": cost,
                "mean_cost": mean,
                "currency": currency,
                "times": _known(row["times"]),
                "requests": str(row["requests"]),
                "unpriced_share": _known(row["unpriced_share"]),
            },
            at=now,
        )


def unpriced_alerts(answer: Table, now: datetime) -> Iterator[Alert]:
    """A model that was used and has no price: what it costs is not known, and in no sum."""
    for row in answer.records():
        provider, model = str(row["provider"]), str(row["model"])
        name = word(f"{provider or '?'}/{model or '?'}")
        stated = row["stated"]
        yield Alert(
            kind="unpriced_model",
            key=key_of("unpriced_model", provider, model),
            severity="critical",
            title=f"no price for {name}: {row['calls']} requests cost an unknown amount",
            text=f"Requests to {name} within 7 days have no price, so no sum, share or budget has their cost"
            " (budgets count their worst case). spanledger doctor shows the command that adds a price; then run"
            " spanledger prices reprice.",
            tenant=_only(row["tenants"]),
            fields={
                "provider": word(provider),
                "model": word(model),
                "requests": str(row["calls"]),
                "input_tokens": _known(row["tokens_in"]),
                "output_tokens": _known(row["tokens_out"]),
                "cost_stated_by_senders": _known(stated),
                "first_used": word(row["first_used"]),
            },
            at=now,
        )


def silence_alerts(answer: Table, rule: SilenceRule, now: datetime) -> Iterator[Alert]:
    """A service that used something all week long, and then nothing for longer than it ever paused."""
    present = int(now.timestamp()) // 3600
    for row in answer.records():
        hours = cast("list[int]", row["hours"])
        pause = longest_pause(hours)
        if pause is None:
            continue
        threshold = max(rule.hours, -(-pause * _PATIENCE[0] // _PATIENCE[1]))
        # The hour of its last call may have only begun when that call ended.
        silent = present - hours[-1] - 1
        if silent < threshold:
            continue
        name, place = word(row["service_name"]), word(row["environment"])
        last = datetime.fromtimestamp((hours[-1] + 1) * 3600, UTC)
        yield Alert(
            kind="silence",
            key=key_of("silence", str(row["service_name"]), str(row["environment"])),
            severity="warning",
            title=f"{name}{f' ({place})' if place else ''} has sent nothing for {silent} hours",
            text=f"It was steady for a week, with no pause above {pause} hours; the threshold is {threshold} hours."
            " Either nobody uses it, or its usage does not arrive.",
            tenant=_only(row["tenants"]),
            fields={
                "service_name": name,
                "environment": place,
                "last_before": _shown(last),
                "longest_pause_hours": str(pause),
                "threshold_hours": str(threshold),
            },
            at=now,
        )


def longest_pause(hours: Sequence[int]) -> int | None:
    """From one active hour to the next in the week that ends with the last one; None for who was not steady in it."""
    begun = hours[-1] - STEADY_HOURS
    # Also the pause that the week began in: a service of working days pauses over its weekend.
    pauses = [later - earlier for earlier, later in pairwise(hours) if later > begun]
    if len(pauses) < STEADY_HOURS_ACTIVE_MIN or hours[0] > begun + _LATE_HOURS or max(pauses) > PAUSE_HOURS_MAX:
        return None
    return max(pauses)


def lag_alerts(lag: Lag, rule: LagRule, now: datetime) -> Iterator[Alert]:
    """Usage that was accepted and is not in the ledger."""
    since = None if lag.oldest_ns is None else datetime.fromtimestamp(lag.oldest_ns // 10**9, UTC)
    waited = timedelta() if since is None else now - since
    is_old = waited >= timedelta(minutes=rule.minutes)
    if not (is_old or lag.waiting_bytes >= rule.megabytes * 10**6 or lag.damaged):
        return
    minutes = waited // timedelta(minutes=1)
    yield Alert(
        kind="journal_lag",
        key=key_of("journal_lag"),
        severity="critical",
        title=f"{lag.waiting_bytes / 1e6:.1f} MB wait in the journal, the oldest for {minutes} minutes",
        text=f"What waits is durable and not in the ledger yet; the thresholds are {rule.megabytes} MB and"
        f" {rule.minutes} minutes. Reports and budgets lack it. spanledger doctor looks at store and journal."
        + (f" {len(lag.damaged)} shards cannot be read." if lag.damaged else ""),
        fields={
            "waiting_bytes": str(lag.waiting_bytes),
            "oldest": _shown(since) if since else "",
            "damaged_shards": str(len(lag.damaged)),
        },
        at=now,
    )


def quarantine_alerts(answer: Table, rule: QuarantineRule, now: datetime) -> Iterator[Alert]:
    """Usage that cannot be booked, more than usual."""
    counts = [(word(reason), cast("int", things)) for reason, things in answer.rows]
    total = sum(things for _, things in counts)
    if total < rule.elements:
        return
    reasons = "; ".join(f"{things}: {reason}" for reason, things in counts[:_REASONS_SHOWN])
    yield Alert(
        kind="quarantine",
        key=key_of("quarantine"),
        severity="warning",
        title=f"{total} elements were set aside within an hour",
        text=f"They cannot be booked and are not in the ledger ({reasons}); the threshold is {rule.elements}."
        " spanledger quarantine list has each, and replay brings them again once the cause is gone.",
        fields={"elements": str(total), "reasons": word(reasons)},
        at=now,
    )


def _severity(percent: int) -> Severity:
    if percent >= _CRITICAL_PERCENT:
        return "critical"
    return "warning" if percent >= _WARNING_PERCENT else "info"


def _rounded(state: BudgetState) -> str:
    return format(state.percent, ".1f")


def _only(tenants: Value) -> str:
    """The one tenant whose matter it is, if it is one's alone."""
    names = cast("list[str]", tenants)
    return names[0] if len(names) == 1 else ""


def _known(value: Value) -> str:
    return "unknown" if value is None else str(value)


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
