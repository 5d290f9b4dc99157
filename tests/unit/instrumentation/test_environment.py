import subprocess
import sys

import pytest

from spanledger.instrumentation import environment

METRICS, LOGS = "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"
NOTHING_SET: dict[str, str] = {}


def nothing_installed(_group: str, _name: str) -> bool:
    """An environment with no exporter package at all."""
    return False


def only_http_installed(_group: str, name: str) -> bool:
    """An environment with the OTLP/HTTP exporter package only."""
    return name == "otlp_proto_http"


def test_missing_default_exporters_become_none() -> None:
    """Without the gRPC exporter that the distro's default needs, both signals are turned off."""
    added = environment.without_missing_exporters(NOTHING_SET, [], nothing_installed)
    assert added == {METRICS: "none", LOGS: "none"}


def test_what_somebody_set_is_left_alone() -> None:
    """An exporter that was asked for, even a missing one or an empty name, is the user's business."""
    environ = {METRICS: "otlp", LOGS: ""}
    assert environment.without_missing_exporters(environ, [], nothing_installed) == {}


def test_installed_exporters_are_left_alone() -> None:
    """Where the default works, whether or not a collector listens, it stays the default."""
    assert environment.without_missing_exporters(NOTHING_SET, [], lambda _group, _name: True) == {}


def test_the_general_protocol_decides_which_package_is_needed() -> None:
    """OTLP over HTTP needs another package than OTLP over gRPC."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    assert environment.without_missing_exporters(environ, [], only_http_installed) == {}


def test_a_signals_own_protocol_wins() -> None:
    """OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is asked before OTEL_EXPORTER_OTLP_PROTOCOL, for metrics only."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": " http/protobuf "}
    assert environment.without_missing_exporters(environ, [], only_http_installed) == {LOGS: "none"}


def test_an_unknown_protocol_counts_as_missing() -> None:
    """The SDK has no exporter for it and would abort."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}
    added = environment.without_missing_exporters(environ, [], only_http_installed)
    assert added == {METRICS: "none", LOGS: "none"}


@pytest.mark.parametrize(
    "arguments",
    [["--exporter_otlp_protocol", "http/protobuf", "app"], ["--exporter_otlp_protocol=http/protobuf", "app"]],
)
def test_the_launchers_options_win_over_the_environment(arguments: list[str]) -> None:
    """The launcher puts its options into the environment only after this module was imported."""
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert environment.without_missing_exporters(environ, arguments, only_http_installed) == {}


def test_an_option_without_a_value_is_no_answer() -> None:
    """The launcher itself will complain about it; this module does not fail before it."""
    arguments = ["--exporter_otlp_protocol"]
    assert environment.without_missing_exporters(NOTHING_SET, arguments, only_http_installed) == {
        METRICS: "none",
        LOGS: "none",
    }


def test_the_module_names_no_option_of_the_launcher() -> None:
    """The launcher makes an option of every attribute named OTEL_… and fails on one it already has."""
    assert [name for name in dir(environment) if name.startswith("OTEL_")] == []


def test_importing_it_changes_the_environment_once_and_loads_no_sdk() -> None:
    """The launcher imports it into its own small process, which must stay fast."""
    program = (
        "import os, sys; before = dict(os.environ);"
        "import spanledger.instrumentation.environment;"
        "added = {k: v for k, v in os.environ.items() if before.get(k) != v};"
        "assert set(added) <= {'OTEL_METRICS_EXPORTER', 'OTEL_LOGS_EXPORTER'}, added;"
        "assert 'opentelemetry.sdk.trace' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
