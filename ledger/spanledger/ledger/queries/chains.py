"""What the request that started it all cost, over every agent below it: each call once, at the agent that made it.

The tree is the path of agents of each event. A row's `own_cost` is of the calls of that agent itself, its `cost` of
everything below it too: all `own_cost` together are the `cost` of the first row, which is the request.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from spanledger.ledger.queries.folding import groups, named_sums, shares
from spanledger.ledger.queries.measures import SHARES, known_cost
from spanledger.ledger.queries.question import ask
from spanledger.ledger.queries.sources import Query
from spanledger.ledger.queries.statements import keyed_sql
from spanledger.ledger.tables import Row, Table, Value
from spanledger.schemas import ConfigurationError
from spanledger.schemas.agents import path_of

_Names: TypeAlias = tuple[str, ...]

_MONEY: Final = "Nullable(Decimal(38, 18))"
_COUNTS: Final = ("requests", "input_tokens", "output_tokens")
_COLUMN_OF_CURRENCY: Final = len(_COUNTS) + 2
_COLUMNS: Final = {
    "agent_path": "String",
    "depth": "Int64",
    **dict.fromkeys(_COUNTS, "Nullable(Int64)"),
    "own_cost": _MONEY,
    "cost": _MONEY,
    "currency": "Nullable(String)",
    **dict.fromkeys(SHARES, "Nullable(Float64)"),
}


def chain(query: Query, *, trace_id: str = "", workflow: str = "", tenants: frozenset[str] | None = None) -> Table:
    """The tree of agents of one trace, or of one workflow over all its traces; no rows where nothing is known of it.

    A path is written as in `ledger.agent_path`, its outermost agent first; the request's own is empty.
    """
    if bool(trace_id) == bool(workflow):
        msg = "a chain is of one trace id or of one workflow id: name one of them"
        raise ConfigurationError(msg)
    where = {"trace_id": trace_id.lower()} if trace_id else {"workflow_id": workflow}
    asked = ask(where=where, tenants=tenants, measures=(*_COUNTS, "cost"))
    found = query(keyed_sql(asked, ("agent_path", "agent")))
    calls = [(_names(cast("list[str]", path), cast("str", agent)), *sums) for path, agent, *sums in found.rows]
    own: dict[Row, dict[Row, Value]] = {}
    for names, currencies, sums in groups(asked, _table(calls), 1):
        own.setdefault(names, {})[currencies] = _cost(named_sums(asked, sums))
    everything = [(names[:depth], *sums) for names, *sums in calls for depth in range(len(names) + 1)]
    rows = [
        (cast("_Names", names[0]), _row(named_sums(asked, sums), own.get(names, {}), currencies))
        for names, currencies, sums in groups(asked, _table(everything), 1)
    ]
    rows.sort(key=lambda row: (row[0], str(row[1][_COLUMN_OF_CURRENCY])))
    return Table(
        tuple(_COLUMNS),
        tuple(_COLUMNS.values()),
        [(path_of(names), len(names), *figures) for names, figures in rows],
    )


def _row(sums: Mapping[str, Value], own: Mapping[Row, Value], currencies: Row) -> Row:
    """An agent without calls of its own cost nothing itself; of one whose calls nobody could price it is unknown."""
    own_cost = own.get(currencies, None if ("",) in own else "0")
    counts = (sums[name] for name in _COUNTS)
    return (*counts, own_cost, _cost(sums), currencies[0] or None, *shares(sums))


def _cost(sums: Mapping[str, Value]) -> Value:
    return known_cost(sums["cost"], sums["unpriced"], sums["requests"])


def _names(path: Sequence[str], agent: str) -> _Names:
    """The agents from the outermost to the one that made the call, whether or not the path ends with it."""
    return tuple(path) if not agent or (path and path[-1] == agent) else (*path, agent)


def _table(rows: Iterable[Row]) -> Table:
    return Table((), (), list(rows))
