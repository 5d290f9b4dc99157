"""The table of answers, without a socket."""

import json

import pytest
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanledger.exporter.failures import Permanent, TooLarge, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver import Answer
from spanledger.exporter.receiver.answers import (
    JSON,
    MESSAGE_BYTES_MAX,
    PROTOBUF,
    refusal,
    response,
    shortened,
    with_rejections,
)
from spanledger.exporter.receiver.reasons import summary


@pytest.mark.parametrize(
    ("failure", "code", "http_status", "retry"),
    [
        (Permanent("why"), code_pb2.INVALID_ARGUMENT, 400, False),
        (TooLarge("why"), code_pb2.RESOURCE_EXHAUSTED, 413, False),
        (Transient("why"), code_pb2.UNAVAILABLE, 503, True),
        (OSError("why"), code_pb2.UNAVAILABLE, 503, True),
        (TimeoutError(), code_pb2.UNAVAILABLE, 503, True),
    ],
)
def test_a_failure_has_one_answer_at_each_door(failure: Exception, code: int, http_status: int, *, retry: bool) -> None:
    """C32, C33, C34, C57: whatever is not known to be permanent is temporary."""
    refused = refusal(failure)
    assert (refused.code, refused.http_status, refused.retry) == (code, http_status, retry)


def test_the_hint_is_the_same_in_both_trailers_and_jitters_downwards_only() -> None:
    """C36, C37: 1.8 s, at most a tenth less, in the standard's Status and in the Python exporter's own trailer."""
    delays: list[int] = []
    for _ in range(200):
        trailers = dict(refusal(Transient("full")).trailers())
        standard = RetryInfo()
        assert Status.FromString(trailers["grpc-status-details-bin"]).details[0].Unpack(standard)
        assert trailers["google.rpc.retryinfo-bin"] == standard.SerializeToString()
        delays.append(standard.retry_delay.ToMilliseconds())
    assert 1620 <= min(delays) < max(delays) <= 1800


def test_only_what_is_temporary_carries_a_hint() -> None:
    """C06, C35: RetryInfo beside RESOURCE_EXHAUSTED or INVALID_ARGUMENT would bring the same request back."""
    for failure in (TooLarge("why"), Permanent("why")):
        refused = refusal(failure)
        assert "google.rpc.retryinfo-bin" not in dict(refused.trailers())
        assert not any(detail.TypeName() == "google.rpc.RetryInfo" for detail in refused.status().details)
        assert refused.headers() == []


def test_a_refusal_in_json_keeps_its_details() -> None:
    """C53, C55: the details of a google.rpc.Status stand in JSON with their type."""
    refused = json.loads(refusal(Permanent("the body is not JSON")).body(JSON))
    assert refused == {
        "code": 3,
        "message": "the body is not JSON",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "body", "description": "the body is not JSON"}],
            }
        ],
    }
    assert BadRequest.DESCRIPTOR.full_name == "google.rpc.BadRequest"


def test_full_success_leaves_partial_success_unset() -> None:
    """C24, C51: an empty message, and in JSON an empty object rather than nothing."""
    for signal in Signal:
        assert response(signal, Answer()) == b""
        assert response(signal, Answer(), JSON) == b"{}"


def test_partial_success_names_the_field_of_its_signal() -> None:
    """C27: spans, log records, data points."""
    answer = Answer(rejected=2, message="why")
    assert ExportTraceServiceResponse.FromString(response(Signal.TRACES, answer)).partial_success.rejected_spans == 2
    logs = ExportLogsServiceResponse.FromString(response(Signal.LOGS, answer))
    assert logs.partial_success.rejected_log_records == 2
    metrics = ExportMetricsServiceResponse.FromString(response(Signal.METRICS, answer))
    assert metrics.partial_success.rejected_data_points == 2


def test_a_message_is_shortened_and_its_count_is_not() -> None:
    """C09, C10: a hundred thousand rejected spans still answer within 4 KiB and a little."""
    reasons = [f"reason {number} " + "x" * 100 for number in range(100_000)]
    answer = with_rejections(Answer(rejected=7, message="y" * 10_000), reasons)
    raw = response(Signal.TRACES, answer)
    partial = ExportTraceServiceResponse.FromString(raw).partial_success
    assert partial.rejected_spans == 100_007
    assert len(partial.error_message.encode()) <= MESSAGE_BYTES_MAX
    assert len(raw) < MESSAGE_BYTES_MAX + 64


def test_five_reasons_are_told_with_their_counts_and_the_rest_is_counted() -> None:
    """C11: the most frequent first."""
    reasons = ["a"] * 6 + ["b"] * 5 + ["c"] * 4 + ["d"] * 3 + ["e"] * 2 + ["f", "g"]
    assert summary(reasons) == (
        "6 rejected: a; 5 rejected: b; 4 rejected: c; 3 rejected: d; 2 rejected: e; 2 rejected for 2 other reasons"
    )


def test_nothing_rejected_changes_no_answer() -> None:
    """C24: an answer stays full success."""
    assert with_rejections(Answer(), []) == Answer()


@given(st.text(min_size=1, max_size=3).map(lambda text: text * 4000))
def test_a_message_is_cut_between_characters(message: str) -> None:
    """C09: any text ends within the limit, as valid UTF-8, and a short one is untouched."""
    cut = shortened(message)
    assert len(cut.encode()) <= MESSAGE_BYTES_MAX
    assert shortened(cut) == cut
    assert refusal(Permanent(message)).body(PROTOBUF)
