"""The gRPC door on raw channels: codes, trailers, limits, deadlines, health."""

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from support.grpc_calls import (
    CHECK,
    EXPORT,
    NOT_SERVING,
    SERVICE_UNKNOWN,
    SERVING,
    calling,
    health_in,
    health_of,
)
from support.receiving import PATIENCE_S, Receiving, receiving

from spanledger.exporter.failures import Permanent, TooLarge, Transient
from spanledger.exporter.receiver import Answer
from spanledger.exporter.receiver.gate import Limits

MEBIBYTE = 1024 * 1024


@pytest.fixture
def door() -> Generator[Receiving]:
    """A receiver with the default limits."""
    with receiving() as running:
        yield running


def test_an_empty_request_is_taken_and_success_says_nothing(door: Receiving) -> None:
    """C24, C25: no resource_spans, no scope_spans, no spans: success each time, with partial_success unset."""
    one_resource, one_scope = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    one_resource.resource_spans.add()
    one_scope.resource_spans.add().scope_spans.add()
    with calling(door) as call:
        for request in (ExportTraceServiceRequest(), one_resource, one_scope):
            response = ExportTraceServiceResponse.FromString(call(request.SerializeToString()))
            assert not response.HasField("partial_success")


def test_a_partly_accepted_request_names_count_and_reason(door: Receiving) -> None:
    """C27, C28, C29: rejected spans are counted and explained; a warning alone has a count of zero."""
    with calling(door) as call:
        for answer in (Answer(rejected=1, message="a span has no trace id"), Answer(message="unknown conventions")):
            door.intake.answer = answer
            partial = ExportTraceServiceResponse.FromString(call(b"")).partial_success
            assert (partial.rejected_spans, partial.error_message) == (answer.rejected, answer.message)


def test_a_temporary_refusal_carries_the_hint_in_both_trailers(door: Receiving) -> None:
    """C30, C32, C36, C37: UNAVAILABLE, and one delay of 1.62 to 1.8 s in the standard's trailer and the exporter's."""
    door.intake.failures = [Transient("the journal is full")]
    with calling(door) as call:
        refused = call.refusal(b"")
    assert (refused.code, refused.details) == (grpc.StatusCode.UNAVAILABLE, "the journal is full")
    standard, own = RetryInfo(), refused.trailers["google.rpc.retryinfo-bin"]
    assert refused.status().details[0].Unpack(standard)
    assert own == standard.SerializeToString()
    assert 1.62 <= standard.retry_delay.ToMilliseconds() / 1000 <= 1.8


def test_a_permanent_refusal_says_what_to_mend(door: Receiving) -> None:
    """C33: INVALID_ARGUMENT with BadRequest, and nothing that makes a sender repeat it."""
    door.intake.failures = [Permanent("the body is not a protobuf request")]
    with calling(door) as call:
        refused = call.refusal(b"")
    violation = BadRequest()
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.status().details[0].Unpack(violation)
    assert violation.field_violations[0].description == "the body is not a protobuf request"
    assert "google.rpc.retryinfo-bin" not in refused.trailers


def test_a_bug_is_answered_as_temporary_and_keeps_its_text(door: Receiving) -> None:
    """C34: neither UNKNOWN nor INTERNAL, on which senders drop; the exception's words may be telemetry."""
    door.intake.failures = [ValueError("a secret"), KeyError("a secret")]
    with calling(door) as call:
        for _ in range(2):
            refused = call.refusal(b"")
            assert refused.code is grpc.StatusCode.UNAVAILABLE
            assert "secret" not in refused.details
            assert "google.rpc.retryinfo-bin" in refused.trailers


def test_too_large_is_refused_without_a_hint() -> None:
    """C04, C05, C06, C35: over the configured limit, by grpc or by the intake: RESOURCE_EXHAUSTED, no RetryInfo."""
    with receiving(body_bytes_max=1000) as door, calling(door) as call:
        assert call(bytes(1000)) == b""
        by_size = call.refusal(bytes(1001))
        door.intake.failures = [TooLarge("more than 100000 spans in one request")]
        by_count = call.refusal(b"")
    for refused in (by_size, by_count):
        assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "google.rpc.retryinfo-bin" not in refused.trailers
    assert not any(detail.TypeName() == "google.rpc.RetryInfo" for detail in by_count.status().details)
    assert "grpc-status-details-bin" not in by_size.trailers


def test_a_gzip_bomb_costs_no_memory(door: Receiving) -> None:
    """C04, H01: 64 MiB of zeros, some 65 KB on the wire, stop at the limit of 16 MiB."""
    before = _resident_bytes()
    sent = subprocess.run((sys.executable, "-c", _BOMB, door.grpc), check=True, capture_output=True, text=True)
    assert sent.stdout.strip() == "RESOURCE_EXHAUSTED"
    assert _resident_bytes() - before < 32 * MEBIBYTE
    assert door.intake.calls == 0


def test_calls_on_one_connection_are_served_side_by_side(door: Receiving) -> None:
    """C18: 64 calls of one connection are in the intake at the same time."""
    door.hold()
    with calling(door) as call, ThreadPoolExecutor(64) as threads:
        answers = [threads.submit(call, b"") for _ in range(64)]
        assert all(door.intake.entered.acquire(timeout=PATIENCE_S) for _ in answers)
        door.release()
        assert [answer.result(PATIENCE_S) for answer in answers] == [b""] * 64


def test_calls_are_taken_while_the_loop_of_http_is_busy(door: Receiving) -> None:
    """C18: one that needs nothing of it is answered meanwhile; the others when it turns again."""
    busy, go_on = threading.Event(), threading.Event()

    async def work() -> None:
        busy.set()
        assert go_on.wait(PATIENCE_S)

    with calling(door) as call, ThreadPoolExecutor() as threads:
        working = threads.submit(door.run, work())
        assert busy.wait(PATIENCE_S)
        pending = threads.submit(call, b"kept")
        assert health_in(call(health_of(""), CHECK, timeout=PATIENCE_S / 2)) == SERVING
        go_on.set()
        working.result(PATIENCE_S)
        assert pending.result(PATIENCE_S) == b""
    assert [taken.body for taken in door.intake.taken] == [b"kept"]


def test_bytes_in_flight_are_bounded_and_the_rest_is_told_to_come_again() -> None:
    """C19: with room for 4 MiB, of 32 held calls of 1 MiB four are taken; the others get UNAVAILABLE and the hint."""
    limits = Limits(body_bytes=2 * MEBIBYTE, in_flight_bytes=8 * MEBIBYTE)
    with receiving(limits=limits) as door, calling(door) as call, ThreadPoolExecutor(32) as threads:
        door.hold()
        calls = [threads.submit(call.refusal, bytes(MEBIBYTE)) for _ in range(32)]
        refused = [done.result() for done in islice(as_completed(calls, PATIENCE_S), 28)]
        assert door.intake.calls == 4
        door.release()
    assert {error.code for error in refused} == {grpc.StatusCode.UNAVAILABLE}
    assert all("google.rpc.retryinfo-bin" in error.trailers for error in refused)
    assert len(door.intake.taken) == 4


def test_the_answer_comes_before_the_deadline_and_the_append_goes_on(door: Receiving) -> None:
    """C38: 500 ms before a caller's deadline it is told to come again; what it sent is durable all the same."""
    door.hold()
    with calling(door) as call:
        refused = call.refusal(b"one", timeout=0.8)
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert "google.rpc.retryinfo-bin" in refused.trailers
    door.release()
    door.run(door.receiver.drain())
    assert [taken.body for taken in door.intake.taken] == [b"one"]


def test_without_a_deadline_the_answer_still_comes_in_time() -> None:
    """C38: the receiver's own budget (8 s; here 0.2 s) holds for a caller that would wait for ever."""
    with receiving(limits=Limits(body_bytes=1000, answer_s=0.2)) as door, calling(door) as call:
        door.hold()
        refused = call.refusal(b"", timeout=None)
    assert refused.code is grpc.StatusCode.UNAVAILABLE


def test_a_caller_that_goes_away_does_not_undo_its_append(door: Receiving) -> None:
    """C39: after a storm of cancelled calls every request is in the journal, whole."""
    door.hold()
    bodies = [b"%02d" % number for number in range(20)]
    with calling(door) as call:
        calls = [call.begin(body) for body in bodies]
        assert all(door.intake.entered.acquire(timeout=PATIENCE_S) for _ in bodies)
        for pending in calls:
            pending.cancel()
    door.release()
    door.run(door.receiver.drain())
    assert sorted(taken.body for taken in door.intake.taken) == bodies


def test_a_message_that_does_not_arrive_gives_its_place_up() -> None:
    """C20: a caller that opens a call and sends nothing is refused after the body's time (30 s; here 0.2 s)."""
    done = threading.Event()

    def never() -> Iterator[bytes]:
        done.wait(PATIENCE_S)
        yield from ()

    with receiving(limits=Limits(body_bytes=1000, body_s=0.2)) as door, calling(door) as call:
        refused = call.refused_stream(never())
        done.set()
    assert refused.code is grpc.StatusCode.UNAVAILABLE


def test_a_call_without_a_message_is_refused(door: Receiving) -> None:
    """C33: a caller that closes its side at once made a mistake, and hears of it."""
    with calling(door) as call:
        assert call.refused_stream(iter(())).code is grpc.StatusCode.INVALID_ARGUMENT


def test_health_is_told_by_service(door: Receiving) -> None:
    """C41: "" and each service of ours serve; any other name is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch."""
    with calling(door) as call:
        for name in ("", "opentelemetry.proto.collector.trace.v1.TraceService"):
            assert health_in(call(health_of(name), CHECK)) == SERVING
        assert call.refusal(health_of("another"), CHECK).code is grpc.StatusCode.NOT_FOUND
        assert next(call.watch("another")) == SERVICE_UNKNOWN


def test_health_repeats_that_nothing_can_be_journaled() -> None:
    """C41: a receiver that is not ready is NOT_SERVING."""
    with receiving(ready=False) as door, calling(door) as call:
        assert health_in(call(health_of(""), CHECK)) == NOT_SERVING


def test_a_drain_is_seen_by_watchers_before_it_cuts_anything(door: Receiving) -> None:
    """C41: the watcher reads NOT_SERVING while a request is still under way, and that request is answered OK."""
    door.hold()
    with calling(door) as call, ThreadPoolExecutor() as threads:
        watch = call.watch("")
        assert next(watch) == SERVING
        pending = threads.submit(call, b"kept")
        assert door.intake.entered.acquire(timeout=PATIENCE_S)
        drained = threads.submit(door.run, door.receiver.drain())
        assert next(watch) == NOT_SERVING
        assert list(watch) == []
        assert not drained.done()
        door.release()
        assert pending.result(PATIENCE_S) == b""
        drained.result(PATIENCE_S)
    assert [taken.body for taken in door.intake.taken] == [b"kept"]


def test_reflection_and_unknown_methods_are_unimplemented(door: Receiving) -> None:
    """C42: the server lists its services to nobody."""
    with calling(door) as call:
        for method in (
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        ):
            assert call.refusal(b"", method).code is grpc.StatusCode.UNIMPLEMENTED


def test_a_flood_of_pings_is_shown_the_door(door: Receiving) -> None:
    """C17: pings without a pause end in GOAWAY "too_many_pings", and the next caller is served."""
    address = door.receiver.grpc_address
    with socket.create_connection((address.host, address.port), PATIENCE_S) as flood:
        ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
        flood.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + ping * 20)
        assert b"too_many_pings" in _goaway(flood)
    with calling(door) as call:
        assert call(b"") == b""


def _goaway(connection: socket.socket) -> bytes:
    """Read HTTP/2 frames until a GOAWAY; return its payload."""
    stream = connection.makefile("rb")
    while head := stream.read(9):
        length, kind = struct.unpack(">I", b"\x00" + head[:3])[0], head[3]
        payload = stream.read(length)
        if kind == 7:
            return payload
    return b""


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


_BOMB = f"""
import sys, grpc
with grpc.insecure_channel(sys.argv[1], compression=grpc.Compression.Gzip) as channel:
    try:
        channel.unary_unary({EXPORT!r})(bytes(64 * 1024 * 1024))
    except grpc.RpcError as error:
        print(error.code().name)
"""
