"""What is news: of what fires now and what was told before, the notices to send. Pure.

A matter is told when it begins, again only after the window (`repeat_ns`), and, where that is wanted, when it is over;
in a window at most twice and once. Of one kind only so many matters are told in a window: one more notice says that
there are others, whatever names strangers make up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from spanledger.ledger.alerts.alert import Alert, Kind, Notice, key_of

MATTERS_OF_A_KIND_MAX: Final = 50

_ENDED: Final[Mapping[Kind, str]] = {
    "unpriced_model": "It has a price by now, or was not used for 7 days.",
    "silence": "It sends again, or has been silent for so long that it counts as gone.",
    "journal_lag": "What waits is below the thresholds again.",
    "quarantine": "Within the last hour less was set aside than the threshold.",
}
"""Kinds that end by being over, and are told again while they are not. The others' keys name their window."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a matter."""

    alert: Alert
    """As it was told last."""
    is_open: bool
    told_ns: int
    resolved_ns: int | None = None
    """When it was last told that it was over."""


class Terms(NamedTuple):
    """How often, and what."""

    repeat_ns: int
    resolved: bool


class Told(NamedTuple):
    """What is to be sent, and remembered, and what may be forgotten."""

    notices: list[Notice]
    standing: list[Standing]
    forgotten: list[str]


def told(
    before: Mapping[str, Standing], firing: Sequence[Alert], looked_at: AbstractSet[Kind], terms: Terms, now_ns: int
) -> Told:
    """Decide; only matters of kinds that were `looked_at` can be over."""
    since_ns = now_ns - terms.repeat_ns
    recent: Counter[Kind] = Counter(each.alert.kind for each in before.values() if each.told_ns > since_ns)
    news = Told([], [], [])
    found = _capped(before, firing, recent)
    for key, alert in found.items():
        known = before.get(key)
        if _is_news(known, alert, since_ns):
            news.notices.append(Notice("fired", alert))
            resolved_ns = known.resolved_ns if known else None
            news.standing.append(Standing(alert=alert, is_open=True, told_ns=now_ns, resolved_ns=resolved_ns))
        elif known is not None and not known.is_open:
            news.standing.append(msgspec.structs.replace(known, is_open=True))
    for key, known in before.items():
        if known.alert.kind in looked_at and key not in found:
            _over(news, known, terms, now_ns)
    return news


def _is_news(known: Standing | None, alert: Alert, since_ns: int) -> bool:
    if known is None or (known.resolved_ns is not None and known.resolved_ns > known.told_ns and not known.is_open):
        return True
    may_repeat = alert.kind in _ENDED or not known.is_open
    return may_repeat and known.told_ns <= since_ns


def _over(news: Told, known: Standing, terms: Terms, now_ns: int) -> None:
    """A matter does not fire any more."""
    since_ns = now_ns - terms.repeat_ns
    if known.is_open:
        is_told = (
            terms.resolved
            and known.alert.kind in _ENDED
            and (known.resolved_ns is None or known.resolved_ns <= since_ns)
        )
        if is_told:
            at = datetime.fromtimestamp(now_ns // 10**9, UTC)
            over = msgspec.structs.replace(known.alert, text=_ENDED[known.alert.kind], at=at)
            news.notices.append(Notice("resolved", over))
        resolved_ns = now_ns if is_told else known.resolved_ns
        news.standing.append(msgspec.structs.replace(known, is_open=False, resolved_ns=resolved_ns))
    elif max(known.told_ns, known.resolved_ns or 0) <= since_ns:
        news.forgotten.append(known.alert.key)


def _capped(before: Mapping[str, Standing], firing: Sequence[Alert], recent: Counter[Kind]) -> dict[str, Alert]:
    """What fires, by key; of a kind that has too many new matters, one that stands for the rest."""
    found: dict[str, Alert] = {}
    left_out: dict[Kind, list[Alert]] = {}
    room = Counter({alert.kind: MATTERS_OF_A_KIND_MAX - recent[alert.kind] for alert in firing})
    for alert in firing:
        if alert.key in before:
            found[alert.key] = alert
        elif room[alert.kind] > 0:
            room[alert.kind] -= 1
            found[alert.key] = alert
        else:
            left_out.setdefault(alert.kind, []).append(alert)
    for kind, alerts in left_out.items():
        more = _more(kind, alerts)
        found[more.key] = more
    return found


def _more(kind: Kind, alerts: Iterable[Alert]) -> Alert:
    """One alert for those that are too many to tell."""
    first = next(iter(alerts))
    return Alert(
        kind=kind,
        key=key_of(kind) + "!more",
        severity="warning",
        title=f"more alerts of the kind {kind} than are told one by one",
        text=f"{MATTERS_OF_A_KIND_MAX} were told in this window; the others are not. See spanledger doctor, and sql.",
        at=first.at,
    )
