"""OTLP/gRPC in front of the real sift and journal: what is accepted, what is not, and what a bad disk does to it."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.disks import FullDisk
from support.grpc_calls import CHECK, EXPORT, calling
from support.journal import BadDisk, GatedDisk
from support.journaling import Journaling, journaling
from support.otlp import chat, request, span
from support.otlp_logs import log, logs_request
from support.receiving import PATIENCE_S, receiving

from spanledger.exporter import intake
from spanledger.exporter.intake import INLINE_BYTES_MAX
from spanledger.exporter.receiver.gate import Gate, Limits
from spanledger.exporter.sift import Sifted, sift

LOGS = EXPORT.replace("trace", "logs").replace("TraceService", "LogsService")
METRICS = EXPORT.replace("trace", "metrics").replace("TraceService", "MetricsService")
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Journaling]:
    """One receiver for all, whose disk can be held up."""
    with journaling(tmp_path_factory.mktemp("grpc"), disk=GatedDisk()) as started:
        yield started


def test_empty_envelopes_leave_the_journal_as_it_was(running: Journaling) -> None:
    """C25, C26: no resource, no scope, no span: success each time, and no record of nothing."""
    one_resource, one_scope = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    one_resource.resource_spans.add()
    one_scope.resource_spans.add().scope_spans.add()
    with calling(running.door) as call:
        for empty in (ExportTraceServiceRequest(), one_resource, one_scope):
            assert call.partial(empty.SerializeToString()) is None
    assert running.new() == []


def test_one_bad_span_of_ten_is_counted_and_nine_are_kept(running: Journaling) -> None:
    """C27, C28: the answer says how many and why; the nine are on the disk."""
    spans = [span(chat(), span_id=number) for number in range(1, 11)]
    spans[4].trace_id = bytes(16)
    with calling(running.door) as call:
        partial = call.partial(request(*spans))
    assert partial is not None
    assert (partial.rejected_spans, partial.error_message) == (
        1,
        "1 rejected: a span's trace_id is not 16 bytes with at least one that is not zero",
    )
    assert [usage.span_id[-1] for usage in running.new_usage()] == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_a_warning_rejects_nothing(running: Journaling) -> None:
    """C29: a record that is kept with a remark: a count of zero, and a message."""
    record = log(chat())
    record.trace_id = b"\1" * 15
    with calling(running.door) as call:
        partial = ExportLogsServiceResponse.FromString(call(logs_request(record), LOGS)).partial_success
    assert partial.rejected_log_records == 0
    assert partial.error_message.startswith("1 taken: a log record's trace_id is neither empty nor 16 bytes")
    assert len(running.new_usage()) == 1


def test_spans_that_are_no_usage_are_accepted_like_the_others(running: Journaling) -> None:
    """C31: a mixed batch is a full success; what states no usage is neither rejected nor kept."""
    with calling(running.door) as call:
        assert call.partial(request(span({"db.system": "postgresql"}), span(chat(), span_id=2))) is None
    assert [usage.span_id[-1] for usage in running.new_usage()] == [2]


def test_what_cannot_be_decoded_is_the_senders_mistake(running: Journaling) -> None:
    """C33: INVALID_ARGUMENT for a cut message and for bytes that never were one, of any signal."""
    cut = request(span(chat()))[:-3]
    with calling(running.door) as call:
        for body, method in ((cut, EXPORT), (b"\xff" * 9, EXPORT), (cut, LOGS), (cut, METRICS)):
            refused = call.refusal(body, method)
            assert (refused.code, refused.retry_s) == (grpc.StatusCode.INVALID_ARGUMENT, None)
    assert running.new() == []


def test_metrics_are_acknowledged_and_said_once_not_to_be_charged(
    running: Journaling, caplog: pytest.LogCaptureFixture
) -> None:
    """C22: full success, no record, and one line for whoever sends nothing else."""
    with calling(running.door) as call:
        for _ in range(3):
            assert call(b"", METRICS) == b""
    assert [record.getMessage() for record in caplog.records] == [
        "metrics are accepted and never charged: only spans and log records state usage"
    ]
    assert running.new() == []


@pytest.mark.parametrize("fault", ["no room", "no sync", "a full queue"])
def test_a_disk_that_cannot_is_never_a_partial_success(tmp_path: Path, fault: str) -> None:
    """C30, C32, C57: UNAVAILABLE and 503 with their hints, also for a batch with a bad span; nothing is kept."""
    bad = span(chat(), span_id=2)
    bad.trace_id = b""
    body = request(span(chat()), bad)
    slow, dying = GatedDisk(), BadDisk("fdatasync")
    disk = {"no room": FullDisk(), "no sync": dying, "a full queue": slow}[fault]
    with journaling(tmp_path, disk=disk, queue_bytes=1) as running, calling(running.door) as call:
        dying.broken = True
        slow.shut()
        held = [call.begin(request(span(chat(), span_id=3)))] if disk is slow else []
        if held:
            assert slow.reached.wait(PATIENCE_S)
        refused, answered = call.refusal(body), running.door.post(body)
        assert refused.code is UNAVAILABLE
        assert refused.retry_s is not None
        assert (answered.status, answered.headers["retry-after"]) == (503, "3")
        slow.gate.set()
        assert [each.result(PATIENCE_S) for each in held] == [b""] * len(held)
        assert [usage.span_id[-1] for usage in running.new_usage()] == [3] * len(held)


def test_room_on_the_disk_ends_the_refusals(tmp_path: Path) -> None:
    """4.6: nothing has to be restarted, and what was refused is taken when it comes again."""
    disk = FullDisk()
    with journaling(tmp_path, disk=disk) as running, calling(running.door) as call:
        assert call.refusal(request(span(chat()))).code is UNAVAILABLE
        disk.room.set()
        assert call(request(span(chat()))) == b""
        assert len(running.new_usage()) == 1


def test_a_stalled_sync_is_answered_in_time_and_the_record_is_durable(running: Journaling) -> None:
    """C38, C39: told to come again before its deadline; a storm of cancelled calls harms no record of the journal."""
    running.disk.shut()
    with calling(running.door) as call:
        late = call.refusal(request(span(chat(), span_id=1)), timeout=0.8)
        assert (late.code, late.retry_s is not None) == (UNAVAILABLE, True)
        storm = [call.begin(request(span(chat(), span_id=2 + number))) for number in range(20)]
        # Calls of one connection are answered in any order; what is cancelled before it arrived was never sent.
        health = call(b"", CHECK)
        for each in storm[::2]:
            each.cancel()
        running.disk.gate.set()
        assert [each.result(PATIENCE_S) for each in storm[1::2]] == [b""] * 10
        assert call(request(span(chat(), span_id=1))) == b""
    assert health
    kept = [usage.span_id[-1] for usage in running.new_usage()]
    assert kept.count(1) == 2, "the first one, and its sender's second try"
    assert {3 + 2 * number for number in range(10)} <= set(kept) <= set(range(1, 22))


def test_a_caller_is_answered_although_others_hold_all_room_to_read() -> None:
    """C38: two calls that never send their message take both places; a third one hears before its deadline."""
    done = threading.Event()

    def never() -> Iterator[bytes]:
        done.wait(PATIENCE_S)
        yield from ()

    limits = Limits(body_bytes=1000, in_flight_bytes=4000)
    with receiving(limits=limits) as door, calling(door) as call, ThreadPoolExecutor() as threads:
        silent = [threads.submit(call.refused_stream, never()) for _ in range(2)]
        while not door.receiver.gate.unsized_reads.locked():
            door.run(_turn())
        refused = call.refusal(b"", timeout=0.8)
        done.set()
        assert (refused.code, refused.retry_s is not None) == (UNAVAILABLE, True)
        assert {each.result(PATIENCE_S).code for each in silent} == {grpc.StatusCode.INVALID_ARGUMENT}


def test_who_cannot_be_looked_up_is_told_to_come_again(running: Journaling, monkeypatch: pytest.MonkeyPatch) -> None:
    """C40: only a credential that is known to be wrong may be refused for good; anything else is temporary."""

    def away(*_arguments: object) -> None:
        raise ConnectionError(*["the key store is away"])

    monkeypatch.setattr(Gate, "authenticate", away)
    with calling(running.door) as call:
        refused, answered = call.refusal(request(span(chat()))), running.door.post(request(span(chat())))
    assert (refused.code, refused.retry_s is not None) == (UNAVAILABLE, True)
    assert (answered.status, answered.headers["retry-after"]) == (503, "3")
    assert running.new() == []


def test_a_large_batch_holds_up_nobody(running: Journaling, monkeypatch: pytest.MonkeyPatch) -> None:
    """C18, C38: while one is being read, both doors answer others; then it is kept like any."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(body: bytes, *how: Any) -> Sifted:  # noqa: ANN401
        if len(body) > INLINE_BYTES_MAX:
            begun.set()
            assert goes_on.wait(PATIENCE_S)
        return sift(body, *how)

    monkeypatch.setattr(intake, "sift", slow)
    large = request(*[span({"http.route": "x" * 1000})] * 1100, span(chat(), span_id=1))
    with calling(running.door) as call:
        held = call.begin(large)
        assert begun.wait(PATIENCE_S)
        assert call(request(span(chat(), span_id=2))) == b""
        assert running.door.post(request(span(chat(), span_id=3))).status == 200
        goes_on.set()
        assert held.result(PATIENCE_S) == b""
    assert [usage.span_id[-1] for usage in running.new_usage()] == [2, 3, 1]


@pytest.mark.parametrize("method", [EXPORT, LOGS, METRICS])
def test_millions_of_empty_elements_are_counted_not_built(running: Journaling, method: str) -> None:
    """C06, C19: 16 MiB of them would take half a gigabyte where they are parsed; refused for good, whatever signal."""
    with calling(running.door) as call:
        refused = call.refusal(b"\x0a\x00" * (8 * 1024 * 1024 - 1), method)
    assert (refused.code, refused.retry_s) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    assert "more than 10000 resource_" in refused.details


def test_a_broken_question_about_health_is_a_service_we_do_not_know(running: Journaling) -> None:
    """C41, C34: neither UNKNOWN nor a traceback in our log."""
    with calling(running.door) as call:
        assert call.refusal(b"\xff", CHECK).code is grpc.StatusCode.NOT_FOUND


async def _turn() -> None:
    """Nothing, in the receiver's loop."""
