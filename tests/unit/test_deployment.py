"""What docker-compose.yml and the Collector's configuration must say so that nothing acknowledged is lost on the way.

The real Collector and the real containers are not started here; the choices that lose data when they are wrong are read
from the files.
"""

import argparse
import json
import tomllib
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from spanledger.exporter.authentication.guard import guard
from spanledger.exporter.settings import BODY_BYTES_MAX, is_clickhouse
from spanledger.ledger.cli import serve
from spanledger.ledger.cli.options import settings_of
from spanledger.schemas import ConfigurationError

ROOT: Final = Path(__file__).parent.parent.parent
GATEWAY: Final = yaml.safe_load((ROOT / "collector-config" / "gateway.yaml").read_text())
SERVICES: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
EXPORTER: Final = GATEWAY["exporters"]["otlp_grpc/spanledger"]


def test_the_collector_queues_on_disk_and_syncs() -> None:
    """The queue is a file that is synced at every write; the default is memory, or a file that a power cut empties."""
    storage = EXPORTER["sending_queue"]["storage"]
    assert GATEWAY["extensions"][storage]["fsync"] is True
    assert storage in GATEWAY["service"]["extensions"]


def test_the_collector_never_gives_up() -> None:
    """0 retries for ever; the default drops a batch after five minutes."""
    assert EXPORTER["retry_on_failure"]["enabled"] is True
    assert EXPORTER["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_the_collector_batches_behind_its_queue() -> None:
    """No batch processor: what it holds is in memory, in front of the queue, and dies with the process."""
    assert not [name for name in GATEWAY["processors"] if name.startswith("batch")]
    for pipeline in GATEWAY["service"]["pipelines"].values():
        assert pipeline["processors"] == ["memory_limiter"]
    assert EXPORTER["sending_queue"]["batch"]["sizer"] == "bytes"


def test_the_collector_sends_no_request_that_the_receiver_refuses_for_its_size() -> None:
    """A request over the receiver's limit is refused for good, and the Collector would drop it."""
    assert EXPORTER["sending_queue"]["batch"]["max_size"] <= BODY_BYTES_MAX // 2
    doors = GATEWAY["receivers"]["otlp"]["protocols"]
    assert doors["grpc"]["max_recv_msg_size_mib"] * 1024 * 1024 == BODY_BYTES_MAX
    assert doors["http"]["max_request_body_size"] == BODY_BYTES_MAX


def test_every_signal_goes_through_the_gateway() -> None:
    """Traces, logs and metrics all enter by OTLP and leave for the receiver; every named part is defined."""
    pipelines = GATEWAY["service"]["pipelines"]
    assert set(pipelines) == {"traces", "logs", "metrics"}
    for pipeline in pipelines.values():
        assert pipeline["receivers"] == ["otlp"]
        assert pipeline["exporters"] == ["otlp_grpc/spanledger"]


def test_compose_ties_the_collector_to_the_receiver_and_the_receiver_to_clickhouse() -> None:
    """The addresses that one service is given are the ones that another listens on."""
    assert SERVICES["collector"]["environment"]["SPANLEDGER_RECEIVER"] == "receiver:4317"
    assert "0.0.0.0:4317" in SERVICES["receiver"]["command"]
    store: str = SERVICES["receiver"]["environment"]["SPANLEDGER_STORE"]
    assert is_clickhouse(store)
    clickhouse = SERVICES["clickhouse"]["environment"]
    assert store.split("@")[1] == f"clickhouse:8123/{clickhouse['CLICKHOUSE_DB']}"
    assert urlsplit(store).username == clickhouse["CLICKHOUSE_USER"]
    assert clickhouse["CLICKHOUSE_PASSWORD"] in store


def test_compose_publishes_on_loopback_only() -> None:
    """Nothing of the stack is reachable from another machine until somebody decides so."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_containers_doors_open(tmp_path: Path) -> None:
    """Inside a container a server listens on every address: both commands say that this is meant, as it has to be."""
    dockerfile = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    (image,) = [line.removeprefix("CMD ") for line in dockerfile.splitlines() if line.startswith("CMD ")]
    for command in (SERVICES["receiver"]["command"], json.loads(image)):
        assert command.pop(0) == "serve"
        parser = argparse.ArgumentParser()
        serve.add_options(parser)
        for meant in (True, False):
            said = [word for word in command if meant or word != "--insecure-public"]
            options = parser.parse_args([*said, "--store", str(tmp_path), "--data", str(tmp_path / "journal")])
            settings = settings_of(options)
            assert (settings.grpc.host, settings.http.host) == ("0.0.0.0", "0.0.0.0")  # noqa: S104 (read, not bound)
            with nullcontext() if meant else pytest.raises(ConfigurationError, match="other machines"):
                guard(settings, [("--grpc", settings.grpc), ("--http", settings.http)])


def test_what_must_survive_a_restart_is_on_a_volume() -> None:
    """The store, the journal and the Collector's queue outlive their containers."""
    for service in ("clickhouse", "receiver", "collector", "grafana"):
        volumes = [volume.partition(":")[0] for volume in SERVICES[service]["volumes"]]
        assert [volume for volume in volumes if not volume.startswith(".")]
    queue = GATEWAY["extensions"]["file_storage/queue"]["directory"]
    assert SERVICES["collector"]["environment"]["SPANLEDGER_COLLECTOR_QUEUE"] in queue


def test_every_file_that_is_mounted_or_copied_exists() -> None:
    """A wrong path in a volume or a Dockerfile shows only when the stack starts; here it shows now."""
    volumes = [volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]]
    assert [path for path in volumes if path.startswith(".") and not (ROOT / path).exists()] == []
    copied = [line.split()[1:-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if _copies(line)]
    assert [path for paths in copied for path in paths if not (ROOT / path).exists()] == []


def test_the_image_holds_every_floor() -> None:
    """The Dockerfile copies each source root that the wheel is built from."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dockerfile = (ROOT / "Dockerfile").read_text()
    for root in project["tool"]["hatch"]["build"]["dev-mode-dirs"]:
        assert f"COPY {root} /source/{root}\n" in dockerfile
        assert f"!{root}\n" in (ROOT / ".dockerignore").read_text()


def _copies(line: str) -> bool:
    return line.startswith("COPY ") and "--from" not in line
