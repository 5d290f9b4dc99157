"""The data model: what a span may look like, and what becomes of it. One bad span never costs its neighbours."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.desk import SUMS, Desk
from support.otlp import chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.exporter.store import Store
from spanledger.schemas.claim import Claim
from spanledger.schemas.units import COUNT_MAX

OPEN = Credential("*", "unattributed")
NEIGHBOUR = span(chat(), span_id=200)


def read(*spans: Span, rejected: int = 0) -> list[Claim | Quarantined | None]:
    """What spans are decoded to, beside a neighbour that is always read."""
    sifted = sift(request(*spans, NEIGHBOUR))
    assert sifted.rejected == rejected
    *found, neighbour = (decode(usage, OPEN) for usage in sifted.spans)
    assert neighbour == decode(sift(request(NEIGHBOUR)).spans[0], OPEN)
    return found


@pytest.mark.parametrize("size", [0, 8, 15, 16, 17, 24])
def test_an_id_has_its_length(size: int) -> None:
    """C75, C76: 16 and 8 bytes that are not all zero; a parent of 8 bytes or none. The others cost their span."""
    for field, right in (("trace_id", {16}), ("span_id", {8}), ("parent_span_id", {0, 8})):
        made = span(chat())
        setattr(made, field, b"\1" * size)
        read(made, rejected=size not in right)


@given(st.integers(0, 2**22 - 1), st.integers(0, 255))
def test_the_high_bits_of_flags_mean_nothing_to_us(high: int, low: int) -> None:
    """C77: bits 10 to 31 are reserved, and nobody may count on zeros."""
    plain, flagged = span(chat()), span(chat())
    flagged.flags = high << 10 | low
    assert read(flagged) == read(plain)


def _array(values: list[AnyValue]) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def _map(values: list[AnyValue]) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value) for value in values]))


_scalars = st.one_of(
    st.just(AnyValue()),
    st.text(max_size=5).map(lambda text: AnyValue(string_value=text)),
    st.booleans().map(lambda flag: AnyValue(bool_value=flag)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.floats().map(lambda number: AnyValue(double_value=number)),
    st.binary(max_size=5).map(lambda raw: AnyValue(bytes_value=raw)),
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3).flatmap(lambda of: st.sampled_from((_array(of), _map(of))))
)


@example("gen_ai.usage.output_tokens", AnyValue(int_value=-5))
@example("gen_ai.usage.output_tokens", AnyValue(double_value=0.5))
@given(st.sampled_from([*chat(), "ledger.tenant", "user.id", "gen_ai.output.messages", "mine"]), _values)
def test_a_value_of_any_shape_is_accepted_under_any_key(key: str, value: AnyValue) -> None:
    """C78, C72: a shape that a count cannot have sets its span aside with a reason; none becomes a number."""
    attributes = chat()
    attributes.pop(key, None)
    made = span(attributes)
    made.attributes.add(key=key).value.CopyFrom(value)
    [found] = read(made)
    if isinstance(found, Quarantined):
        assert found.reason.startswith(f"{key} is ")
    else:
        assert found is not None
        counts = {100, 20, _number(value)} if key.startswith("gen_ai.usage.") else {100, 20}
        assert set(found.usage.values()) <= counts


def _number(value: AnyValue) -> int | None:
    """The count that a value states, if any."""
    stated = getattr(value, value.WhichOneof("value") or "string_value")
    try:
        number = int(float(stated.strip('"') if isinstance(stated, str) else stated))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= COUNT_MAX else None


def test_a_count_stated_twice_sets_its_span_aside_unless_both_agree() -> None:
    """C79: neither the first nor the last of two prices is right; of keys that we do not keep, nobody minds."""
    differing, equal, other = (span(chat(), span_id=number) for number in (1, 2, 3))
    differing.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 101
    equal.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 100
    for text in ("a", "b"):
        other.attributes.add(key="http.route").value.string_value = text
    aside, folded, passed = read(differing, equal, other)
    assert isinstance(aside, Quarantined)
    assert aside.reason == "gen_ai.usage.input_tokens is stated twice with different values"
    for found in (folded, passed):
        assert isinstance(found, Claim)
        assert found.usage == {"input_tokens": 100, "output_tokens": 20}


def test_places_in_a_table_of_strings_are_absent() -> None:
    """C80: only requests of profiles have that table; in a span such a key or value says nothing."""
    made = span(chat(ledger__feature="search"))
    for attribute in made.attributes:
        if attribute.key in {"ledger.feature", "gen_ai.usage.output_tokens"}:
            attribute.value.string_value_strindex = 3
    made.attributes.add(key_strindex=4).value.string_value_strindex = 5
    [found] = read(made)
    assert isinstance(found, Claim)
    assert (found.usage, found.attribution.feature) == ({"input_tokens": 100}, "")


@pytest.mark.parametrize("depth", [46, 47, 48, 49, 50, 51, 52, 5_000])
@pytest.mark.parametrize("key", ["gen_ai.input.messages", "gen_ai.request.model", "mine"])
def test_a_deep_value_costs_nothing_but_itself(depth: int, key: str) -> None:
    """C81: protobuf's own parser refuses the whole request from 48 nested arrays on; this one does not go in."""
    deep = AnyValue(string_value="x").SerializeToString()
    for _ in range(depth):
        deep = _field(5, _field(1, deep))
    attributes = chat()
    attributes.pop(key, None)
    raw = span(attributes).SerializeToString() + _field(9, _field(1, key.encode()) + _field(2, deep))
    body = _field(1, _field(2, _field(2, raw) + _field(2, NEIGHBOUR.SerializeToString())))
    usages = sift(body).spans
    assert [usage.span_id[-1] for usage in usages] == [1, 200]
    claims = [decode(usage, OPEN) for usage in usages]
    assert all(isinstance(claim, Claim) and claim.usage["input_tokens"] == 100 for claim in claims)


def test_unknown_fields_are_passed_over_at_every_level() -> None:
    """C82: field 999 of a later version, in request, resource, scope, span, attribute and value; it is not kept."""
    later = _field(999, b"later")
    value = AnyValue(int_value=100).SerializeToString() + later
    pair = _field(1, b"gen_ai.usage.input_tokens") + _field(2, value) + later
    attributes = chat()
    del attributes["gen_ai.usage.input_tokens"]
    raw = span(attributes).SerializeToString() + _field(9, pair) + later
    scope = _field(1, _field(1, b"test") + later) + _field(2, raw) + later
    body = _field(1, _field(1, later) + _field(2, scope) + later) + later
    sifted = sift(body)
    [found] = [decode(usage, OPEN) for usage in sifted.spans]
    assert isinstance(found, Claim)
    assert found.usage == {"input_tokens": 100, "output_tokens": 20}
    assert (sifted.rejected, sifted.remarks.total()) == (0, 0)


def test_a_schema_nobody_knows_is_no_obstacle() -> None:
    """C85: what a span says is read by its attributes; the scope that made it is kept with the claim."""
    body = ExportTraceServiceRequest.FromString(request(span(chat()), scope="my.instrumentation"))
    body.resource_spans[0].schema_url = "https://example.com/schemas/99.0.0"
    body.resource_spans[0].scope_spans[0].schema_url = "not a URL"
    sifted = sift(body.SerializeToString())
    [found] = [decode(usage, OPEN) for usage in sifted.spans]
    assert isinstance(found, Claim)
    assert (found.call.emitter, sifted.rejected, sifted.remarks.total()) == ("my.instrumentation", 0, 0)


def test_the_same_request_a_hundred_times_is_charged_once(store: Store, tmp_path: Path) -> None:
    """C83: senders repeat what they were not sure of. 100 * 0.00000015 + 20 * 0.0000006 = 0.000027 USD."""
    desk = Desk(store, tmp_path)
    for _ in range(100):
        desk.receive(request(span(chat())))
    counts = desk.post()
    assert (counts["accepted"], counts["charged"], counts["duplicates"]) == (100, 1, 99)
    assert desk.sums() == (1, 100, 20, "0.000027")
    desk.writer.close()


def test_dropped_attributes_and_swapped_times_are_shown_in_the_ledger(store: Store, tmp_path: Path) -> None:
    """C84, C86: charged by what is there, and never called exact; an end before its start is no duration."""
    dropped, swapped = span(chat(), span_id=1, trace_id=1), span(chat(), span_id=2, trace_id=2)
    dropped.dropped_attributes_count = 1
    swapped.end_time_unix_nano = swapped.start_time_unix_nano - 5
    desk = Desk(store, tmp_path)
    desk.post(request(dropped, swapped))
    rows = store.query("SELECT span_id, quality, duration_ms FROM ledger_events FINAL ORDER BY span_id")
    assert [tuple(row) for row in rows] == [(f"{1:016x}", "inferred", 1000), (f"{2:016x}", "exact", 0)]
    assert store.query(SUMS)[0][:3] == (2, 200, 40)
    desk.writer.close()


def _field(number: int, payload: bytes) -> bytes:
    """A field of bytes."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])
