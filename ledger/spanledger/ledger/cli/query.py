"""`spanledger query NAME`: the questions people ask most, by name; without one, which there are."""

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn, cast

from spanledger.ledger.cli.options import (
    Asked,
    add_format,
    add_question,
    add_store,
    asked_of,
    asking,
    format_of,
    where_of,
    write_answer,
)

if TYPE_CHECKING:
    from spanledger.ledger.queries import Query
    from spanledger.ledger.tables import Table

_OWN = {
    "top": "the most of a measure: --by DIMENSIONS, --order MEASURE, --limit ROWS",
    "expensive": "single calls that cost at least --min-cost AMOUNT",
    "chain": "what a request cost over all agents below it: --trace ID or --workflow ID",
}
"""Questions with options of their own."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="the question; without one, all of them are listed")
    add_store(parser)
    add_question(parser)
    parser.add_argument("--by", metavar="DIMENSIONS", help="of `top`: comma-separated, such as user_id,feature")
    parser.add_argument("--min-cost", metavar="AMOUNT", help="of `expensive`: the least that a call cost")
    parser.add_argument("--trace", default="", metavar="ID", help="of `chain`: the trace that the request began")
    parser.add_argument("--workflow", default="", metavar="ID", help="of `chain`: a workflow, with all of its traces")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the answer, or what can be asked."""
    from spanledger.ledger import formats  # noqa: PLC0415

    name = cast("str | None", options.name)
    if name is None:
        formats.write(_list(), format_of(options), sys.stdout)
        return 0
    with asking(options) as query:
        table = _answer(query, name, options)
    write_answer(table, options)
    return 0


def _list() -> "Table":
    from spanledger.ledger.queries import NAMED  # noqa: PLC0415
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    abouts = {**{name: named.about for name, named in NAMED.items()}, **_OWN}
    return Table(("name", "tells"), ("String", "String"), [*abouts.items()])


def _answer(query: "Query", name: str, options: argparse.Namespace) -> "Table":
    from spanledger.ledger.queries import NAMED, answer, ask, chain, expensive, top  # noqa: PLC0415
    from spanledger.ledger.queries.dearest import LIMIT  # noqa: PLC0415
    from spanledger.ledger.queries.named import TOP_LIMIT  # noqa: PLC0415

    _refuse_foreign(name, options)
    asked = asked_of(options)
    limit = asked["limit"]
    since, until, tz, where = asked["since"], asked["until"], asked["tz"], asked["where"]
    match name:
        case "top":
            by = cast("str | None", options.by) or "user_id"
            measure = asked["order"] or "cost"
            most = TOP_LIMIT if limit is None else limit
            return top(query, by, measure=measure, limit=most, since=since, until=until, tz=tz, where=where)
        case "expensive":
            min_cost = cast("str | None", options.min_cost)
            if min_cost is None:
                _refuse("query expensive needs --min-cost: the least that a call cost, such as 0.50")
            most = LIMIT if limit is None else limit
            return expensive(query, min_cost=min_cost, limit=most, since=since, until=until, tz=tz, where=where)
        case "chain":
            return chain(query, trace_id=cast("str", options.trace), workflow=cast("str", options.workflow))
        case _:
            named = NAMED.get(name) or _refuse(
                f"there is no question {name!r}; choose from {', '.join((*NAMED, *_OWN))}"
            )
            told: Asked = {
                **asked,
                "order": asked["order"] or named.order,
                "limit": named.limit if limit is None else limit,
            }
            return answer(query, ask(named.by, measures=named.measures, **told))


def _refuse_foreign(name: str, options: argparse.Namespace) -> None:
    """An option that says nothing in this question is not passed over."""
    own = {"by": "top", "min_cost": "expensive", "trace": "chain", "workflow": "chain"}
    given = {option for option in own if getattr(options, option)}
    if name == "chain":
        given |= {option for option in ("since", "until", "order", "limit") if getattr(options, option) is not None}
        given |= {"where"} if where_of(options) else set()
    if name == "expensive" and options.order is not None:
        given.add("order")
    for option in sorted(given):
        if own.get(option) != name:
            _refuse(f"--{option.replace('_', '-')} says nothing in the question {name!r}: leave it out")


def _refuse(sentence: str) -> NoReturn:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    raise ConfigurationError(sentence)
