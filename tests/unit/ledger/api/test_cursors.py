import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.ledger.api.cursors import cursor_of, place_of
from spanledger.schemas import ConfigurationError


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A question with pages."""

    where: dict[str, str] = {}
    limit: int = 10
    cursor: str = ""


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A place in its answer."""

    event_id: str
    tenant: str


PLACE = Place("00ff", "acme é")


def at(cursor: str, **changes: object) -> Place | None:
    """The place of a question with this cursor."""
    return place_of(Place, msgspec.structs.replace(Wanted(cursor=cursor), **changes))


def test_a_cursor_leads_back_to_its_place() -> None:
    """Whatever the size of the next page."""
    cursor = cursor_of(PLACE, Wanted())
    assert at(cursor) == at(cursor, limit=3) == PLACE
    assert at("") is None
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_is_for_its_own_question() -> None:
    """Another filter has other pages."""
    with pytest.raises(ConfigurationError, match="another question"):
        at(cursor_of(PLACE, Wanted()), where={"tenant": "acme"})


@given(st.text(max_size=60) | st.sampled_from(["AAAA", "AAAAAAAAAAAA", "=", "é", cursor_of(PLACE, Wanted())[:-3]]))
def test_a_broken_cursor_is_one_sentence(text: str) -> None:
    """Nothing that a stranger writes is a place."""
    if text:
        with pytest.raises(ConfigurationError, match="the cursor"):
            at(text)
