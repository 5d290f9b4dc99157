import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.otlp import chat, request, span

from spanledger.exporter.journal import Signal
from spanledger.ledger.importing import documents
from spanledger.ledger.importing.files import Body, UnreadableFile, found, gathered, read
from spanledger.ledger.importing.framing import NotOtlp

BODY = request(span(chat(), span_id=1), span(chat(), span_id=2))


def otlp_json(body: bytes) -> str:
    """A request as OTLP JSON: hex ids, whole numbers as strings."""
    message = MessageToDict(ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True)
    for part in message["resourceSpans"]:
        for scope in part["scopeSpans"]:
            for one in scope["spans"]:
                one |= {"traceId": f"{1:032x}", "spanId": f"{int(one['spanId'] == 'AAAAAAAAAAI=') + 1:016x}"}
    return json.dumps(message)


def bodies(path: Path) -> list[Body]:
    """What the intake would be given."""
    return list(gathered(read(path, lambda _: None)))


def span_ids(path: Path) -> list[int]:
    """The ids of every span in a file, in order."""
    return [
        int.from_bytes(one.span_id, "big")
        for body in bodies(path)
        for part in ExportTraceServiceRequest.FromString(body.payload).resource_spans
        for scope in part.scope_spans
        for one in scope.spans
    ]


FORMS: dict[str, Callable[[], bytes]] = {
    "one protobuf request": lambda: BODY,
    "requests in a row": lambda: request(span(chat(), span_id=1)) + request(span(chat(), span_id=2)),
    "a JSON document": lambda: json.dumps(json.loads(otlp_json(BODY)), indent=2).encode(),
    "a JSON line": lambda: otlp_json(BODY).encode(),
    "JSON lines": lambda: "".join(
        otlp_json(request(span(chat(), span_id=number))) + "\n" for number in (1, 2)
    ).encode(),
    "JSON with a byte order mark": lambda: b"\xef\xbb\xbf" + otlp_json(BODY).encode(),
    "JSON lines of Windows": lambda: "".join(
        otlp_json(request(span(chat(), span_id=number))) + "\r\n\r\n" for number in (1, 2)
    ).encode(),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told_by_content(form: str, tmp_path: Path, *, zipped: bool) -> None:
    """The name says nothing: protobuf, JSON and gzip are recognised by how they begin."""
    path = tmp_path / "export.data"
    path.write_bytes(gzip.compress(FORMS[form]()) if zipped else FORMS[form]())
    assert span_ids(path) == [1, 2]
    assert {body.signal for body in bodies(path)} == {Signal.TRACES}


def test_progress_is_told_in_bytes_of_the_file(tmp_path: Path) -> None:
    """A bar over gzipped files moves by what was read from the disk."""
    path = tmp_path / "many.pb.gz"
    path.write_bytes(gzip.compress(BODY * 50))
    told: list[int] = []
    list(read(path, told.append))
    assert sum(told) == path.stat().st_size


def test_small_requests_are_joined_and_large_ones_cut(tmp_path: Path) -> None:
    """A journal record is about a megabyte, whatever the file's requests are."""
    path = tmp_path / "many.pb"
    count = 9_000
    path.write_bytes(b"".join(request(span(chat(), span_id=n)) for n in range(1, count + 1)))
    joined = bodies(path)
    assert 1 < len(joined) < 10
    assert span_ids(path) == list(range(1, count + 1))
    path.write_bytes(request(*(span(chat(), span_id=n) for n in range(1, count + 1))))
    assert 1 < len(bodies(path)) < 10
    assert span_ids(path) == list(range(1, count + 1))


def test_a_large_json_document_is_converted_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter's limits are per request; a document of a day is many requests."""
    monkeypatch.setattr(documents, "PIECE_BYTES_MAX", 900)
    path = tmp_path / "day.json"
    path.write_text(otlp_json(BODY))
    assert len(list(documents.requests(path.read_bytes()))) == 2
    assert span_ids(path) == [1, 2]


def test_a_document_may_carry_several_signals(tmp_path: Path) -> None:
    """Each is a request of its own."""
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add().time_unix_nano = 1
    path = tmp_path / "mixed.json"
    path.write_text(json.dumps({**json.loads(otlp_json(BODY)), **MessageToDict(logs)}))
    assert [body.signal for body in bodies(path)] == [Signal.TRACES, Signal.LOGS]


def test_a_bad_line_is_told_and_its_neighbours_are_kept(tmp_path: Path) -> None:
    """A Collector that is killed leaves half a line behind."""
    lines = [otlp_json(request(span(chat(), span_id=number))) for number in (1, 2)]
    path = tmp_path / "torn.jsonl"
    path.write_text(f"{lines[0]}\n{lines[1][:40]}\n{lines[1]}\nnull\n")
    stream = read(path, lambda _: None)
    assert next(stream)
    assert next(stream)
    with pytest.raises(UnreadableFile, match=r"torn\.jsonl .*line 2 is no OTLP JSON, nor are 1 more"):
        next(stream)


@pytest.mark.parametrize(
    "content",
    [
        BODY[:-3],
        gzip.compress(BODY, mtime=0)[:-9],
        gzip.compress(BODY, mtime=0)[:30],
        b'{"resourceSpans": 7',
        b'{"resourceSpans": 7}',
    ],
)
def test_a_file_that_breaks_off_is_named(content: bytes, tmp_path: Path) -> None:
    """One sentence with the file's name; no traceback."""
    path = tmp_path / "cut.bin"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"cut\.bin cannot be read as OTLP to its end"):
        bodies(path)


@pytest.mark.parametrize("content", [b"hello", b'{"a": 1}', b"{}", b"\x89PNG\r\n", gzip.compress(b"text", mtime=0)])
def test_what_is_no_otlp_is_told_apart_from_what_is_broken(content: bytes, tmp_path: Path) -> None:
    """A README in a folder of recordings is no failure."""
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(NotOtlp):
        bodies(path)


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    """A Collector makes its file before its first batch."""
    path = tmp_path / "empty"
    path.touch()
    assert bodies(path) == []


def test_folders_are_searched_through_in_order(tmp_path: Path) -> None:
    """Named files are marked as such: only they must be OTLP."""
    (tmp_path / "b").mkdir()
    for name in ("b/2", "b/1", "a"):
        (tmp_path / name).touch()
    assert list(found([tmp_path / "a", tmp_path])) == [
        (tmp_path / "a", True),
        (tmp_path / "a", False),
        (tmp_path / "b/1", False),
        (tmp_path / "b/2", False),
    ]


def test_an_element_that_cannot_be_converted_is_left_out_with_a_reason(tmp_path: Path) -> None:
    """A span with a broken id does not take its neighbour with it."""
    document = json.loads(otlp_json(BODY))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "zz"
    path = tmp_path / "one-bad.json"
    path.write_text(json.dumps(document))
    assert sum(len(part.rejected) for part in read(path, lambda _: None)) == 1
    assert len(bodies(path)) == 1
