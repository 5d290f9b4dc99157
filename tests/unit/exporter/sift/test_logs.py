import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from support.otlp import NOON_NS, chat, request, span
from support.otlp_logs import log, logs_request

from spanledger.exporter.failures import Permanent, Refused, TooLarge
from spanledger.exporter.sift import Handoff, Sifted, sift
from spanledger.schemas.allowlist import MARKS

DETAILS = "gen_ai.client.inference.operation.details"
SECRET = "the secret prompt"


def test_a_batch_without_a_mark_keeps_nothing() -> None:
    """Logs of everything else are accepted, counted and not kept; messages of calls have no mark either."""
    message = log({"gen_ai.system": "openai"}, event="gen_ai.user.message", body=SECRET)
    sifted = sift(logs_request(log({"http.route": "/"}, body="served"), message), "logs")
    assert (sifted.received, sifted.spans, sifted.payload, sifted.rejected) == (2, [], b"", 0)


def test_no_mark_is_searched_twice() -> None:
    """What contains another mark is found by it; each costs a search of every batch."""
    for marks in MARKS.values():
        assert not [one for one in marks for other in marks if one != other and other in one]


def test_content_never_reaches_the_payload() -> None:
    """Bodies of every kind, content attributes and severity texts are gone; what meters and attributes is kept."""
    made = log(chat(gen_ai__input__messages=SECRET, ledger__team="search", exception__message=SECRET), event=DETAILS)
    listed = KeyValueList(values=[KeyValue(key="content", value=AnyValue(string_value=SECRET))])
    bodies = (AnyValue(string_value=SECRET), AnyValue(kvlist_value=listed), AnyValue(bytes_value=SECRET.encode()))
    for body in bodies:
        made.body.CopyFrom(body)
        made.severity_text = SECRET
        payload = sift(logs_request(made, resource={"service.name": "shop", "host.cmd": SECRET}), "logs").payload
        assert SECRET.encode() not in payload
        for kept in (b"gen_ai.usage.input_tokens", b"ledger.team", b"search", b"service.name", DETAILS.encode()):
            assert kept in payload


@pytest.mark.parametrize(
    ("event", "attribute", "body", "name"),
    [
        ("a", "b", "c", b"a"),
        ("", "b", "c", b"b"),
        ("a", "", "api_error", b"api_error"),
        ("event otel/src/lib.rs:7", "codex.sse_event", "", b"codex.sse_event"),
        ("", "", "claude_code.api_error", b"claude_code.api_error"),
        ("", "", "api_error: the secret prompt", b""),
        ("", "", "", b""),
    ],
)
def test_the_name_is_one_we_know_else_the_fields_or_the_attributes(
    event: str, attribute: str, body: str, name: bytes
) -> None:
    """A body is a name only if a dialect's table has it; any other is content."""
    attributes = chat(event__name=attribute) if attribute else chat()
    for sifted in (first := sift(logs_request(log(attributes, event=event, body=body)), "logs"), _again(first.payload)):
        [record] = sifted.spans
        assert record.name == name
        assert "event.name" not in record.attributes


def test_a_record_is_told_by_what_is_kept_of_it() -> None:
    """Sent again it is the same one, whatever its content or severity; two of one span are two."""
    one, same = log(chat(), body="first"), log(chat(gen_ai__prompt=SECRET), body="second")
    same.severity_number = SeverityNumber.SEVERITY_NUMBER_INFO
    same.observed_time_unix_nano = NOON_NS + 5
    others = [log(chat(), time_ns=NOON_NS + 1), log(chat(gen_ai__usage__output_tokens=21)), log(chat(), span_id=2)]
    found = sift(logs_request(one, same, *others), "logs").spans
    assert found[0].span_id == found[1].span_id
    assert len({record.span_id for record in found}) == 4
    assert {len(record.span_id) for record in found} == {16}


def test_a_record_keeps_its_place() -> None:
    """It points in time, and its span becomes its parent; without a time of its own it is when it was observed."""
    timed, observed = log(chat(), trace_id=3, span_id=7), log(chat(), trace_id=0, span_id=7, time_ns=0)
    observed.observed_time_unix_nano = NOON_NS + 2
    first, second = sift(logs_request(timed, observed), "logs").spans
    assert (first.trace_id[-1], first.parent_span_id[-1], first.start_ns, first.end_ns) == (3, 7, NOON_NS, NOON_NS)
    assert (second.trace_id, second.parent_span_id, second.start_ns) == (b"", b"", NOON_NS + 2)
    assert first.resource.signal == "logs"


def test_sifting_a_payload_again_changes_nothing() -> None:
    """A journal record is read back by the function that wrote it."""
    first = sift(logs_request(log(chat(), event=DETAILS), log({"http.route": "/"}), log(chat(event__name="b"))), "logs")
    again = _again(first.payload)
    assert [(each.span_id, each.name, each.attributes, each.raw) for each in again.spans] == [
        (each.span_id, each.name, each.attributes, each.raw) for each in first.spans
    ]
    assert (first.received, again.received) == (3, 2)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"trace_id": b"\1" * 15}, (b"", b"")),
        ({"trace_id": b"\0"}, (b"", b"")),
        ({"span_id": b"\1" * 9}, (b"\1" * 16, b"")),
    ],
)
def test_a_record_with_broken_ids_is_kept_as_of_no_trace_and_its_sender_is_told(
    change: dict[str, bytes], place: tuple[bytes, bytes]
) -> None:
    """OTLP asks receivers to take it so: the usage counts, and the reason names the field."""
    broken = log(chat())
    broken.trace_id = b"\1" * 16
    for field, value in change.items():
        setattr(broken, field, value)
    sifted = sift(logs_request(log(chat(), span_id=8), broken), "logs")
    assert [each.parent_span_id[-1:] for each in sifted.spans] == [b"\x08", place[1]]
    assert (sifted.spans[1].trace_id, sifted.rejected) == (place[0], 0)
    [reason] = sifted.remarks
    assert next(iter(change)) in reason
    assert not _again(sifted.payload).remarks


def test_ids_of_zeros_are_no_ids() -> None:
    """Senders without a context write zeros (logs.proto, fields 9 and 10)."""
    record = log(chat())
    record.trace_id, record.span_id = bytes(16), bytes(8)
    [kept] = sift(logs_request(record), "logs").spans
    assert (kept.trace_id, kept.parent_span_id) == (b"", b"")


def test_a_record_with_invalid_utf8_is_rejected_alone() -> None:
    """The text is broken inside one record; the request can still be read."""
    body = logs_request(log(chat(), span_id=7), log(chat(), span_id=8))
    at = body.index(b"gen_ai.request.model")
    sifted = sift(body[:at] + b"\xff" + body[at + 1 :], "logs")
    assert ([each.parent_span_id[-1] for each in sifted.spans], sifted.rejected) == ([8], 1)


def test_a_value_stated_twice_is_seen_as_a_conflict() -> None:
    """Different values of one billing key are told apart, also after the journal; a name stated twice is no count."""
    twice, named = log(chat()), log(chat(event__name="a"), span_id=2)
    twice.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 101
    named.attributes.add(key="event.name").value.string_value = "b"
    for sifted in (first := sift(logs_request(twice, named), "logs"), _again(first.payload)):
        assert [each.conflicting for each in sifted.spans] == [("gen_ai.usage.input_tokens",), ()]


def test_a_body_that_is_no_request_is_refused_as_a_whole() -> None:
    """Cut protobuf cannot be decoded, and the reason names the request."""
    body = logs_request(log(chat()))
    for cut in (1, len(body) // 2, len(body) - 1):
        with pytest.raises(Permanent, match="ExportLogsServiceRequest"):
            sift(body[:cut], "logs")


def test_traces_are_never_read_as_logs_nor_logs_as_traces() -> None:
    """Their elements number their fields differently: nothing of the other signal becomes a count."""
    for sifted in (sift(request(span(chat())), "logs"), sift(logs_request(log(chat())), "traces")):
        assert not [record for record in sifted.spans if record.attributes]


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(b"\x0a\x00" * 2_000_000, id="resources"),
        pytest.param(b"\x0a\x80\x89\x7a" + b"\x12\x00" * 1_000_000, id="scopes"),
    ],
)
def test_an_element_bomb_is_refused_before_it_is_parsed(bomb: bytes) -> None:
    """A few kilobytes of gzip become millions of elements; they are counted, not built."""
    assert len(gzip.compress(bomb)) < 16_000
    with pytest.raises(TooLarge):
        sift(bomb, "logs")


def test_an_attribute_bomb_in_a_record_is_refused_alone() -> None:
    """2 bytes on the wire are 80 in the parser: it is not parsed, and its neighbour is kept."""
    record = log(chat())
    record.attributes.extend(KeyValue() for _ in range(5_000))
    sifted = sift(logs_request(record, log(chat(), span_id=7)), "logs")
    assert ([each.parent_span_id[-1] for each in sifted.spans], sifted.rejected) == ([7], 1)
    assert "1024 attributes" in next(iter(sifted.reasons))


def test_a_record_is_the_same_at_the_door_and_from_the_journal() -> None:
    """Zeros for a trace beside a span's id of another length: its identity, a digest, must not depend on who reads."""
    record = log(chat())
    record.trace_id, record.span_id = bytes(16), b"7"
    first = sift(logs_request(record), "logs")
    assert [each.span_id for each in sift(first.payload, "logs").spans] == [each.span_id for each in first.spans]


def test_the_handoff_keeps_signals_apart() -> None:
    """Bytes that are a payload of both signals are handed over as what they came as."""
    handoff, [record] = Handoff(), sift(logs_request(log(chat())), "logs").spans
    handoff.put(b"payload", [record])
    assert handoff.take(b"payload", "traces") is None
    assert handoff.take(b"payload", "logs") == [record]


@given(st.binary(max_size=400))
def test_no_bytes_at_all_escape_the_two_failures(noise: bytes) -> None:
    """Whatever arrives is sifted or refused."""
    with suppress(Refused):
        sift(noise, "logs")


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_one_changed_byte_never_crashes(position: int, value: int) -> None:
    """A request with any single byte replaced is sifted or refused, and what is kept reads back the same."""
    body = bytearray(logs_request(log(chat(), event=DETAILS), log(chat(event__name="b"), span_id=2)))
    body[position % len(body)] = value
    with suppress(Refused):
        first = sift(bytes(body), "logs")
        assert [each.span_id for each in _again(first.payload).spans] == [each.span_id for each in first.spans]


def _again(payload: bytes) -> Sifted:
    return sift(payload, "logs")
