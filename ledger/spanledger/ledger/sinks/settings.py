"""Which sinks are switched on: none, unless the environment names them. Read once."""

import os
from collections.abc import Mapping

from spanledger.exporter.setting_values import path
from spanledger.ledger.sinks.json_lines import JsonLines
from spanledger.ledger.sinks.port import Sink
from spanledger.ledger.sinks.posthog import PostHog
from spanledger.schemas import ConfigurationError


def sinks_of(environ: Mapping[str, str] | None = None) -> list[Sink]:
    """The sinks of the environment. Raises `ConfigurationError`."""
    env = os.environ if environ is None else environ
    sinks: list[Sink] = []
    if (file := path(env, "SPANLEDGER_SINK_JSONL")) is not None:
        if file.is_dir():
            msg = f"SPANLEDGER_SINK_JSONL {str(file)!r} is a folder: name a file"
            raise ConfigurationError(msg)
        sinks.append(JsonLines(file))
    url = env.get("SPANLEDGER_SINK_POSTHOG", "").strip()
    key = env.get("SPANLEDGER_SINK_POSTHOG_KEY", "").strip()
    if bool(url) != bool(key):
        msg = "SPANLEDGER_SINK_POSTHOG (an address) and SPANLEDGER_SINK_POSTHOG_KEY (a project's key) go together"
        raise ConfigurationError(msg)
    if url:
        sinks.append(PostHog.over_http(url, key))
    return sinks
