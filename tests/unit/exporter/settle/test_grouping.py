import msgspec
import pytest
from support.settling import SECOND_NS, claim, net, settle, standing

from spanledger.exporter.settle import Settlement, Settler, memory
from spanledger.schemas.claim import Claim


def rules(*claims: Claim) -> dict[int, str]:
    """Span → the rule its claim ended with."""
    return {int(standing.claim.span_id, 16): rule for standing, _, rule in settle(claims).rulings}


def tokens(settlement: Settlement) -> int:
    """Input tokens that are charged."""
    return tokens_of(settlement)


def tokens_of(*settlements: Settlement) -> int:
    """Input tokens that are charged in the end."""
    return net(*settlements)["acme", "input_tokens"]


def test_a_wrapper_without_an_id_around_one_call_is_that_call() -> None:
    """The framework's span and the client's inside it."""
    outer = claim(1, emitter="framework", seconds=(0, 10))
    inner = claim(2, parent=1, response_id="r", seconds=(1, 9))
    assert tokens(settle([outer, inner])) == 100
    assert rules(outer, inner) == {1: "nested", 2: "nested"}


def test_nested_calls_with_two_ids_are_two_calls() -> None:
    """A tool that itself asks a model."""
    assert tokens(settle([claim(1, response_id="a"), claim(2, parent=1, response_id="b", seconds=(1, 2))])) == 200


def test_a_call_without_an_id_above_several_calls_repeats_them() -> None:
    """An emitter that marks its agent as a call."""
    outer = claim(1, usage={"input_tokens": 200, "output_tokens": 40}, emitter="framework")
    inner = [claim(2, parent=1, seconds=(1, 4)), claim(3, parent=1, seconds=(5, 9))]
    assert tokens(settle([outer, *inner])) == 200
    assert rules(outer, *inner)[1] == "rolled_up"


def test_a_failed_try_below_a_call_is_no_second_call() -> None:
    """The client retried inside the framework's span."""
    outer = claim(1, emitter="framework")
    settlement = settle([outer, claim(2, parent=1, usage={}, error=True, seconds=(1, 2)), claim(3, parent=1)])
    assert tokens(settlement) == 100
    assert sorted(charge.kind for charge in settlement.charges) == ["attempt", "charge"]


def test_three_layers_are_one_call_unless_their_ids_differ() -> None:
    """Framework around wrapper around client; a middle without id joins only one of two ids."""
    layers = [claim(1, emitter="a"), claim(2, parent=1, emitter="b"), claim(3, parent=2, response_id="r")]
    assert tokens(settle(layers)) == 100
    apart = [claim(1, response_id="x"), claim(2, parent=1, emitter="b"), claim(3, parent=2, response_id="y")]
    assert tokens(settle(apart)) == 200


def test_containment_and_equal_usage_stand_in_for_a_lost_link() -> None:
    """The spans between were not kept; an emitter does not nest its own spans unlinked."""
    inner = claim(2, parent=77, response_id="r", seconds=(1, 9))
    assert tokens(settle([claim(1, emitter="framework"), inner])) == 100
    assert tokens(settle([claim(1), inner])) == 200


def test_cycles_of_parents_end() -> None:
    """Each inside the other, and one inside itself."""
    assert tokens(settle([claim(1, parent=2), claim(2, parent=1, emitter="b")])) == 100
    assert tokens(settle([claim(1, parent=1)])) == 100


def test_two_tellers_of_one_call_in_two_traces_are_probably_one() -> None:
    """A callback that is not the current context: the client's span starts a trace of its own."""
    callback = claim(1, emitter="framework", trace=1, seconds=(0, 10))
    client = claim(2, response_id="r", trace=2, seconds=(1, 9), usage={"input_tokens": 100, "output_tokens": 22})
    settlement = settle([callback, client])
    assert tokens(settlement) == 100
    assert [charge.quality for charge in settlement.charges] == ["probable"]


def test_what_tells_two_calls_apart() -> None:
    """Other input, other service, other time, far other output, two ids, one teller, another scope."""
    callback = claim(1, emitter="framework", trace=1)
    for other in (
        claim(2, trace=2, usage={"input_tokens": 101, "output_tokens": 20}),
        claim(2, trace=2, service="other"),
        claim(2, trace=2, seconds=(11, 12)),
        claim(2, trace=2, usage={"input_tokens": 100, "output_tokens": 37}),
        claim(2, trace=2, emitter="framework"),
    ):
        assert len(settle([callback, other]).charges) == 2
    ids = [claim(1, emitter="framework", trace=1, response_id="a"), claim(2, trace=2, response_id="b")]
    assert len(settle(ids).charges) == 2
    assert len(settle([callback, claim(2, trace=2, scope="another")]).charges) == 2


def test_likes_are_matched_one_to_one_by_closeness() -> None:
    """Two equal calls at once, each told twice: two calls, not one and not four."""
    told = [
        claim(1, emitter="framework", trace=1, seconds=(0, 10)),
        claim(2, emitter="framework", trace=2, seconds=(3, 13)),
    ]
    calls = [claim(3, trace=3, response_id="a", seconds=(0, 10)), claim(4, trace=4, response_id="b", seconds=(3, 13))]
    settlement = settle([*told, *calls])
    assert tokens(settlement) == 200
    pairs = {charge.claim.response_id: charge.claim.start_ns // SECOND_NS for charge in settlement.charges}
    assert pairs == {"a": 0, "b": 3}


def test_a_log_of_a_call_is_the_call_of_its_span() -> None:
    """The record was emitted inside the span, and says the same."""
    span, log = claim(1, emitter="client"), claim(2, parent=1, signal="logs", emitter="events")
    assert tokens(settle([span, log])) == 100


def test_a_second_teller_that_arrives_later_corrects_what_was_charged() -> None:
    """Reversal and new charge: inference never waits."""
    settler = Settler()
    first = settler.settle([standing(claim(1, emitter="framework", trace=1))], 0)
    second = settler.settle([standing(claim(2, trace=2, response_id="r"))], SECOND_NS)
    assert second.withdrawn == [charge.charge_id for charge in first.charges]
    assert tokens_of(first, second) == 100


def test_parts_that_only_one_teller_splits_are_kept() -> None:
    """The framework knows the cache, the client the reasoning; both agree on the whole."""
    outer = claim(1, emitter="framework", usage={"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 60})
    inner = claim(2, parent=1, usage={"input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 5}, seconds=(1, 2))
    (charge,) = settle([outer, inner]).charges
    assert charge.claim.usage == {
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_tokens": 60,
        "reasoning_tokens": 5,
    }


def test_a_stream_told_in_two_spans_is_one_call_around_its_client() -> None:
    """The opening states nothing and ends early; the end states the usage; the client's span has the id."""
    opening = _logged(claim(1, emitter="logger", usage={}, seconds=(0, 1)))
    client = claim(2, parent=1, response_id="r", seconds=(0, 9))
    end = _logged(claim(3, emitter="logger", trace=2, seconds=(2, 10)), "continuation")
    assert tokens(settle([opening, client, end])) == 100
    assert net(settle([opening, end]))["requests", ""] == 1
    other = _logged(claim(4, emitter="logger", trace=3, seconds=(12, 14)), "continuation")
    assert tokens(settle([opening, end, other])) == 200


def _logged(made: Claim, *flags: str) -> Claim:
    return msgspec.structs.replace(made, flags=flags, call=msgspec.structs.replace(made.call, dialect="logfire"))


def test_a_call_that_failed_while_it_answered_is_no_mere_try() -> None:
    """Something was used, and nobody says how much."""
    failed = claim(1, usage={}, error=True, response_id="r")
    assert [charge.kind for charge in settle([failed]).charges] == ["attempt"]
    begun = msgspec.structs.replace(failed, flags=("interrupted",))
    (charge,) = settle([begun]).charges
    assert (charge.kind, charge.claim.usage_source) == ("charge", "missing")


def test_a_crowd_of_equal_calls_is_matched_one_to_one() -> None:
    """Two hundred equal calls that overlap, each told by two emitters in traces of their own."""
    told = [
        claim(each, emitter=emitter, trace=each + offset, seconds=(each, each + 300))
        for emitter, offset in (("framework", 0), ("client", 1_000))
        for each in range(1, 201)
    ]
    assert net(settle(told))["requests", ""] == 200


def test_a_long_chain_of_wrappers_is_one_call_and_of_rollups_one_aggregate() -> None:
    """Depth costs no more than number."""
    assert tokens(settle([claim(each, parent=each - 1) for each in range(1, 2_001)])) == 100
    rollups = [claim(each, parent=each - 1, role="rollup", seconds=(0, 9_000 - each)) for each in range(1, 2_001)]
    assert tokens(settle(rollups)) == 100


def test_explicit_work_inside_a_call_is_work_of_its_own() -> None:
    """A tool that reads pages while a model is asked: the pages are charged beside the tokens, agent or not."""
    asked = claim(1, emitter="framework")
    pages = claim(2, parent=1, role="work", usage={"pages": 3}, seconds=(1, 2))
    assert net(settle([asked, pages])) == net(settle([asked])) + net(settle([pages]))
    agent = claim(1, role="rollup")
    assert net(settle([agent, pages])) == net(settle([agent])) + net(settle([pages]))


def test_services_beyond_those_that_are_remembered_are_settled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that makes up names of services costs itself a look, and nobody memory or a second charge."""
    monkeypatch.setattr(memory, "SERVICES_MAX", 1)
    remembered = memory.Memory()
    first, second = (standing(claim(span, trace=span, service=f"shop {span}")) for span in (1, 2))
    assert not remembered.unknown([first]).likenesses
    assert remembered.unknown([second]).likenesses
    assert not remembered.unknown([first]).likenesses

    settler = Settler()
    settlements = [settler.settle([standing(claim(9, trace=9, service="shop 9"))], 0)]
    for emitter, response_id, span in (("framework", "", 1), ("client", "r", 2)):
        told = claim(span, trace=span, emitter=emitter, response_id=response_id)
        settlements.append(settler.settle([standing(told)], span * SECOND_NS))
    assert tokens_of(*settlements) == 200


@pytest.mark.parametrize("services", [0, 2, 100])
def test_made_up_services_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch, services: int) -> None:
    """Beyond a bound likes are looked for in every service: slower, and the same answer, whenever it is reached."""
    monkeypatch.setattr(memory, "SERVICES_MAX", services)
    settler = Settler()
    callback = claim(1, emitter="framework", trace=1, seconds=(0, 10))
    made_up = [claim(number, trace=number, service=f"made-up-{number}") for number in range(10, 20)]
    client = claim(2, response_id="r", trace=2, seconds=(1, 9))
    batches = ([callback], made_up, [client])
    settled = [settler.settle(map(standing, batch), 20 * SECOND_NS) for batch in batches]
    assert net(*settled)["acme", "input_tokens"] == 1100
    kept = memory.Memory()
    for number in range(200):
        kept.tell(("*", f"made-up-{number}"), ("traces", "client"))
        assert kept.services <= services
