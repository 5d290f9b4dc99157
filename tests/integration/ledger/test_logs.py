"""Log records become charges: the stock exporters into a running `serve`, and files into an import."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    InMemoryLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue
from support.commands import answer, run, serving, sums
from support.otlp import NOON_NS, chat, request, span
from support.otlp_logs import log, logs_request

CORPUS = Path(__file__).parents[2] / "corpus"
USED: Mapping[str, AnyValue] = {
    "event.name": "api_request",
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": 23,
    "output_tokens": 53,
    "cache_read_tokens": 2900,
    "cache_creation_tokens": 0,
    "duration_ms": 16,
    "ledger.tenant": "acme",
    "prompt": "the secret prompt",
}


def _records() -> Sequence[ReadableLogRecord]:
    """Two calls of Claude Code and a prompt, as the SDK emits them."""
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=Resource({"service.name": "claude-code"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("com.anthropic.claude_code.events")
    for number in (1, 2):
        attributes = {**USED, "request_id": f"req_{number}"}
        logger.emit(LogRecord(timestamp=NOON_NS + number, body="claude_code.api_request", attributes=attributes))
    logger.emit(LogRecord(timestamp=NOON_NS, body="the secret prompt", attributes={"event.name": "user_prompt"}))
    return exporter.get_finished_logs()


def _post(address: str, body: bytes) -> ExportLogsServiceResponse:
    headers = {"content-type": "application/x-protobuf"}
    with urlopen(Request(f"http://{address}/v1/logs", body, headers)) as reply:
        return ExportLogsServiceResponse.FromString(reply.read())


def test_log_records_of_both_doors_are_charged_once(tmp_path: Path) -> None:
    """The same records over gRPC, over HTTP and again after a restart are the same two calls."""
    store = tmp_path / "store"
    # 23 * 3 + 2 900 * 0.30 + 53 * 15 USD a million: 0.001734 a call
    billed = [("acme", "claude-sonnet-4-5-20250929", 2, 5_846, 106, "0.003468")]
    for _ in range(2):
        with serving(store) as server:
            exporters: tuple[LogRecordExporter, ...] = (
                GrpcExporter(endpoint=server.grpc, insecure=True),
                HttpExporter(endpoint=f"http://{server.http}/v1/logs"),
            )
            for exporter in exporters:
                assert exporter.export(_records()) is LogRecordExportResult.SUCCESS
                exporter.shutdown()
                assert sums(store) == billed
            assert server.stop() == 0
    query = "SELECT DISTINCT signal, quality, length(span_id) AS digits FROM claims JOIN charges USING (charge_id)"
    assert answer("sql", "--store", store, query) == [{"signal": "logs", "quality": "exact", "digits": 32}]
    assert not [path for path in store.rglob("*") if path.is_file() and b"the secret prompt" in path.read_bytes()]


def test_a_sender_of_logs_is_told_in_the_answer_of_logs(tmp_path: Path) -> None:
    """What is refused is counted by record, what is only odd is a warning, and all is well says nothing."""
    bad = logs_request(log(chat(), span_id=7), log(chat(), span_id=8))
    at = bad.index(b"gen_ai.request.model")
    odd = log(chat())
    odd.trace_id = b"\1" * 3
    with serving(tmp_path / "store") as server:
        refused = _post(server.http, bad[:at] + b"\xff" + bad[at + 1 :]).partial_success
        assert (refused.rejected_log_records, "log record" in refused.error_message) == (1, True)
        warned = _post(server.http, logs_request(odd)).partial_success
        assert (warned.rejected_log_records, "trace_id" in warned.error_message) == (0, True)
        assert not _post(server.http, logs_request(log(chat()))).HasField("partial_success")


def test_spans_and_log_records_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    """The corpus of Claude Code: both signals of one call are one charge, whatever the files are called."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, path in enumerate(sorted((CORPUS / "claude-code").glob("tool_bash*.pb"))):
        (folder / str(number)).write_bytes(path.read_bytes())
    ended = run("import", "--store", tmp_path / "store", "--tenant", "acme", folder)
    assert ended.returncode == 0, ended.stderr
    # 29 + 2 900 + 400 and 31 + 3 300 of input, 67 + 73 of output; the truth beside the recording
    [row] = answer("report", "--store", tmp_path / "store", "--by", "tenant")
    assert (row["requests"], row["input_tokens"], row["output_tokens"]) == (2, 6_660, 140)
    query = "SELECT signal, count() AS claims FROM claims GROUP BY signal ORDER BY signal"
    assert answer("sql", "--store", tmp_path / "store", query) == [
        {"signal": "logs", "claims": 2},
        {"signal": "traces", "claims": 2},
    ]


@pytest.mark.parametrize(("signal", "requests"), [("logs", 1), ("traces", 0)])
def test_what_a_file_is_read_as_may_be_said(tmp_path: Path, signal: str, requests: int) -> None:
    """`--signal` overrides what the content looks like; nothing of one signal becomes a count of another."""
    path = tmp_path / "records"
    path.write_bytes(logs_request(log(chat())))
    run("import", "--store", tmp_path / "store", "--signal", signal, path)
    rows = answer("report", "--store", tmp_path / "store", "--by", "tenant")
    assert sum(row["requests"] for row in rows) == requests
    path.write_bytes(request(span(chat())))
    run("import", "--store", tmp_path / "store", "--signal", "logs", path)
    rows = answer("report", "--store", tmp_path / "store", "--by", "tenant")
    assert sum(row["requests"] for row in rows) == requests
