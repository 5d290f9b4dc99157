"""OTLP/JSON up to what is charged: numbers that are counts, and those that never are."""

import json

import pytest

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.otlpjson import json_to_protobuf
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

START_NS = 1_544_712_660_000_000_000


def read(count: object, start: object = str(START_NS)) -> Claim | Quarantined | None:
    """What a span of OTLP/JSON is decoded to that states these input tokens and this start."""
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.usage.input_tokens", "value": count},
    ]
    ids = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174"}
    made = {**ids, "startTimeUnixNano": start, "endTimeUnixNano": str(START_NS + 5), "attributes": attributes}
    body, rejected = json_to_protobuf(
        Signal.TRACES, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]}).encode()
    )
    assert rejected == []
    [usage] = sift(body).spans
    return decode(usage, Credential("*", "acme"))


@pytest.mark.parametrize("stated", [{"intValue": 7}, {"intValue": "7"}, {"doubleValue": 7}, {"doubleValue": 7.0}])
def test_a_count_in_any_spelling_of_json_is_the_same_count(stated: dict[str, object]) -> None:
    """C68: text or number, whole or with a fraction of nothing."""
    found = read(stated)
    assert isinstance(found, Claim)
    assert found.usage == {"input_tokens": 7}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_never_a_count(text: str) -> None:
    """C72: legal as a double, impossible as tokens: set aside with its reason, neither zero nor refused."""
    found = read({"doubleValue": text})
    assert isinstance(found, Quarantined)
    assert found.reason == "gen_ai.usage.input_tokens is a fraction, NaN or infinite"


@pytest.mark.parametrize("start", [str(START_NS), START_NS, 1.54471266e18])
def test_a_time_is_text_a_whole_number_or_one_with_an_exponent(start: object) -> None:
    """C68: JavaScript writes large numbers with an exponent."""
    found = read({"intValue": 7}, start)
    assert isinstance(found, Claim)
    assert found.start_ns == START_NS
