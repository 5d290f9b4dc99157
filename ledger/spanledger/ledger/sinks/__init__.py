"""Posted events told to others: PostHog, a file of JSON lines. Off unless switched on; docs/sinks.md has the data map.

A sink is fed from the ledger, never from the path that charges: it may fail, be slow or hang, and neither the ledger
nor another sink notices. Each event is told at least once; its id tells repeats apart.
"""

from spanledger.ledger.sinks.delivery import Delivered, deliver
from spanledger.ledger.sinks.json_lines import JsonLines
from spanledger.ledger.sinks.port import Event, Sink, SinkAwayError
from spanledger.ledger.sinks.posthog import PostHog

__all__ = ["Delivered", "Event", "JsonLines", "PostHog", "Sink", "SinkAwayError", "deliver"]
