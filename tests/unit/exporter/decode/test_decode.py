import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.otlp import NOON_NS, Value, chat, request, span

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import Quarantined, decode
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim

OPEN = Credential("*", "unattributed")


def read(
    attributes: dict[str, Value],
    *,
    credential: Credential = OPEN,
    resource: dict[str, Value] | None = None,
    start_ns: int = NOON_NS,
    end_ns: int = NOON_NS + 10**9,
    error: bool = False,
) -> Claim | Quarantined | None:
    """What the decoder makes of one span."""
    made = span(attributes, start_ns=start_ns, end_ns=end_ns, error=error)
    (usage_span,) = sift(request(made, resource=resource)).spans
    return decode(usage_span, credential)


def claim(attributes: dict[str, Value], **how: object) -> Claim:
    """As `read`, for a span that is a claim."""
    found = read(attributes, **how)  # pyright: ignore[reportArgumentType] (passed through)
    assert isinstance(found, Claim), found
    return found


def test_todays_conventions() -> None:
    """Cache writes under their name of the separate repository; input contains them."""
    found = claim(
        chat(
            gen_ai__usage__input_tokens=3480,
            gen_ai__usage__cache_read__input_tokens=2900,
            gen_ai__usage__cache_write__input_tokens=557,
            gen_ai__usage__reasoning__output_tokens=7,
            gen_ai__response__id="resp_1",
            gen_ai__response__model="gpt-4o-mini-2024-07-18",
        )
    )
    assert found.usage == {
        "input_tokens": 3480,
        "output_tokens": 20,
        "cache_read_tokens": 2900,
        "cache_write_tokens": 557,
        "reasoning_tokens": 7,
    }
    assert (found.call.role, found.inclusivity, found.usage_source) == ("inference", "declared", "provider")
    assert (found.response_id, found.call.response_model, found.call.operation) == (
        "resp_1",
        "gpt-4o-mini-2024-07-18",
        "chat",
    )


def test_conventions_1_40_name_cache_writes_creation() -> None:
    """`cache_creation` and `cache_write` are one quantity under two names."""
    found = claim(chat(gen_ai__usage__cache_creation__input_tokens=30))
    assert found.usage["cache_write_tokens"] == 30


def test_conventions_before_1_27() -> None:
    """`gen_ai.system`, prompt and completion tokens, and no operation at all."""
    found = claim(
        {
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-3-opus",
            "gen_ai.usage.prompt_tokens": 11,
            "gen_ai.usage.completion_tokens": 3,
        }
    )
    assert (found.call.provider, found.usage) == ("anthropic", {"input_tokens": 11, "output_tokens": 3})


def test_two_spellings_of_one_quantity_are_never_added() -> None:
    """An emitter that writes the old and the new name means one number."""
    assert claim(chat(gen_ai__usage__prompt_tokens=100)).usage["input_tokens"] == 100


def test_modalities_are_parts() -> None:
    """Audio and text input partition the input."""
    found = claim(chat(gen_ai__usage__audio__input_tokens=80, gen_ai__usage__text__input_tokens=20))
    assert (found.usage["input_tokens"], found.usage["input_audio_tokens"]) == (100, 80)


def test_input_smaller_than_its_cache_is_exclusive() -> None:
    """23 input tokens cannot contain 2,900 cached ones: the emitter counts Anthropic's way."""
    found = claim(chat(gen_ai__usage__input_tokens=23, gen_ai__usage__cache_read__input_tokens=2900))
    assert (found.usage["input_tokens"], found.inclusivity) == (2923, "inferred")


def test_a_total_tells_which_way_the_emitter_counts() -> None:
    """100 + 60 cached + 20 = 180: the input did not contain the cache."""
    found = claim(chat(gen_ai__usage__cache_read__input_tokens=60, gen_ai__usage__total_tokens=180))
    assert (found.usage["input_tokens"], found.inclusivity) == (160, "inferred")


def test_a_ttl_split_is_the_cache_write() -> None:
    """Anthropic's 5-minute and 1-hour writes add up to the write that was not stated."""
    found = claim(
        chat(
            gen_ai__usage__input_tokens=3028,
            anthropic__usage__cache_creation__ephemeral_5m_input_tokens=2011,
            anthropic__usage__cache_creation__ephemeral_1h_input_tokens=1000,
        )
    )
    assert found.usage["cache_write_tokens"] == 3011


def test_a_part_larger_than_its_whole_is_dropped_and_flagged() -> None:
    """The whole is what a provider bills."""
    found = claim(chat(gen_ai__usage__reasoning__output_tokens=21))
    assert "reasoning_tokens" not in found.usage
    assert found.flags == ("inconsistent",)


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), (5.0, 5), ("5", 5), ("5.0", 5), (0, 0), (10**9, 10**9), ("None", None), ("", None)],
)
def test_counts_that_are_counts(value: Value, number: int | None) -> None:
    """Doubles without a fraction and decimal strings are what some emitters send; "None" is absence."""
    assert claim(chat(gen_ai__usage__input_tokens=value)).usage.get("input_tokens") == number


@pytest.mark.parametrize(
    "value",
    [True, -1, 1.5, float("nan"), float("inf"), 10**9 + 1, -(2**63), "many", "-3", "nan", AnyValue(bytes_value=b"5")],
    ids=str,
)
def test_impossible_counts_are_quarantined(value: Value) -> None:
    """Accepted, set aside with a reason that names the attribute, never zero and never clamped."""
    found = read(chat(gen_ai__usage__output_tokens=value))
    assert isinstance(found, Quarantined)
    assert found.reason.startswith("gen_ai.usage.output_tokens is ")


@pytest.mark.parametrize("times", [(0, 0), (1, 2), (2**63, 2**63 + 1), (2**64 - 1, 2**64 - 1), (NOON_NS, 2**63 - 1)])
def test_impossible_times_are_quarantined(times: tuple[int, int]) -> None:
    """1970 is a clock that was never set, 2262 one that overflowed."""
    assert isinstance(read(chat(), start_ns=times[0], end_ns=times[1]), Quarantined)


def test_a_missing_or_reversed_time_is_flagged() -> None:
    """One time is enough to book by; a negative duration is none (OTLP C84)."""
    assert claim(chat(), end_ns=0).flags == ("time_missing",)
    reversed_times = claim(chat(), end_ns=NOON_NS - 5)
    assert (reversed_times.end_ns, reversed_times.flags) == (NOON_NS, ("duration_clamped",))


def test_a_call_without_usage_is_missing_not_zero() -> None:
    """A stream whose usage was never sent."""
    attributes = chat()
    del attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    found = claim(attributes)
    assert (found.usage, found.usage_source, found.status) == ({}, "missing", "ok")


def test_an_error_keeps_the_usage_it_states() -> None:
    """A failure in mid-stream was billed; one that states zeros was not."""
    failed = claim(chat(error__type="TimeoutError"), error=True)
    assert (failed.status, failed.error_type, failed.usage["output_tokens"]) == ("error", "TimeoutError", 20)
    zeros = claim(chat(gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=0), error=True)
    assert (zeros.usage, zeros.usage_source) == ({}, "missing")


def test_agents_are_rollups() -> None:
    """Their usage repeats their children's."""
    assert claim(chat(gen_ai__operation__name="invoke_agent")).call.role == "rollup"


def test_tools_agents_and_fetches_without_usage_say_nothing() -> None:
    """`fetch_response` carries the id of a response that was billed before."""
    for operation in ("execute_tool", "invoke_agent", "fetch_response"):
        assert read({"gen_ai.operation.name": operation, "gen_ai.response.id": "resp_1"}) is None


def test_an_operation_nobody_knows_is_read_and_flagged() -> None:
    """Usage is usage."""
    assert claim(chat(gen_ai__operation__name="dream")).flags == ("unknown_operation",)


def test_explicit_work() -> None:
    """Any unit of anything, without a model."""
    found = claim(
        {
            "ledger.units": 12,
            "ledger.unit_type": "pages",
            "ledger.service": "ocr",
            "ledger.operation": "scan",
            "ledger.tenant": "acme",
            "ledger.batch": "b-7",
        }
    )
    assert (found.call.role, found.usage, found.usage_source) == ("work", {"pages": 12}, "manual")
    assert (found.call.provider, found.call.operation, found.attribution.metadata) == ("ocr", "scan", {"batch": "b-7"})


def test_the_span_is_attributed_before_its_resource() -> None:
    """`ledger.tenant` on the span, then the resource's, then the credential's default."""
    resource: dict[str, Value] = {"service.name": "shop", "tenant.id": "globex", "deployment.environment.name": "prod"}
    above = claim(chat(), resource=resource).attribution
    assert (above.tenant, above.environment, above.service_name) == ("globex", "prod", "shop")
    own = claim(chat(ledger__tenant="acme", user__id="u1", ledger__user_id="u2"), resource=resource).attribution
    assert (own.tenant, own.environment, own.user_id) == ("acme", "prod", "u2")
    assert claim(chat()).attribution.tenant == "unattributed"


def test_a_tenant_outside_the_credential_is_a_conflict() -> None:
    """Kept, booked to the credential's default, and shown."""
    bound = Credential("acme", "acme")
    found = claim(chat(ledger__tenant="globex"), credential=bound)
    assert (found.attribution.tenant, found.flags) == ("acme", ("tenant_conflict",))
    assert found.attribution.metadata == {"claimed_tenant": "globex"}
    assert claim(chat(), credential=bound).flags == ()


def test_a_stated_cost_is_kept_exactly() -> None:
    """As text; zero is what emitters write when they found no price."""
    assert claim(chat(gen_ai__usage__cost=0.1)).reported_cost == "0.1"
    for nothing in (0.0, "free", float("nan")):
        assert claim(chat(gen_ai__usage__cost=nothing)).reported_cost == ""
