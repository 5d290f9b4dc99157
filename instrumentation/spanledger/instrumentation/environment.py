"""Lets `opentelemetry-instrument` start where no OTLP exporter is installed. Changes nothing that anybody has set.

The distro turns OTLP metrics and logs on by default; when the package of that exporter is missing, the SDK raises
and auto-instrumentation ends before any hook has run. The launcher imports this module (entry point group
`opentelemetry_environment_variables`) before it starts the application, so here such a default becomes `none`.
Installed exporters are left alone: where they send to, and whether something listens, is the user's business.

The launcher offers every attribute of this module that is named `OTEL_…` as an option and fails on a name it
already has, so the variables are reached through the modules that declare them.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Final

from opentelemetry import environment_variables as api
from opentelemetry.sdk import environment_variables as sdk

# Exporter variable → the variable of that signal's protocol, and the entry point group of its exporters.
_DEFAULTED: Final = {
    api.OTEL_METRICS_EXPORTER: (sdk.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, "opentelemetry_metrics_exporter"),
    api.OTEL_LOGS_EXPORTER: (sdk.OTEL_EXPORTER_OTLP_LOGS_PROTOCOL, "opentelemetry_logs_exporter"),
}
_EXPORTER_OF: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_PROTOCOL_DEFAULT: Final = "grpc"


def without_missing_exporters(
    environ: Mapping[str, str], arguments: Sequence[str], installed: Callable[[str, str], bool]
) -> dict[str, str]:
    """What to add to `environ` so that no default asks for an exporter that is not there.

    `arguments` are the launcher's: its options win over the environment. `installed` tells whether the entry
    point of this group and name exists.
    """
    added: dict[str, str] = {}
    for variable, (signal_protocol, group) in _DEFAULTED.items():
        stated = (_stated(name, environ, arguments) for name in (signal_protocol, sdk.OTEL_EXPORTER_OTLP_PROTOCOL))
        protocol = next(filter(None, stated), _PROTOCOL_DEFAULT)
        if variable not in environ and not installed(group, _EXPORTER_OF.get(protocol.strip(), protocol)):
            added[variable] = "none"
    return added


def _stated(variable: str, environ: Mapping[str, str], arguments: Sequence[str]) -> str:
    """The value of a variable once the launcher has read its options: `--exporter_otlp_protocol` and the like."""
    option = "--" + variable.removeprefix("OTEL_").lower()
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2]
        if argument == option:
            return following
    return environ.get(variable, "")


def _is_installed(group: str, name: str) -> bool:
    return bool(entry_points(group=group, name=name))


# Raising here would keep the application from starting at all.
with suppress(Exception):
    os.environ.update(without_missing_exporters(os.environ, sys.argv[1:], _is_installed))
