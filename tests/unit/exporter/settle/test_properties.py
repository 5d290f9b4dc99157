"""Settlement is a pure function of the claim set: how claims come changes how much is corrected, and no sum."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.settling import SECOND_NS, Ledger, claim, net, settle, standing

from spanledger.exporter.settle import NO_CHARGE, Settlement, Settler
from spanledger.schemas.claim import Claim, Role


@st.composite
def worlds(draw: st.DrawFn) -> list[Claim]:
    """Calls, calls told twice (by id, nested, unlinked), roll-ups, attempts, logs: a few traces of a few spans."""
    claims: list[Claim] = []
    for span in range(1, draw(st.integers(1, 9)) + 1):
        start = draw(st.integers(0, 20))
        role: Role = draw(st.sampled_from(["inference", "inference", "rollup"]))
        usage = {"input_tokens": draw(st.integers(1, 2)), "output_tokens": draw(st.sampled_from([0, 1, 40]))}
        error = draw(st.booleans()) and draw(st.booleans())
        made = claim(
            draw(st.sampled_from([span, span, max(span - 1, 1)])),
            trace=draw(st.integers(0, 2)),
            response_id=draw(st.sampled_from(["", "", "r1", "r2"])),
            role=role,
            usage={} if error else usage,
            seconds=(start, start + draw(st.integers(1, 15))),
            parent=draw(st.integers(0, 9)),
            emitter=draw(st.sampled_from(["client", "framework"])),
            service=draw(st.sampled_from(["shop", "shop", ""])),
            signal=draw(st.sampled_from(["traces", "traces", "logs"])),
            error=error,
        )
        if draw(st.integers(0, 5)) == 0:
            flags = ("continuation",) if made.usage else ()
            made = msgspec.structs.replace(
                made, flags=flags, call=msgspec.structs.replace(made.call, dialect="logfire")
            )
        claims.append(made)
    return claims


@settings(max_examples=2_000, deadline=None)
@given(world=worlds(), data=st.data())
def test_order_batching_and_redelivery_never_change_a_net_sum(world: list[Claim], data: st.DataObject) -> None:
    """Nor does a restart between two batches, with nothing but the store to go by."""
    expected = net(settle(world))
    settler, settlements, ledger = Settler(), list[Settlement](), Ledger()
    arrivals = data.draw(st.permutations(world + data.draw(st.lists(st.sampled_from(world), max_size=4))))
    now, sent = 0, len(arrivals)
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        now += data.draw(st.sampled_from([1, 30, 90]))
        settlements.append(settler.settle([standing(each, now) for each in batch], now * SECOND_NS))
        ledger.post(settlements[-1])
        if data.draw(st.booleans()):
            settler = Settler()
            settler.learn(ledger.rulings.values(), ledger.opened)
    settlements.append(settler.settle([], now * SECOND_NS, close=True))
    ledger.post(settlements[-1])
    assert net(*settlements) == expected
    counts: Counter[str] = Counter()
    for settlement in settlements:
        counts.update(settlement.counts)
    assert sum(counts.values()) == sent
    assert counts["pending"] == 0
    charged = {charge_id for _, charge_id, _ in ledger.rulings.values()} - {NO_CHARGE}
    assert charged == ledger.opened.keys()


@settings(max_examples=500, deadline=None)
@given(world=worlds(), data=st.data())
def test_two_receivers_converge(world: list[Claim], data: st.DataObject) -> None:
    """Each settles its share against what the other stored; the last to look sets it right."""
    expected = net(settle(world))
    ledger, settlements = Ledger(), list[Settlement]()
    shares = data.draw(st.lists(st.booleans(), min_size=len(world), max_size=len(world)))
    for mine in (True, False, True):
        settler = Settler()
        settler.learn(ledger.rulings.values(), ledger.opened)
        share = [standing(each) for each, own in zip(world, shares, strict=True) if own is mine]
        settlements.append(settler.settle(share, 0))
        ledger.post(settlements[-1])
    settlements.append(settler.settle([], 0, close=True))
    assert net(*settlements) == expected


@settings(max_examples=500, deadline=None)
@given(world=worlds())
def test_no_usage_is_invented(world: list[Claim]) -> None:
    """What is charged is at most what the claims state."""
    stated = sum(each.usage.get("input_tokens", 0) for each in world)
    assert 0 <= sum(number for (_, unit), number in net(settle(world)).items() if unit == "input_tokens") <= stated
