from collections import Counter

import msgspec
from support.settling import SECOND_NS, claim, net, settle, standing

from spanledger.exporter.settle import Charge, Settler, charge_of, posted_of
from spanledger.schemas.claim import Attribution


def test_one_response_id_is_one_charge_across_traces() -> None:
    """The client's span and the gateway's, in two traces."""
    settlement = settle([claim(1, response_id="r"), claim(2, response_id="r", trace=2)])
    assert net(settlement) == {("requests", ""): 1, ("acme", "input_tokens"): 100, ("acme", "output_tokens"): 20}
    assert {rule for _, _, rule in settlement.rulings} == {"response_id"}
    assert settlement.counts == Counter({"charged": 1, "merged": 1})


def test_response_ids_never_match_across_scopes() -> None:
    """Two customers may well see the same id."""
    settlement = settle([claim(1, response_id="r", scope="acme"), claim(1, response_id="r", scope="globex")])
    assert len(settlement.charges) == 2


def test_calls_without_an_id_are_charges_of_their_own() -> None:
    """Two sibling calls that used the same are two calls."""
    assert net(settle([claim(1), claim(2, seconds=(11, 12))]))["requests", ""] == 2


def test_a_redelivered_claim_is_a_duplicate() -> None:
    """At any time, in any batch."""
    settler = Settler()
    first = settler.settle([standing(claim(1))], 0)
    again = settler.settle([standing(claim(1)), standing(claim(1))], SECOND_NS)
    assert (len(first.charges), again.charges, again.rulings, again.counts) == (1, [], [], {"duplicates": 2})


def test_the_fullest_of_two_versions_of_a_span_speaks() -> None:
    """Both are kept; one is a conflict."""
    settlement = settle([claim(1, usage={"input_tokens": 100}), claim(1)])
    assert net(settlement) == {("requests", ""): 1, ("acme", "input_tokens"): 100, ("acme", "output_tokens"): 20}
    assert settlement.counts == Counter({"charged": 1, "conflicts": 1})


def test_a_rollup_above_a_charge_is_evidence() -> None:
    """An agent's sum over its two calls is not charged again."""
    agent = claim(1, role="rollup", usage={"input_tokens": 200, "output_tokens": 40}, seconds=(0, 30))
    settlement = settle([claim(2, seconds=(1, 5)), claim(3, seconds=(6, 9)), agent])
    assert net(settlement)["acme", "input_tokens"] == 200
    assert settlement.counts == Counter({"charged": 2, "rolled_up": 1, "pending": 0})


def test_a_rollup_alone_waits_for_its_window_and_then_is_charged() -> None:
    """The calls below it were sampled away: the agent is the only evidence."""
    settler = Settler()
    waiting = settler.settle([standing(claim(1, role="rollup"), 20)], 20 * SECOND_NS)
    assert (waiting.charges, waiting.counts) == ([], {"pending": 1})
    early = settler.settle([], 79 * SECOND_NS)
    assert early.charges == []
    late = settler.settle([], 80 * SECOND_NS)
    assert [(charge.quality, charge.claim.usage["input_tokens"]) for charge in late.charges] == [("aggregate", 100)]


def test_a_call_that_arrives_late_takes_an_aggregate_back() -> None:
    """Reversal and new charge, never an update."""
    settler = Settler()
    first = settler.settle([standing(claim(1, role="rollup", seconds=(0, 30)))], 0, close=True)
    second = settler.settle([standing(claim(2, seconds=(1, 5), usage={"input_tokens": 90}))], SECOND_NS)
    assert second.withdrawn == [charge.charge_id for charge in first.charges]
    assert net(first, second) == {("requests", ""): 1, ("acme", "input_tokens"): 90}


def test_of_nested_rollups_the_innermost_is_charged() -> None:
    """A workflow repeats its agent's sum."""
    workflow = claim(1, role="rollup", seconds=(0, 30))
    settlement = settle([workflow, claim(2, role="rollup", seconds=(1, 29))])
    assert [charge.claim.span_id[-1] for charge in settlement.charges] == ["2"]


def test_an_error_without_usage_is_an_attempt() -> None:
    """And becomes a charge when another claim of the same response states what it used."""
    settler = Settler()
    first = settler.settle([standing(claim(1, response_id="r", usage={}, error=True))], 0)
    assert ([charge.kind for charge in first.charges], first.counts) == (["attempt"], Counter({"attempts": 1}))
    second = settler.settle([standing(claim(2, response_id="r"))], 0)
    assert net(first, second)["acme", "input_tokens"] == 100
    first.counts.update(second.counts)
    assert first.counts == Counter({"charged": 1, "merged": 1})


def test_identity_is_the_outermost_and_usage_the_most_precise() -> None:
    """A wrapper that knows the user around a native span that knows the cache."""
    outer = msgspec.structs.replace(
        claim(1, response_id="r", usage={"input_tokens": 100}, seconds=(0, 10), tenant="unattributed"),
        attribution=Attribution(tenant="unattributed", user_id="u1", agent="planner"),
    )
    inner = claim(2, response_id="r", usage={"input_tokens": 100, "cache_read_tokens": 60}, seconds=(1, 9), parent=1)
    (charge,) = settle([inner, outer]).charges
    assert charge.claim.usage == {"input_tokens": 100, "cache_read_tokens": 60}
    assert charge.claim.span_id == outer.span_id
    assert charge.claim.attribution == Attribution(tenant="acme", service_name="shop", user_id="u1", agent="planner")


def test_what_left_memory_settles_as_if_it_had_never_left() -> None:
    """A second claim of a charge arrives after a restart: only what is recalled is known."""
    before = Settler().settle([standing(claim(1, response_id="r", usage={"input_tokens": 100}))], 0)
    settler = Settler()
    settler.learn(before.rulings, {charge.charge_id: posted_of(charge) for charge in before.charges})
    after = settler.settle([standing(claim(2, response_id="r"))], SECOND_NS)
    assert net(before, after) == {("requests", ""): 1, ("acme", "input_tokens"): 100, ("acme", "output_tokens"): 20}
    before.counts.update(after.counts)
    assert before.counts == Counter({"charged": 1, "merged": 1})


def test_a_claim_whose_event_was_never_posted_is_charged_when_it_comes_again() -> None:
    """A crash between the two inserts: the claim is stored, its charge is not."""
    lost = Settler().settle([standing(claim(1))], 0)
    settler = Settler()
    settler.learn(lost.rulings, {})
    again = settler.settle([standing(claim(1))], SECOND_NS)
    assert [charge.charge_id for charge in again.charges] == [lost.charges[0].charge_id]


def test_memory_is_bounded_and_forgets_whole_units() -> None:
    """Two traces share a response: both go."""
    settler = Settler(claims_max=2)
    settler.settle([standing(claim(1, response_id="r")), standing(claim(2, response_id="r", trace=2))], 0)
    settler.settle([standing(claim(3, trace=3))], 0)
    unknown = settler.unknown([standing(claim(1, response_id="r")), standing(claim(3, trace=3))])
    assert (len(unknown.traces), len(unknown.responses)) == (1, 1)


def test_memory_is_bounded_by_what_claims_say_too() -> None:
    """A sender that fills every text pushes out older traces and never the memory; what is forgotten is recalled."""
    large = [standing(claim(number, trace=number, tenant="t" * 10_000)) for number in (1, 2, 3)]
    settler = Settler(bytes_max=25_000)
    for each in large:
        settler.settle([each], 0)
    assert [len(settler.unknown([each]).traces) for each in large] == [1, 0, 0]
    settler.drop(settler.unknown(large)._replace(traces={each.trace_key for each in large[1:]}))
    settler.settle([large[0], large[1]], 0)
    assert [len(settler.unknown([each]).traces) for each in large] == [0, 0, 1]


def test_a_charge_does_not_depend_on_the_order_of_its_claims() -> None:
    """The same group, both ways round."""
    group = [standing(claim(1, response_id="r", tenant="unattributed")), standing(claim(2, response_id="r"))]
    assert charge_of(group) == charge_of(group[::-1])
    assert isinstance(charge_of(group), Charge)


def test_a_correction_that_a_crash_cut_off_is_finished_when_its_claims_come_again() -> None:
    """After the reversal, or after the claims too: nothing is charged twice, and nothing is lost."""
    settler, late = Settler(), standing(claim(2, parent=1, emitter="client"))
    first = settler.settle([standing(claim(1, emitter="framework", usage={"input_tokens": 90}))], 0)
    cut_off = settler.settle([late], SECOND_NS)
    for stored in (first.rulings, [*first.rulings, *cut_off.rulings]):
        again = Settler()
        again.learn({ruling[0].claim_id: ruling for ruling in stored}.values(), {})
        assert net(again.settle([late], 2 * SECOND_NS)) == net(first, cut_off)


def test_an_open_event_that_says_something_else_than_its_claims_is_reversed() -> None:
    """Another poster's charge of the same response, from fewer claims."""
    (before,) = settle([claim(1, response_id="r", usage={"input_tokens": 90})]).charges
    settled = settle([claim(1, response_id="r", usage={"input_tokens": 90}), claim(2, response_id="r", trace=2)])
    settler = Settler()
    settler.learn(settled.rulings, {before.charge_id: posted_of(before)})
    repaired = settler.settle([], SECOND_NS)
    assert repaired.withdrawn == [before.charge_id]
    assert [charge.claim.usage for charge in repaired.charges] == [charge.claim.usage for charge in settled.charges]
