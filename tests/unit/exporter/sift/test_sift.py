import gc
import gzip
import json
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from typing import Final

import pytest
from faults.batches import delimited
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.otlp import chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.failures import Permanent, Refused, TooLarge
from spanledger.exporter.sift import sift
from spanledger.exporter.sift.wire import RESOURCE

TEXT: Final = "gcp.vertex.agent.llm_response"
"""An attribute whose value is a text that a dialect reads."""


def test_a_batch_without_a_mark_keeps_nothing() -> None:
    """Spans of databases and web servers are accepted, counted and not kept."""
    sifted = sift(request(span({"db.system": "postgresql"}), span({"http.route": "/"}, span_id=2)))
    assert (sifted.received, sifted.spans, sifted.payload, sifted.rejected) == (2, [], b"", 0)


def test_prompts_never_reach_the_payload() -> None:
    """Content attributes, events and the status message are gone; what meters and attributes is kept."""
    secret = "the secret prompt"
    made = span(chat(gen_ai__input__messages=secret, gen_ai__prompt=secret, ledger__team="search", url__full=secret))
    made.events.add(name="gen_ai.user.message").attributes.add(key="content").value.string_value = secret
    made.status.message = secret
    payload = sift(request(made, resource={"service.name": "shop", "process.command_line": secret})).payload
    assert secret.encode() not in payload
    for kept in (b"gen_ai.usage.input_tokens", b"ledger.team", b"search", b"service.name", b"gpt-4o-mini"):
        assert kept in payload


def test_sifting_a_payload_again_changes_nothing() -> None:
    """A journal record is read back by the function that wrote it."""
    first = sift(request(span(chat()), span({"http.route": "/"}, span_id=2), span(chat(), span_id=3)))
    again = sift(first.payload)
    assert [(each.span_id, each.attributes) for each in again.spans] == [
        (each.span_id, each.attributes) for each in first.spans
    ]
    assert (first.received, again.received) == (3, 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trace_id": b"\1" * 15}, "trace_id"),
        ({"trace_id": b"\0" * 16}, "trace_id"),
        ({"span_id": b"\1" * 9}, "span_id"),
        ({"span_id": b""}, "span_id"),
        ({"parent_span_id": b"\1" * 3}, "parent_span_id"),
    ],
)
def test_a_span_with_broken_ids_is_rejected_alone(change: dict[str, bytes], reason: str) -> None:
    """Its neighbours are kept and the reason names the field (OTLP C75, C76)."""
    broken = span(chat(), span_id=7)
    for field, value in change.items():
        setattr(broken, field, value)
    sifted = sift(request(span(chat(), span_id=8), broken))
    assert ([each.span_id[-1] for each in sifted.spans], sifted.rejected) == ([8], 1)
    [told] = sifted.reasons
    assert reason in told


def test_a_span_with_invalid_utf8_is_rejected_alone() -> None:
    """The text is broken inside one span; the request can still be read."""
    body = request(span(chat(gen_ai__operation__name="cha?"), span_id=7), span(chat(), span_id=8))
    key = b"gen_ai.request.model"
    at = body.index(key)
    body = body[:at] + b"\xff" + body[at + 1 :]
    sifted = sift(body)
    assert ([each.span_id[-1] for each in sifted.spans], sifted.rejected) == ([8], 1)


def test_a_value_stated_twice_is_seen_as_a_conflict() -> None:
    """Different values of one billing key are told apart, also after the journal; equal values fold (OTLP C79)."""
    twice, folded = span(chat(), span_id=7), span(chat(), span_id=8)
    twice.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 101
    folded.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 100
    for sifted in (first := sift(request(twice, folded)), sift(first.payload)):
        assert [each.conflicting for each in sifted.spans] == [("gen_ai.usage.input_tokens",), ()]


def test_an_attribute_bomb_in_a_span_is_refused_alone() -> None:
    """2 bytes on the wire are 80 in the parser: it is not parsed, and its neighbour is kept."""
    bomb = span(chat(), span_id=7)
    bomb.attributes.extend(KeyValue() for _ in range(5_000))
    sifted = sift(request(bomb, span(chat(), span_id=8)))
    assert ([each.span_id[-1] for each in sifted.spans], sifted.rejected) == ([8], 1)
    assert "1024 attributes" in next(iter(sifted.reasons))


def test_a_text_stated_twice_conflicts_also_from_the_journal() -> None:
    """Both are read; where they differ the paths conflict, so nobody guesses which of them is billed."""
    twice = span({**chat(), TEXT: json.dumps({"usage_metadata": {"prompt_token_count": 5}})})
    twice.attributes.add(key=TEXT).value.string_value = json.dumps({"usage_metadata": {"prompt_token_count": 6}})
    for sifted in (first := sift(request(twice)), sift(first.payload)):
        assert [each.conflicting for each in sifted.spans] == [(f"{TEXT}.usage_metadata.prompt_token_count",)]


def test_what_is_in_lists_maps_and_bytes_goes_no_further() -> None:
    """Nobody reads them, also not where a count belongs: of each its kind is kept, so it is still no count."""
    secret = "the secret prompt"
    inner = AnyValue(string_value=secret)
    values = [
        AnyValue(array_value=ArrayValue(values=[inner])),
        AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=secret, value=inner)])),
        AnyValue(bytes_value=secret.encode()),
    ]
    spans = [span(chat(gen_ai__usage__input_tokens=value), span_id=number) for number, value in enumerate(values, 1)]
    payload = sift(request(*spans, resource={"service.name": values[0], "ledger.team": values[1]})).payload
    assert secret.encode() not in payload
    decoded = [decode(each, Credential("*", "acme")) for each in sift(payload).spans]
    assert [type(each) for each in decoded] == [Quarantined] * 3


def test_fields_that_nobody_knows_go_no_further() -> None:
    """A later protocol, or a sender's own: what stands beside a key and its value, or in a value, is dropped."""
    secret = b"\xfa\x3f\x03abc"  # field 1023
    pair = KeyValue.FromString(
        KeyValue(key="ledger.team", value=AnyValue(string_value="a")).SerializeToString() + secret
    )
    inside = AnyValue.FromString(AnyValue(string_value="b").SerializeToString() + secret)
    made = span(chat(ledger__project=inside))
    made.attributes.append(pair)
    sifted = sift(request(Span.FromString(made.SerializeToString() + secret)))
    assert b"abc" not in sifted.payload
    said = sifted.spans[0].attributes
    assert (text(said["ledger.team"]), text(said["ledger.project"])) == ("a", "b")


def test_names_keys_and_values_have_a_length() -> None:
    """A name is cut where a character ends, a longer key names nothing, and counts are no less impossible."""
    long = "\u20ac" * 1_000_000
    made = span({**chat(ledger__team=long, gen_ai__usage__input_tokens="9" * 100_000), f"ledger.{'k' * 300}": "a"})
    made.name = long
    sifted = sift(request(made, resource={"service.name": long}, scope=long))
    assert len(sifted.payload) < 20_000
    assert text(sifted.spans[0].attributes["ledger.team"]) == "\u20ac" * (4_096 // 3)
    assert isinstance(decode(sifted.spans[0], Credential("*", "acme")), Quarantined)
    assert sift(sifted.payload).payload == sifted.payload


def test_nothing_large_is_remembered() -> None:
    """Keys, values, names, resources and scopes of a mebibyte, ever new ones: what is held afterwards is small."""
    sift(_large(0))
    tracemalloc.start()
    try:
        for number in range(1, 21):
            for each in sift(sift(_large(number)).payload).spans:
                decode(each, Credential("*", "acme"))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1024 * 1024
    finally:
        tracemalloc.stop()


def _large(number: int) -> bytes:
    text = f"{number}" + "a" * 1024 * 1024
    made = span({**chat(), "ledger.team": text, f"ledger.{text}": "a", text: "a"})
    made.name = text
    return request(made, resource={"service.name": text, text: text}, scope=text)


def test_a_resource_that_cannot_be_read_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its spans are refused, and those of others kept; a large one would else be read again for each of them."""
    reads: list[bytes] = []

    class Counting:
        """Reads resources, and counts."""

        @staticmethod
        def FromString(raw: bytes) -> object:  # noqa: N802 (protobuf's name)
            """Read one."""
            reads.append(raw)
            return RESOURCE.FromString(raw)

    monkeypatch.setattr(sys.modules["spanledger.exporter.sift.sift"], "RESOURCE", Counting)
    broken = b"\x10\x10" * 4_000 + b"\x0a\x05cut"
    made = span(chat()).SerializeToString()
    body = delimited(1, delimited(1, broken) + delimited(2, delimited(2, made) * 20) * 10)
    sifted = sift(body + request(span(chat(), span_id=8)))
    assert (sifted.rejected, [each.span_id[-1] for each in sifted.spans]) == (200, [8])
    assert reads.count(broken) == 1
    assert "resource" in next(iter(sifted.reasons))


def test_a_body_that_is_no_request_is_refused_as_a_whole() -> None:
    """Cut protobuf cannot be decoded (OTLP C33, C55)."""
    body = request(span(chat()))
    for cut in (1, len(body) // 2, len(body) - 1):
        with pytest.raises(Permanent):
            sift(body[:cut])


def test_an_empty_request_is_a_success() -> None:
    """No resource, no scope, no span (OTLP C25)."""
    for body in (b"", request()):
        assert (sift(body).received, sift(body).payload) == (0, b"")


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
        sift(bomb)


def test_more_spans_than_the_budget_are_refused() -> None:
    """Empty spans in one scope: 2 bytes each on the wire, 16 in the parser."""
    scope = b"\x12\x00" * 200_000
    size = len(scope)
    inner = b"\x12" + _varint(size) + scope
    with pytest.raises(TooLarge):
        sift(b"\x0a" + _varint(len(inner)) + inner)


@given(st.binary(max_size=400))
def test_no_bytes_at_all_escape_the_two_failures(noise: bytes) -> None:
    """Whatever arrives is sifted or refused."""
    with suppress(Refused):
        sift(noise)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_one_changed_byte_never_crashes(position: int, value: int) -> None:
    """A request with any single byte replaced is sifted or refused, and again from its payload."""
    body = bytearray(request(span(chat()), span(chat(), span_id=2)))
    body[position % len(body)] = value
    with suppress(Refused):
        sift(sift(bytes(body)).payload)


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def test_a_doubtful_literal_is_told_to_nobody() -> None:
    """Python warns of `1if` on standard error, which a stranger could fill."""
    body = request(span({**chat(), TEXT: "{'usage_metadata': {'prompt_token_count': 7}, 'a': 1if 1else 2}"}))
    program = f"from spanledger.exporter.sift import sift; print(sift({body!r}).received)"
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert (ended.stdout, ended.stderr) == ("1\n", "")
