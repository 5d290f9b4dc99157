"""Explicit work, as the ledger reads it."""

from support.decoding import claim_of, decoded

from spanledger.exporter.decode import Quarantined
from spanledger.schemas import attributes as a

WORK = {a.LEDGER_UNITS: 800, a.LEDGER_SERVICE: "openai", a.LEDGER_OPERATION: "chat"}


def test_a_part_is_all_there_is_of_its_whole() -> None:
    """Each kind of token is work of its own: 800 from cache are 800 of input, and a predecessor's name is known."""
    made = claim_of({**WORK, a.LEDGER_UNIT_TYPE: "input_cached_tokens"}, scope="ours")
    assert made.usage == {"cache_read_tokens": 800, "input_tokens": 800}
    made = claim_of({**WORK, a.LEDGER_UNIT_TYPE: "cache_write_1h_tokens"}, scope="ours")
    assert made.usage == {"cache_write_1h_tokens": 800, "cache_write_tokens": 800, "input_tokens": 800}
    assert claim_of({**WORK, a.LEDGER_UNIT_TYPE: "characters"}, scope="ours").usage == {"characters": 800}
    assert claim_of(WORK, scope="ours").usage == {"units": 800}


def test_its_own_account_of_the_cost_is_reported() -> None:
    """It stands beside our price, and is no metadata."""
    made = claim_of({**WORK, a.LEDGER_COST: "0.02"}, scope="ours")
    assert (made.reported_cost, made.attribution.metadata) == ("0.02", {})


def test_units_that_are_none_are_set_aside() -> None:
    """What is no whole number is neither zero nor lost."""
    assert isinstance(decoded({**WORK, a.LEDGER_UNITS: "1.5"}, scope="ours"), Quarantined)


def test_agents_above_are_a_path() -> None:
    """Names with a slash stay whole; the conversation may be attributed too."""
    made = claim_of(
        {**WORK, a.LEDGER_AGENT: "b/c", a.LEDGER_AGENT_PATH: "a/b%2Fc", a.LEDGER_CONVERSATION_ID: "c-1"}, scope="ours"
    )
    assert made.attribution.agent_path == ("a", "b/c")
    assert (made.attribution.agent, made.attribution.conversation_id) == ("b/c", "c-1")
