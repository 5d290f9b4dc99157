"""Which table answers: the one of fewest rows that has every word of a question, else the events."""

import pytest

from spanledger.ledger.queries import ask
from spanledger.ledger.queries.sources import Standing, source_in

THIN, WIDE = "ledger_daily", "ledger_daily_features"
STANDING = Standing("UTC", (), adjusted=False)


@pytest.mark.parametrize(
    ("by", "where", "table"),
    [
        ("", {}, THIN),
        ("tenant,model", {"team": "search"}, THIN),
        ("project", {"cost_center": "42"}, THIN),
        ("feature", {}, WIDE),
        ("day,agent", {}, WIDE),
        ("feature,model", {"team": "search"}, WIDE),
        ("month", {"feature": "chat"}, WIDE),
        ("tenant", {"agent": ("planner", "writer"), "environment": "production"}, WIDE),
        ("feature", {"project": "x"}, None),
        ("project", {"agent": "planner"}, None),
        ("user_id", {}, None),
        ("feature,model", {"user_id": "u-1"}, None),
        ("hour,feature", {}, None),
    ],
)
def test_the_thinnest_table_that_has_every_word_is_read(
    by: str, where: dict[str, str | tuple[str, ...]], table: str | None
) -> None:
    """A question's dimensions and filters decide together; a measure that no sum tells is of the events."""
    source = source_in(STANDING, ask(by, where=where, measures="requests,cost"))
    assert (source.days is not None, source.table) == (table is not None, table or "")
    of_events = source_in(STANDING, ask(by, where=where, measures="revenue"))
    assert (of_events.days, of_events.events) == (None, ((None, None),))
