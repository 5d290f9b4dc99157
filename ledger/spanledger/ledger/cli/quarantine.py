"""`spanledger quarantine`: what could not be booked. See it, bring it again when its cause is gone, or leave it."""

import argparse
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, settings_of
from spanledger.ledger.printable import printable

if TYPE_CHECKING:
    from spanledger.exporter.posting.quarantine import Outcome
    from spanledger.ledger.access import Access
    from spanledger.ledger.quarantine import Wanted

_LISTED: Final = 1_000
_TOLD_MAX: Final = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, (declare, _, line) in _ACTIONS.items():
        action = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        add_store(action)
        declare(action)


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    return _ACTIONS[options.action][1](options)


def _of_list(parser: argparse.ArgumentParser) -> None:
    _add_bounds(parser)
    parser.add_argument("--since", metavar="WHEN", help="only what was received from this time on (UTC)")
    parser.add_argument("--all", action="store_true", help="also what is discarded, or in the ledger by now")
    parser.add_argument("--limit", type=int, default=_LISTED, metavar="N", help=f"the newest N ({_LISTED})")
    add_format(parser)


def _list(options: argparse.Namespace) -> int:
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.quarantine import listed  # noqa: PLC0415

    limit = max(1, cast("int", options.limit))
    with _opened(options) as access:
        table = listed(access.query, _wanted(options), limit)
    formats.write(table, format_of(options), sys.stdout)
    if len(table.rows) == limit:
        tell(f"the newest {limit} are listed; --limit shows more")
    return 0


def _of_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="as shown by list")
    add_format(parser, csv=False)


def _show(options: argparse.Namespace) -> int:
    from spanledger.ledger import formats  # noqa: PLC0415
    from spanledger.ledger.quarantine import shown  # noqa: PLC0415

    with _opened(options) as access:
        record = shown(access.query, options.id)
    if record is None:
        tell(f"spanledger: nothing in quarantine has the id {options.id!r}")
        return 1
    if format_of(options) == "json":
        sys.stdout.write(formats.json_text([record]))
    else:
        for line in _lines(record, ""):
            say(line)
    return 0


def _of_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", help="as shown by list; what is discarded is taken as well")
    parser.add_argument("--all", action="store_true", dest="every", help="everything that is open")
    _add_bounds(parser)


def _replay(options: argparse.Namespace) -> int:
    from spanledger.ledger.quarantine import at_once, ids, unsettled  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    bounded = options.every or options.reason or options.whose
    if bool(options.ids) == bool(bounded):
        msg = "quarantine replay takes either ids, or --all, --reason or --tenant"
        raise ConfigurationError(msg)
    total, left = 0, cast("list[Outcome]", [])
    with _opened(options) as access:
        for some in ids(access.query, _wanted(options)) if bounded else at_once(options.ids):
            outcomes = access.replay(some)
            total += len(outcomes)
            left += unsettled(outcomes)
    _tell_each(f"{each.quarantine_id} {_STANDS[each.state]}{_because(each)}" for each in left)
    say(f"{total - len(left)} in the ledger, {len(left)} not")
    return 1 if left else 0


def _of_discard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="+", help="as shown by list")
    parser.add_argument("--why", required=True, metavar="REASON", help="kept with the decision")


def _discard(options: argparse.Namespace) -> int:
    from spanledger.ledger.quarantine import at_once  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    if not options.why.strip():
        msg = "--why must say why it is left for good"
        raise ConfigurationError(msg)
    with _opened(options) as access:
        outcomes = [each for some in at_once(options.ids) for each in access.discard(some, options.why)]
    left = [each for each in outcomes if each.state != "discarded"]
    _tell_each(f"{each.quarantine_id} {_STANDS[each.state]}" for each in left)
    say(f"{len(outcomes) - len(left)} discarded: still counted as quarantined, and kept")
    return 1 if left else 0


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", dest="whose", default="", metavar="T", help="only this tenant's")
    parser.add_argument("--reason", default="", metavar="R", help="only what has this in its reason")


def _wanted(options: argparse.Namespace) -> "Wanted":
    from spanledger.ledger.periods import instant_ns, zone  # noqa: PLC0415
    from spanledger.ledger.quarantine import Wanted  # noqa: PLC0415

    given = cast("dict[str, object]", vars(options))
    since = given.get("since")
    return Wanted(
        tenant=options.whose,
        reason=options.reason,
        since_ns=instant_ns("--since", since, zone("UTC")) if isinstance(since, str) else None,
        everything=bool(given.get("all")),
    )


@contextmanager
def _opened(options: argparse.Namespace) -> "Generator[Access]":
    from spanledger.ledger.access import open_access  # noqa: PLC0415

    access = open_access(settings_of(options))
    try:
        tell(f"store: {access.place}")
        yield access
    finally:
        access.close()


def _tell_each(lines: Iterable[str]) -> None:
    every = [*lines]
    for line in every[:_TOLD_MAX]:
        tell(printable(line))
    if len(every) > _TOLD_MAX:
        tell(f"and {len(every) - _TOLD_MAX} more")


def _because(outcome: "Outcome") -> str:
    return f": {outcome.reason}" if outcome.reason else ""


def _lines(value: Mapping[str, object], indent: str) -> Iterable[str]:
    """A record for people: what is empty is left out, what is nested is indented; every name and text in one line."""
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield f"{indent}{printable(key)}:"
            yield from _lines(cast("Mapping[str, object]", item), f"{indent}  ")
        elif isinstance(item, list):
            for number, each in enumerate(cast("list[object]", item), 1):
                if isinstance(each, Mapping):
                    yield f"{indent}{printable(key)} {number}:"
                    yield from _lines(cast("Mapping[str, object]", each), f"{indent}  ")
                else:
                    yield f"{indent}{printable(key)} {number}: {printable(str(each))}"
        elif item not in {None, ""}:
            yield f"{indent}{printable(key)}: {printable(str(item))}"


_STANDS: Final = {
    "open": "is as impossible as before",
    "discarded": "is as impossible as before, and discarded",
    "replayed": "is in the ledger: there is nothing to discard",
    "unknown": "is no id of anything in quarantine",
}
_ACTIONS: Final[
    Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int], str]]
] = {
    "list": (_of_list, _list, "what is open, with its reason"),
    "show": (_of_show, _show, "what one of them says, why it is there, and what became of it"),
    "replay": (_of_replay, _replay, "bring some again, as they came: what can be booked now is, once"),
    "discard": (_of_discard, _discard, "leave some for good, with the reason why; nothing is deleted"),
}
