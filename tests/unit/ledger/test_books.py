"""Books of predecessors become spans: the same row is the same span, whatever carried it, and content stays behind."""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.sift import sift
from spanledger.ledger.importing import tokenledger, usage_json
from spanledger.ledger.importing.files import Part, UnreadableFile, read
from spanledger.ledger.importing.framing import Broken
from spanledger.ledger.importing.kept_books import UnbookableRow, parts_of
from spanledger.ledger.importing.postgres_dump import rows
from spanledger.ledger.predecessors.usage_file import append
from spanledger.schemas import StoreError
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import Claim

BOOKS: Final = Path(__file__).parents[2] / "books"
UTC: Final = ZoneInfo("UTC")
COLUMNS: Final = "event_id, timestamp, provider, model, input_tokens, output_tokens"

RECORD: Final = {
    "ts": "2025-08-11T16:36:06.967806",
    "provider": "openrouter",
    "model": "gpt-4o-mini",
    "tokens_in": 10,
    "tokens_out": 20,
    "cost": 1.7999999999999997e-5,
    "task_id": "t-1",
    "agent": "test_agent",
    "status": "fallback",
}


def stream(data: bytes | str, buffer_bytes: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Bytes as a file gives them."""
    raw = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return io.BufferedReader(raw, buffer_bytes)  # pyright: ignore[reportArgumentType, reportReturnType]


def claims_of(spans: ResourceSpans) -> list[Claim]:
    """What the ledger reads of spans."""
    made = ExportTraceServiceRequest(resource_spans=[spans]).SerializeToString()
    read = [decode(record, Credential("*", "unattributed")) for record in sift(made).spans]
    assert all(isinstance(each, Claim) for each in read)
    return [each for each in read if isinstance(each, Claim)]


def usage(inflated: io.BufferedReader, zone: ZoneInfo) -> Iterator[Part]:
    """A usage file, before a ledger that holds nothing."""
    return usage_json.read(inflated, zone, lambda _: ())


def spans(parts: Iterator[Part]) -> list[tuple[Span, dict[str, object]]]:
    """Every span with its attributes and its resource's."""
    found: list[tuple[Span, dict[str, object]]] = []
    for part in parts:
        if part.payload:
            resource = ResourceSpans.FromString(part.payload)
            above = {each.key: each.value.string_value for each in resource.resource.attributes}
            for span in resource.scope_spans[0].spans:
                own = {e.key: getattr(e.value, str(e.value.WhichOneof("value"))) for e in span.attributes}
                found.append((span, {**above, **own}))
    return found


def test_a_dump_and_a_csv_of_one_table_are_the_same_spans() -> None:
    """Both were written by Postgres; ids, times, counts, attribution and stated cost stand where OTLP has them."""
    dump = spans(tokenledger.read(stream((BOOKS / "token_ledger_events.sql").read_bytes()), UTC))
    table = spans(tokenledger.read(stream((BOOKS / "token_ledger_events.csv").read_bytes()), UTC))
    assert dump == table
    assert len(dump) == 5
    span, said = dump[0]
    assert span.trace_id.hex() == "00000000000040008000000000000001"
    assert span.end_time_unix_nano == 1_768_471_200_123_456_000
    assert span.end_time_unix_nano - span.start_time_unix_nano == 250_500_000
    assert said == {
        a.SERVICE_NAME: "shop",
        a.ENVIRONMENT_NAME: "production",
        a.OPERATION_NAME: "chat",
        a.PROVIDER_NAME: "openai",
        a.REQUEST_MODEL: "gpt-4o",
        a.RESPONSE_MODEL: "gpt-4o",
        a.USAGE_INPUT_TOKENS: 1000,
        a.USAGE_OUTPUT_TOKENS: 100,
        a.USAGE_COST: "0.00350000",
        a.LEDGER_USER_ID: "user_1",
        a.LEDGER_SESSION_ID: "s1",
        a.LEDGER_ORGANIZATION_ID: "org_1",
        a.LEDGER_FEATURE: "summarize",
        a.LEDGER_TEAM: "ml",
        a.LEDGER_PROJECT: "api",
        a.LEDGER_COST_CENTER: "CC-001",
        "ledger.page": "/dash",
        "ledger.tier": "gold",
        "ledger.extra_units": "7",
    }


def test_nothing_that_was_asked_or_answered_leaves_the_table() -> None:
    """Previews and error messages of the rows hold a secret; a failure keeps its class."""
    parts = list(tokenledger.read(stream((BOOKS / "token_ledger_events.sql").read_bytes()), UTC))
    assert b"secret" in (BOOKS / "token_ledger_events.sql").read_bytes()
    assert not any(b"secret" in part.payload for part in parts)
    failed = [said for span, said in spans(iter(parts)) if span.status.code]
    assert [each[a.ERROR_TYPE] for each in failed] == ["RateLimitError"]
    assert a.USAGE_INPUT_TOKENS not in failed[0]


@pytest.mark.parametrize(("provider", "input_tokens"), [("anthropic", 1800), ("openai", 1000), ("google", 1000)])
def test_cache_reads_are_inside_or_beside_the_input_as_each_provider_counts(provider: str, input_tokens: int) -> None:
    """TokenLedger copied what the answers said: 1000 in, 800 read from a cache. It is a statement by hand."""
    row = {"event_id": "00000000-0000-4000-8000-000000000009", "timestamp": "2026-01-01 00:00:00+00", "model": "m"}
    row |= {"provider": provider, "input_tokens": "1000", "output_tokens": "10", "cached_tokens": "800"}
    [part] = parts_of(a.TOKENLEDGER_SCOPE, [tokenledger.call_of(row, UTC)])
    [claim] = claims_of(ResourceSpans.FromString(part.payload))
    assert claim.usage == {"input_tokens": input_tokens, "cache_read_tokens": 800, "output_tokens": 10}
    assert (claim.usage_source, claim.inclusivity, claim.call.dialect) == ("manual", "table", "tokenledger")


@pytest.mark.parametrize("before", ["", "[]", "[\n]\n", '[{"ts": 1}]', '[\n  {"ts": 1}\n]\n\n'])
def test_a_record_is_added_to_their_file_wherever_its_array_ends(before: str, tmp_path: Path) -> None:
    """It stays an array; records of before are untouched."""
    file = tmp_path / "llm_usage.json"
    file.write_text(before)
    append(file, {"ts": 2})
    append(file, {"ts": 3, "text": "]"})
    assert json.loads(file.read_text()) == [*json.loads(before or "[]"), {"ts": 2}, {"ts": 3, "text": "]"}]


@pytest.mark.parametrize("before", ["{}", '[{"ts": 1}', "[1", "]"])
def test_a_file_that_is_no_array_is_left_alone(before: str, tmp_path: Path) -> None:
    """Whatever it is, it is somebody's."""
    file = tmp_path / "llm_usage.json"
    file.write_text(before)
    with pytest.raises(StoreError, match="no array of usage records"):
        append(file, {"ts": 2})
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"PGDMP\x01\x0e", "custom format"),
        (b"INSERT INTO token_ledger_events VALUES (1);\n", "without --inserts"),
        (b"COPY public.users (id, name) FROM stdin;\n1\tA\n\\.\n", "no table with the columns"),
        (b"", "no table with the columns"),
        (f"COPY t ({COLUMNS}) FROM stdin;\n1\t2\t3\t4\t5\t6\n".encode(), "ends in the middle"),
        (f"COPY t ({COLUMNS}) FROM stdin;\n1\t2\n\\.\n".encode(), "another number of columns"),
        (f"{COLUMNS.replace(' ', '')}\n1,2,3\n".encode(), "another number of columns"),
        (f'{COLUMNS.replace(" ", "")}\n1,2,3,"4,5,6\n'.encode(), "no CSV"),
        (f"COPY t ({COLUMNS}) FROM stdin;\n1\t2\t3\t\xff\t5\t6\n\\.\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_what_is_no_such_table_says_why(text: bytes, reason: str) -> None:
    """One sentence of cause and cure."""
    with pytest.raises(Broken, match=reason):
        list(tokenledger.read(stream(text), UTC))


def test_a_row_without_an_id_or_a_time_is_a_reason_and_its_neighbours_are_kept() -> None:
    """Nothing of the row is in the reason."""
    good = "00000000-0000-4000-8000-000000000009"
    text = f"COPY t ({COLUMNS}) FROM stdin;\nmine\t2026-01-01\ta\tb\t1\t1\n{good}\tlater\ta\tb\t1\t1\n"
    text += f"{good}\t2026-01-01 00:00:00+01\ta\tb\t1\tmany\n\\.\n"
    parts = list(tokenledger.read(stream(text), UTC))
    assert [reason for part in parts for reason in part.rejected] == [
        "a row without an event_id that is a UUID",
        "a row whose timestamp is none",
    ]
    [(span, said)] = spans(iter(parts))
    assert span.end_time_unix_nano == 1_767_222_000 * 10**9
    # What is no count is passed on, to be set aside in sight.
    assert said[a.USAGE_OUTPUT_TOKENS] == "many"


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), min_size=6, max_size=6))
def test_every_text_that_postgres_escapes_comes_back(values: list[str]) -> None:
    """COPY's own escapes; NULL and the text of its mark are two things."""
    named = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    line = "\t".join("".join(named.get(character, character) for character in value) for value in values)
    text = f"COPY t ({COLUMNS}) FROM stdin;\n{line}\n\\N\t\\\\N\t\\x41\t\\101\t\t6\n\\.\n"
    first, second = rows(stream(text), tokenledger.NEEDED)
    assert list(first.values()) == values
    assert list(second.values()) == [None, "\\N", "A", "A", "", "6"]


def test_a_usage_file_that_grew_makes_the_same_spans_and_the_new_one() -> None:
    """Two equal records are two calls; their ids do not depend on what stands around them."""
    before = spans(usage(stream(json.dumps([RECORD, RECORD])), UTC))
    after = spans(usage(stream(json.dumps([RECORD, {**RECORD, "agent": "b"}, RECORD], indent=2)), UTC))
    ids = [(span.trace_id, span.span_id) for span, _ in before]
    assert len(set(ids)) == 2
    assert [(span.trace_id, span.span_id) for span, _ in after][::2] == ids
    lines = spans(usage(stream("\n".join(map(json.dumps, [RECORD, RECORD]))), UTC))
    assert lines == before
    _, said = before[0]
    assert said == {
        a.OPERATION_NAME: "chat",
        a.PROVIDER_NAME: "openrouter",
        a.REQUEST_MODEL: "gpt-4o-mini",
        a.RESPONSE_MODEL: "gpt-4o-mini",
        a.USAGE_INPUT_TOKENS: 10,
        a.USAGE_OUTPUT_TOKENS: 20,
        a.USAGE_COST: "1.7999999999999997e-05",
        a.LEDGER_AGENT: "test_agent",
        a.LEDGER_WORKFLOW_ID: "t-1",
        a.LEDGER_TASK_ID: "t-1",
        a.LEDGER_STATUS: "fallback",
    }


def test_a_record_of_ours_is_left_out_where_the_ledger_holds_it() -> None:
    """Its own telling is the better one. Another ledger takes it, under its id."""
    own = {**RECORD, usage_json.ID: "0a" * 24}
    asked: list[str] = []

    def known(trace_ids: Sequence[str]) -> Sequence[str]:
        asked.extend(trace_ids)
        return trace_ids

    text = json.dumps([own, RECORD, {**RECORD, usage_json.ID: "'; DROP"}])
    assert len(spans(usage_json.read(stream(text), UTC, known))) == 2
    assert asked == ["0a" * 16]
    [(span, _), *_] = spans(usage(stream(text), UTC))
    assert (span.trace_id, span.span_id) == (b"\n" * 16, b"\n" * 8)


def test_a_time_without_an_offset_is_in_the_zone_that_is_given() -> None:
    """Berlin is two hours ahead of UTC in August."""
    ends = [
        spans(usage(stream(json.dumps([RECORD])), ZoneInfo(zone)))[0][0].end_time_unix_nano
        for zone in ("UTC", "Europe/Berlin")
    ]
    assert ends[0] - ends[1] == 7200 * 10**9


@pytest.mark.parametrize("text", ['[{"ts":', "{}[", '"a"', "[1]", ""])
def test_a_broken_usage_file_is_not_an_empty_one(text: str) -> None:
    """What cannot be read is an error, never zero."""
    with pytest.raises(Broken, match="no array of usage records"):
        list(usage(stream(text), UTC))


@pytest.mark.parametrize("call", [lambda: tokenledger.call_of({}, UTC), lambda: usage_json.time_of({}, UTC)])
def test_an_empty_row_is_no_call(call: Callable[[], object]) -> None:
    """It has neither id nor time."""
    with pytest.raises(UnbookableRow):
        call()


DUMP: Final = "COPY t (event_id, timestamp, provider, model, input_tokens, output_tokens, metadata_extra) FROM stdin;\n"
ID: Final = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.mark.parametrize("when", ["9999-12-31 00:00:00+00", "2262-04-12 00:00:00+00", "1970-01-01 00:00:00+00"])
def test_a_row_of_a_time_that_no_ledger_holds_is_told_and_its_neighbours_are_kept(when: str) -> None:
    """Dates that stand for none: they break off no import, and become no other time."""
    rows_ = "".join(f"{ID}\t{each}\topenai\tm\t1\t2\t\\N\n" for each in (when, "2026-01-01 00:00:00+00"))
    parts = list(tokenledger.read(stream(f"{DUMP}{rows_}\\.\n"), UTC))
    assert [reason for part in parts for reason in part.rejected] == ["a row whose time is not between 1970 and 2262"]
    assert len(spans(iter(parts))) == 1
    [told, _] = usage(stream(json.dumps([{**RECORD, "ts": when}, RECORD])), UTC)
    assert told.rejected


@pytest.mark.parametrize(
    ("model", "extra", "said"),
    [
        ("a\\9b", "\\N", "a9b"),
        ("a\\1019b", "\\N", "aA9b"),
        ("m", '{"deep": ' + "[" * 5000 + "]" * 5000 + "}", "m"),
    ],
)
def test_a_hostile_row_breaks_off_no_import(model: str, extra: str, said: str) -> None:
    """Escapes that are no octal numbers are themselves, and nesting without end says nothing."""
    row = f"{ID}\t2026-01-01 00:00:00+00\topenai\t{model}\t1\t2\t{extra}\n"
    [(_, attributes)] = spans(tokenledger.read(stream(f"{DUMP}{row}\\.\n"), UTC))
    assert attributes[a.REQUEST_MODEL] == said


def test_what_is_no_dump_is_one_sentence_whatever_its_bytes_are() -> None:
    """A first line longer than any header; a table whose columns have names in another encoding."""
    for data in (b"x" * 200_000, b"COPY t (caf\xe9) FROM stdin;\n1\n\\.\n"):
        with pytest.raises(Broken, match="no table with the columns"):
            list(tokenledger.read(stream(data, 1 << 20), UTC))


def test_a_usage_file_may_begin_with_a_byte_order_mark() -> None:
    """Editors of Windows put one there."""
    assert len(spans(usage(stream(b"\xef\xbb\xbf" + json.dumps([RECORD]).encode()), UTC))) == 1


def test_a_file_may_be_gzipped_and_is_named_when_it_breaks_off(tmp_path: Path) -> None:
    """The forms are those of OTLP files."""
    packed = tmp_path / "usage.json.gz"
    packed.write_bytes(gzip.compress(json.dumps([RECORD]).encode()))

    def form(inflated: io.BufferedReader) -> Iterator[Part]:
        return usage(inflated, UTC)

    assert len(spans(read(packed, lambda _: None, form=form))) == 1
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(UnreadableFile, match=r"usage\.json\.gz cannot be read to its end"):
        list(read(packed, lambda _: None, form=form))
