from contextlib import suppress
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.ledger.api.asking import KEYS, PARAMETERS_MAX, asked_of_body, asked_of_query
from spanledger.schemas import ConfigurationError


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question with a field of every shape."""

    by: tuple[str, ...] = ()
    where: Annotated[dict[str, tuple[str, ...]], msgspec.Meta(extra={KEYS: ("tenant", "user_id")})] = {}
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10
    newest: bool = False
    name: str = ""


def test_every_shape_of_a_parameter_is_read() -> None:
    """Commas part the values of a list; the values of a filter are taken as they are."""
    asked = asked_of_query(
        Wanted, b"by=tenant,model&by=day&where.tenant=a,b&where.tenant=c&limit=3&newest=true&name=%C3%A9+%26"
    )
    assert asked == Wanted(
        by=("tenant", "model", "day"), where={"tenant": ("a,b", "c")}, limit=3, newest=True, name="é &"
    )
    assert asked_of_query(Wanted, b"") == Wanted()
    assert asked_of_query(Wanted, b"name=null") == Wanted(name="null")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (b"nmae=1", "nmae is no parameter here: there can be by, where.NAME, limit, newest, name"),
        (b"where=1", "where is no parameter here"),
        (b"where.model=1", "where.model is no parameter: after where. there can be tenant, user_id"),
        (b"where.=1", "where. is no parameter"),
        (b"by.x=1", "by.x is no parameter here"),
        (b"limit=1&limit=2", "limit stands twice: it takes one value"),
        (b"limit=many", "`$.limit`"),
        (b"limit=0", "`int` >= 1"),
        (b"limit=", "`$.limit`"),
        (b"newest=perhaps", "`$.newest`"),
        (b"name", "NAME=VALUE"),
        (b"name=%ff", "percent-encoded UTF-8"),
        (b"name=\xc3\xa9", "percent-encoded UTF-8"),
        (b"&".join([b"by=a"] * (PARAMETERS_MAX + 1)), f"at most {PARAMETERS_MAX} parameters"),
        (b"name=" + b"a" * 1_025, "name is longer than 1024 characters"),
        (b"a%0ab=1", "a\\nb is no parameter"),
    ],
)
def test_what_is_wrong_with_a_query_is_one_sentence(query: bytes, sentence: str) -> None:
    """It names the parameter, and what there could be instead."""
    with pytest.raises(ConfigurationError) as refused:
        asked_of_query(Wanted, query)
    assert sentence in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"limit":"3"}', b'{"more":1}', b'{"name":"\xff"}', b"[" * 100_000]
)
def test_a_body_is_read_strictly(body: bytes) -> None:
    """Numbers are numbers, and nothing that nobody knows is passed over."""
    with pytest.raises(ConfigurationError, match="the question cannot be read"):
        asked_of_body(Wanted, body)
    assert asked_of_body(Wanted, b'{"limit":3}') == Wanted(limit=3)


@given(st.binary(max_size=200))
def test_no_query_ends_in_anything_but_a_question_or_a_sentence(query: bytes) -> None:
    """Whatever its bytes are."""
    with suppress(ConfigurationError):
        assert isinstance(asked_of_query(Wanted, query), Wanted)
