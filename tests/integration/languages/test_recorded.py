"""What OpenTelemetry SDKs of several languages sent, posted: the same two ledger events from each."""

import json
from collections.abc import Generator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support.attributing import taking
from support.desk import Desk
from support.languages import TOLD, recording_of

from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.otlpjson import json_to_protobuf
from spanledger.exporter.store import Store
from spanledger.instrumentation import attribution, recording

TRUTH = json.loads((Path(__file__).parent / "truth.json").read_text())
# Identities and clocks, and what is made of them.
OWN = "event_id, charge_id, event_time, booked_time, ingest_time, trace_id, span_id, response_id, duration_ms"
EVENTS = f"""
SELECT * EXCEPT ({OWN}), mapFromArrays(lines.unit, lines.quantity) AS lines
FROM ledger_events FINAL ORDER BY operation
"""


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Generator[Desk]:
    """An empty ledger."""
    made = Desk(store, tmp_path / "journal")
    yield made
    made.writer.close()


def request(language: str, protocol: str) -> bytes:
    """A recorded request as the receiver journals it."""
    body = recording_of(language, protocol).read_bytes()
    if protocol != "http/json":
        return body
    made, rejected = json_to_protobuf(Signal.TRACES, body)
    assert not rejected
    return made


def posted(desk: Desk, body: bytes) -> list[dict[str, Any]]:
    """The events of one request in a ledger that has no others."""
    for table in ("ledger_events", "ledger_claims"):
        desk.store.command(f"TRUNCATE TABLE {table}")
    assert desk.post(body)["charged"] > 0
    table = desk.store.query_table(EVENTS)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_every_language_and_protocol_is_booked_alike(desk: Desk) -> None:
    """Column by column equal, whichever SDK sent it and how; and equal to what the program says it used."""
    booked = {told: posted(desk, request(*told)) for told in TOLD}
    first = booked[TOLD[0]]
    assert [_stated(event, truth) for event, truth in zip(first, TRUTH, strict=True)] == TRUTH
    assert booked == dict.fromkeys(TOLD, first)


def test_what_a_recording_block_states_is_what_a_plain_span_states(desk: Desk) -> None:
    """`recording` in Python is, in any language: start a span, set its attributes, end it."""
    _, expected = posted(desk, request("go", "grpc"))
    with (
        taking() as taken,
        attribution(tenant="acme", feature="greeting"),
        recording("elevenlabs", "speak", unit_type="characters", cost="0.02") as work,
    ):
        work.units = 25
    (event,) = posted(desk, encode_spans(taken.spans).SerializeToString())
    # What the process says of itself: a service and an environment of its own.
    assert {**event, "service_name": "greeter", "environment": ""} == expected


def _stated(event: Mapping[str, Any], truth: Mapping[str, Any]) -> dict[str, Any]:
    """An event by the columns that the truth names; money as text, and without the zeros behind it."""
    stated = {name: event[name] for name in truth}
    return {name: str(value.normalize()) if isinstance(value, Decimal) else value for name, value in stated.items()}
