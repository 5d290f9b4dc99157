from collections import Counter

from spanledger.ledger.demo.calls import DAY, EVENTS, TENANTS, agent_totals, calls
from spanledger.ledger.demo.sending import spans_of
from spanledger.schemas import attributes as a


def test_there_are_fifty_calls_of_three_services_for_three_tenants() -> None:
    """What the command promises."""
    made = calls()
    assert len(made) == EVENTS == 50
    assert {call.service for call in made} == {"support-chat", "document-search", "report-writer"}
    assert {call.attributes[a.LEDGER_TENANT] for call in made} == set(TENANTS)


def test_the_calls_show_what_is_hard_to_count() -> None:
    """Cached and reasoning tokens, an embedding, a failure, a model without a price, and work that is no model call."""
    made = calls()
    stated = Counter(key for call in made for key in call.attributes)
    assert stated[a.USAGE_CACHE_READ] == 23
    assert stated[a.USAGE_CACHE_WRITE] == 9
    assert stated[a.USAGE_REASONING] == 4
    assert stated[a.LEDGER_UNITS] == 2
    assert sum(call.attributes.get(a.OPERATION_NAME) == "embeddings" for call in made) == 10
    assert [call.error_type for call in made if call.error_type] == ["overloaded_error"]


def test_sending_again_sends_the_same_bytes() -> None:
    """Ids and times are fixed, so a second run is a redelivery."""
    own = [call for call in calls() if call.service == "support-chat"]
    first, second = (
        [
            (s.name, s.context, s.parent, s.start_time, s.end_time, dict(s.attributes or {}))
            for s in spans_of("x", own, 1)
        ]
        for _ in range(2)
    )
    assert first == second
    assert len({context.span_id for _, context, *_ in first if context}) == len(own) + 1


def test_an_agent_repeats_what_its_calls_used() -> None:
    """Its span is the sum of the four below it: counting it as well would double the bill."""
    below = [call for call in calls() if call.agent]
    totals = agent_totals(below)
    assert len(below) == 4
    assert totals[a.USAGE_INPUT_TOKENS] == sum(int(call.attributes[a.USAGE_INPUT_TOKENS]) for call in below)
    assert len({call.attributes[a.LEDGER_TENANT] for call in below}) == 1


def test_every_call_is_on_the_day_that_is_reported() -> None:
    """The report's bounds hold all fifty."""
    day_ns = 1_793_577_600 * 10**9
    assert DAY == "2026-11-02"
    assert all(day_ns <= call.start_ns <= call.end_ns < day_ns + 86_400 * 10**9 for call in calls())
