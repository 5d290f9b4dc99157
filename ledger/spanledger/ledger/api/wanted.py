"""The parameters that several questions have, and their check: one meaning of a filter and a time on every path."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from spanledger.ledger.api.asking import KEYS
from spanledger.ledger.api.confining import check_words
from spanledger.ledger.api.route import Context
from spanledger.ledger.api.times import check_stated
from spanledger.ledger.api.wire import ROWS_DEFAULT, ROWS_MAX
from spanledger.ledger.queries import DIMENSIONS
from spanledger.ledger.queries.dimensions import WORDS

Where = Annotated[
    dict[str, tuple[str, ...]],
    msgspec.Meta(description="Only events with this value, or one of these", extra={KEYS: WORDS}),
]
Since = Annotated[str, msgspec.Meta(description="booked_time, included; with an offset; from the first unless given")]
Until = Annotated[str, msgspec.Meta(description="booked_time, excluded; with an offset; to the last unless given")]
Zone = Annotated[str, msgspec.Meta(description="The IANA zone whose hours, days, weeks and months are meant")]
Cursor = Annotated[str, msgspec.Meta(description="next_cursor of the page before")]
Dimensions = Annotated[tuple[str, ...], msgspec.Meta(extra_json_schema={"items": {"enum": [*DIMENSIONS]}})]
Rows = Annotated[int, msgspec.Meta(ge=1, le=ROWS_MAX)]


class Filtered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter and the zone of its days."""

    where: Where = {}
    tz: Zone = "UTC"


class Bounded(Filtered, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter and a time."""

    since: Since = ""
    until: Until = ""


class Paged(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A filter, a time, and the size and place of a page."""

    limit: Rows = ROWS_DEFAULT
    cursor: Cursor = ""


def filtered(context: Context, asked: Filtered, by: Iterable[str] = ()) -> Mapping[str, Any]:
    """The filter, the zone and whose part of the ledger it is, as queries take them. Raises `ConfigurationError`."""
    check_words(context.tenants, (*by, *asked.where))
    return {"where": asked.where, "tz": asked.tz, "tenants": context.tenants}


def bounded(context: Context, asked: Bounded, by: Iterable[str] = ()) -> Mapping[str, Any]:
    """The same with the bounds of the time."""
    check_stated(since=asked.since, until=asked.until)
    return {**filtered(context, asked, by), "since": asked.since or None, "until": asked.until or None}
