"""The ledger divided into stretches for repricing, and the conditions by which the engine finds what is in one."""

from collections.abc import Mapping
from typing import Final, cast

from spanledger.exporter.posting.repriced import Asked, Stretch
from spanledger.exporter.store import Store

CHARGES_PER_STRETCH: Final = 20_000
"""Some 4 kB each while it is worked on; what a stretch costs beside its charges is a few statements."""

WITHIN: Final = (
    "tenant >= {tenant:String} AND (tenant > {tenant:String} OR event_id >= unhex({first:String}))"
    " AND ({until_tenant:String} = '' OR (tenant <= {until_tenant:String}"
    " AND (tenant < {until_tenant:String} OR event_id < unhex({last:String}))))"
)
"""A stretch, as conditions that the table's key can be searched by."""


def stretches(store: Store, asked: Asked, charges_max: int = CHARGES_PER_STRETCH) -> list[Stretch]:
    """Divide what is asked into pieces of some `charges_max` charges."""
    rows = store.query(
        "SELECT tenant, lower(hex(substring(event_id, 1, 8))), place, total FROM ("  # noqa: S608
        "SELECT tenant, event_id, row_number() OVER (ORDER BY tenant, event_id) AS place,"
        " count() OVER () AS total"
        f" FROM ledger_events WHERE kind = 'charge' AND {conditions(asked)}"
        ") WHERE place % {charges:UInt64} = 1 OR {charges:UInt64} = 1 ORDER BY place",
        {**bounds(asked), "charges": charges_max},
    )
    starts = cast("list[tuple[str, str, int, int]]", rows)
    # Two charges of one tenant and nanosecond are never parted.
    starts = [start for start, before in zip(starts, [None, *starts], strict=False) if _place(start) != _place(before)]
    if not starts:
        return []
    ends = [*starts[1:], ("", "", starts[0][3] + 1, 0)]
    return [
        Stretch(tenant, time_hex, until_tenant, until_hex, until - place)
        for (tenant, time_hex, place, _), (until_tenant, until_hex, until, _) in zip(starts, ends, strict=True)
    ]


def conditions(asked: Asked) -> str:
    """What a charge must say to be asked for; the values are bound."""
    given = {
        "tenant = {asked_tenant:String}": asked.tenant,
        "model = {asked_model:String}": asked.model,
        "event_time >= fromUnixTimestamp64Nano({since:Int64})": asked.since_ns is not None,
        "event_time < fromUnixTimestamp64Nano({until:Int64})": asked.until_ns is not None,
        "cost_state = 'unpriced'": not asked.everything,
    }
    return " AND ".join([condition for condition, stated in given.items() if stated] or ["1"])


def bounds(asked: Asked) -> Mapping[str, object]:
    """The values of `conditions`."""
    times = {"since": asked.since_ns, "until": asked.until_ns}
    return {
        "asked_tenant": asked.tenant,
        "asked_model": asked.model,
        **{name: ns for name, ns in times.items() if ns is not None},
    }


def edges(stretch: Stretch) -> Mapping[str, object]:
    """The values of `WITHIN`."""
    return {
        "tenant": stretch.tenant,
        "first": stretch.from_hex.ljust(32, "0"),
        "until_tenant": stretch.until_tenant,
        "last": stretch.until_hex.ljust(32, "0"),
    }


def _place(start: tuple[str, str, int, int] | None) -> tuple[str, str] | None:
    return start and start[:2]
