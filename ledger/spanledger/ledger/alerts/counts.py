"""What a scraper may know of alerts: how many were sent and failed, never of whom or where to."""

from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from spanledger.ledger.alerts.outbox import Tally

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily


def families(tally: Tally, evaluations_failed: int) -> list[Family]:
    """The metrics of a watch."""
    deliveries = CounterMetricFamily(
        "spanledger_alert_deliveries",
        "Attempts to deliver an alert: taken, to be tried again, or given up",
        labels=("outcome",),
    )
    for outcome, number in tally.outcomes.items():
        deliveries.add_metric((outcome,), number)
    standing = GaugeMetricFamily("spanledger_alerts_open", "Alerts that hold now", labels=("kind",))
    for kind, number in tally.open.items():
        standing.add_metric((kind,), number)
    return [
        deliveries,
        standing,
        GaugeMetricFamily("spanledger_alert_deliveries_waiting", "Alerts on their way", value=tally.waiting),
        CounterMetricFamily(
            "spanledger_alert_evaluations_failed", "Rules that could not be looked at", value=evaluations_failed
        ),
    ]
