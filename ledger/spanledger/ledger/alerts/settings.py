"""What the alerts file says, checked: which rules, which channels, how often. Secrets are in no `repr`."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from spanledger.ledger.alerts.alert import SEVERITIES, Alert, Kind, Severity

Tls = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyRule:
    """A day's cost above `factor` times the mean of the days before, and above `at_least` of its currency."""

    by: str = "user_id"
    factor: Decimal = Decimal(2)
    window_days: int = 30
    at_least: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedRule:
    """So many requests to a model without a price, in seven days."""

    requests: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRule:
    """A steady service that sent nothing for 1.5 times its longest pause of a week, and for so many hours at least."""

    hours: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LagRule:
    """So much waits in the journal, or the oldest of it for so long."""

    megabytes: int = 64
    minutes: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRule:
    """So many elements were set aside within an hour and are open."""

    elements: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules in force; None is off."""

    budget_threshold: bool = True
    anomaly: AnomalyRule | None = field(default_factory=AnomalyRule)
    unpriced_model: UnpricedRule | None = field(default_factory=UnpricedRule)
    silence: SilenceRule | None = field(default_factory=SilenceRule)
    journal_lag: LagRule | None = field(default_factory=LagRule)
    quarantine: QuarantineRule | None = field(default_factory=QuarantineRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alerts a channel is told."""

    kinds: frozenset[Kind] = frozenset()
    """Empty: all."""
    tenants: frozenset[str] = frozenset()
    """Empty: all, and what is no single tenant's; else only what is one of theirs alone."""
    severity: Severity = "info"
    """The least."""

    def takes(self, alert: Alert) -> bool:
        """Whether an alert is for this channel."""
        return (
            (not self.kinds or alert.kind in self.kinds)
            and (not self.tenants or alert.tenant in self.tenants)
            and SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An http(s) URL in its parts; its path may be a secret."""

    https: bool
    host: str
    port: int
    target: str = field(repr=False)
    """Path and query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A signed request of the Standard Webhooks scheme, with a signature for each secret."""

    url: Url
    secrets: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """An incoming webhook of Slack; who knows its URL may post."""

    url: Url


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """A message by SMTP."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: Tls = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)


Target: TypeAlias = Webhook | Slack | Email


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Somewhere alerts go."""

    name: str
    wanted: Wanted
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """The whole file."""

    channels: tuple[Channel, ...]
    rules: Rules = field(default_factory=Rules)
    evaluate_s: int = 60
    repeat_s: int = 24 * 3600
    """How long an alert that was told is not told again."""
    resolved: bool = False
    """Whether it is told when what lasts is over."""
    tz: str = "UTC"
    """The zone of an anomaly's days."""
    internal_hosts: frozenset[str] = frozenset()
    """`host` or `host:port` that may be in a private network, and without TLS."""

    def is_internal(self, host: str, port: int) -> bool:
        """Whether a host was named as one of our own."""
        return not self.internal_hosts.isdisjoint({host.lower(), f"{host.lower()}:{port}"})
