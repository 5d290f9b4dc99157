"""The wire instrumentors' settings, read once when they are switched on. What is wrong is left out and logged."""

import logging
from collections.abc import Mapping
from typing import Final

from spanledger.instrumentation.wire.endpoints import Endpoints, Site, named_site
from spanledger.instrumentation.wire.paths import FAMILIES

ENDPOINTS: Final = "SPANLEDGER_ENDPOINTS"
INCLUDE_USAGE: Final = "SPANLEDGER_INCLUDE_USAGE"

ASKS_USAGE: Final = "include_usage"
"""Beside a host's families: streams of this host are asked to state their usage."""

_ALIASES: Final[Mapping[str, str]] = {"gemini": "google", "azure": "openai", "aws": "bedrock"}
_OFF: Final = frozenset({"0", "false", "no", "off"})
_logger: Final = logging.getLogger(__name__)


def endpoints_from(environ: Mapping[str, str]) -> Endpoints:
    """The endpoints to recognise: the public ones, and `SPANLEDGER_ENDPOINTS` (`host[:port]=family,…;…`)."""
    named: dict[str, Site] = {}
    for entry in filter(None, (part.strip() for part in environ.get(ENDPOINTS, "").split(";"))):
        host, _, spoken = entry.partition("=")
        words = [word.strip().lower() for word in spoken.split(",") if word.strip()]
        families = [_ALIASES.get(word, word) for word in words if word != ASKS_USAGE]
        if not host.strip() or not families or not FAMILIES.issuperset(families):
            _logger.warning("%s: %r is not host[:port]=%s", ENDPOINTS, entry, ",".join(sorted(FAMILIES)))
            continue
        named[host.strip().lower()] = named_site(families, asks_usage=ASKS_USAGE in words)
    return Endpoints(named, asks_usage=environ.get(INCLUDE_USAGE, "").strip().lower() not in _OFF)
