"""One call told twice has one time to its first token."""

from itertools import permutations

import pytest
from msgspec.structs import replace
from support.ledger_events import event, rating_of
from support.settling import claim, settle

from spanledger.exporter.posting.book import event_of
from spanledger.schemas.claim import Claim

MS = 10**6
DETAILED = {"input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 5}


def told(span: int, first_ns: int | None, **changes: object) -> Claim:
    """A claim of one response that states when its first token came."""
    return replace(claim(span, response_id="r-1", **changes), time_to_first_token_ns=first_ns)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("claims", "expected_ns"),
    [
        ([told(2, 7 * MS, usage=DETAILED), told(1, 9 * MS)], 7 * MS),
        ([told(1, None, usage=DETAILED), told(2, 0)], 0),
        ([told(1, None), told(2, 3 * MS, seconds=(2, 9)), told(3, 5 * MS, seconds=(1, 9), usage={})], 3 * MS),
        ([told(1, None), told(2, None)], None),
    ],
    ids=["the one whose counts are kept", "whoever says it", "the innermost of the others", "nobody"],
)
def test_the_kept_claim_s_time_wins_else_another_s(claims: list[Claim], expected_ns: int | None) -> None:
    """In any order of arrival."""
    for some in permutations(claims):
        (charge,) = settle(list(some)).charges
        assert charge.claim.time_to_first_token_ns == expected_ns


@pytest.mark.parametrize(("stated_ns", "booked_ms"), [(None, None), (0, 0), (410_999_999, 410)])
def test_the_event_has_whole_milliseconds(stated_ns: int | None, booked_ms: int | None) -> None:
    """As its duration; unknown is not zero."""
    (charge,) = settle([told(1, stated_ns)]).charges
    booked = event_of(charge, rating_of(event(1)))
    assert (booked.duration_ms, booked.time_to_first_token_ms) == (10_000, booked_ms)
