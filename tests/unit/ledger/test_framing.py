import io

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.otlp import chat, request, span

from spanledger.ledger.importing.framing import Broken, NotOtlp, fields, part_field, parts, split


def test_concatenated_requests_are_read_part_by_part() -> None:
    """Protobuf adds repeated fields of concatenated messages: a file of requests is one long request."""
    bodies = [request(span(chat(), span_id=number)) for number in (1, 2, 3)]
    read = list(parts(io.BytesIO(b"".join(bodies))))
    assert [part_field(part) for part in read] == bodies


@pytest.mark.parametrize("cut", [1, 2, 40, -1])
def test_a_stream_that_ends_within_a_part_is_broken(cut: int) -> None:
    """Wherever it was cut, the missing bytes are noticed."""
    with pytest.raises(Broken):
        list(parts(io.BytesIO(request(span(chat()))[:cut])))


def test_what_begins_otherwise_is_no_otlp() -> None:
    """An OTLP request has one field only; a text or an image begins with something else."""
    for other in (b"PK\x03\x04", b"hello", b"\x89PNG"):
        with pytest.raises(NotOtlp):
            list(parts(io.BytesIO(other)))


def test_another_field_after_a_part_is_broken_and_not_silently_skipped() -> None:
    """The first part is delivered; then the reader says that it is lost."""
    stream = parts(io.BytesIO(request(span(chat())) + b"hello"))
    assert next(stream)
    with pytest.raises(Broken):
        next(stream)


def test_a_length_beyond_the_limit_reserves_no_memory() -> None:
    """Ten bytes can claim a size of exabytes."""
    with pytest.raises(Broken, match="over the limit"):
        list(parts(io.BytesIO(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")))
    with pytest.raises(Broken, match="cut short"):
        list(parts(io.BytesIO(b"\x0a\x80\x80\x80\x80\x02" + b"x" * 100)))


def test_a_part_is_split_between_spans_and_keeps_resource_and_scope() -> None:
    """Ten spans under one resource become several parts, each complete, no span lost or doubled."""
    body = request(*(span(chat(), span_id=number) for number in range(1, 11)), scope="wire")
    [part] = parts(io.BytesIO(body))
    pieces = list(split(part, len(part) // 3))
    assert len(pieces) > 2
    assert all(len(piece) <= len(part) // 3 + 64 for piece in pieces)
    seen: list[int] = []
    for piece in pieces:
        [resource_spans] = ExportTraceServiceRequest.FromString(part_field(piece)).resource_spans
        assert resource_spans.resource.attributes[0].key == "service.name"
        [scope_spans] = resource_spans.scope_spans
        assert scope_spans.scope.name == "wire"
        seen += [int.from_bytes(each.span_id, "big") for each in scope_spans.spans]
    assert seen == list(range(1, 11))


def test_a_span_larger_than_the_limit_is_kept_whole() -> None:
    """The receiver's limits decide about it, not the cutting."""
    [part] = parts(io.BytesIO(request(span(chat(note="x" * 5_000)))))
    assert b"".join(split(part, 100)) == part


def test_a_message_that_is_cut_is_told() -> None:
    """Fields never reach beyond the message's end."""
    with pytest.raises(Broken):
        list(fields(b"\x12\x05abc"))
    with pytest.raises(Broken):
        list(fields(b"\x0b"))
    with pytest.raises(Broken):
        list(fields(b"\xff" * 11))
