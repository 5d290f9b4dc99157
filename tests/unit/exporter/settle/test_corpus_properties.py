"""The corpus, sent in every way it can be: the sums of a scenario are those of its claims, however they arrive."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.settling import SECOND_NS, Ledger, net, settle, standing

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode import decode
from spanledger.exporter.settle import Settlement, Settler
from spanledger.exporter.sift import sift
from spanledger.schemas.claim import Claim, Signal

CORPUS: Final = Path(__file__).parents[3] / "corpus"
SUFFIXES: Final[tuple[tuple[str, Signal], ...]] = ((".pb", "traces"), (".logs.pb", "logs"))
SCENARIOS: Final = sorted(
    path.relative_to(CORPUS).as_posix().removesuffix(".truth.json") for path in CORPUS.glob("*/*.truth.json")
)
WHOLES: Final = ("input_tokens", "output_tokens")


@cache
def claims(scenario: str) -> tuple[Claim, ...]:
    """Every claim of a scenario, of traces and logs."""
    found: list[Claim] = []
    for suffix, signal in SUFFIXES:
        path = CORPUS / f"{scenario}{suffix}"
        records = sift(path.read_bytes(), signal).spans if path.exists() else []
        read = (decode(record, Credential("*", "acme")) for record in records)
        found += [claim for claim in read if isinstance(claim, Claim)]
    return tuple(found)


@cache
def expected(scenario: str) -> Counter[tuple[str, str]]:
    """What a scenario comes to, sent at once."""
    return net(settle(claims(scenario)))


def tokens(sums: Counter[tuple[str, str]]) -> Counter[str]:
    """Whole tokens, whoever is charged."""
    total: Counter[str] = Counter()
    for (_, unit), number in sums.items():
        if unit in WHOLES:
            total[unit] += number
    return total


@settings(max_examples=2_000, deadline=None)
@given(scenario=st.sampled_from(SCENARIOS), data=st.data())
def test_order_requests_duplicates_and_restarts_change_nothing(scenario: str, data: st.DataObject) -> None:
    """Between two requests the settler may start anew, or be another one: only the store remembers."""
    arrivals = list(data.draw(st.permutations(claims(scenario))))
    arrivals += data.draw(st.lists(st.sampled_from(arrivals), max_size=3)) if arrivals else []
    settler, ledger, posted = Settler(), Ledger(), list[Settlement]()
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        posted.append(settler.settle([standing(each) for each in batch], 20 * SECOND_NS))
        ledger.post(posted[-1])
        if data.draw(st.booleans()):
            settler = Settler()
            settler.learn(ledger.rulings.values(), ledger.opened)
    posted.append(settler.settle([], 20 * SECOND_NS, close=True))
    assert net(*posted) == expected(scenario)


def test_without_parent_links_the_tokens_are_the_same() -> None:
    """A Collector that drops other spans breaks the links between those that are left."""
    changed: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for scenario in SCENARIOS:
        unlinked = [msgspec.structs.replace(claim, parent_span_id="") for claim in claims(scenario)]
        sums = tokens(net(settle(unlinked)))
        if sums != tokens(expected(scenario)):
            changed[scenario] = tokens(expected(scenario)), sums
    assert changed == {}
