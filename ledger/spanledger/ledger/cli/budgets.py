"""`spanledger budgets`: set limits, see what is spent of them, fail where one is exceeded."""

import argparse
import sys
from typing import TYPE_CHECKING, Final, cast

from spanledger.ledger.cli.console import say, tell
from spanledger.ledger.cli.options import add_format, add_store, format_of, open_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from spanledger.ledger.budgets import Budget, BudgetState, Utilisation
    from spanledger.ledger.ledger import Ledger
    from spanledger.ledger.tables import Row, Table

_MONEY: Final = "Nullable(Decimal(38, 18))"
_STATE: Final = {
    "name": "String",
    "scope": "String",
    "window": "String",
    "tz": "String",
    "hard": "String",
    "limit": _MONEY,
    "spent": _MONEY,
    "held": _MONEY,
    "remaining": _MONEY,
    "percent": _MONEY,
    "currency": "String",
    "state": "String",
    "resets_at": "String",
    "unpriced_requests": "Int64",
    "worst_case": _MONEY,
}
_USED: Final = {
    "name": "String",
    "since": "String",
    "until": "String",
    "limit": _MONEY,
    "spent": _MONEY,
    "percent": _MONEY,
    "currency": "String",
    "unpriced_requests": "Int64",
    "worst_case": _MONEY,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the five verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    setting = verbs.add_parser("set", help="set a budget, or change it")
    add_store(setting)
    setting.add_argument("name", metavar="NAME", help="a new budget, or the one to change")
    setting.add_argument("--limit", required=True, metavar="AMOUNT", help="what may be spent in a window")
    setting.add_argument(
        "--window",
        default="month",
        metavar="WINDOW",
        help="hour, day, week, month (default), total, or rolling: with a duration, such as rolling:P7D",
    )
    setting.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="DIMENSION=VALUE",
        help="what it is for: tenant=acme, team=search, model=gpt-4o; once for each dimension (everything)",
    )
    setting.add_argument("--tz", default="UTC", metavar="ZONE", help="IANA zone in which windows begin (UTC)")
    setting.add_argument("--currency", default="USD", metavar="CODE", help="of the limit (USD)")
    setting.add_argument("--hard", action="store_true", help="deny calls without room; else it only tells")
    setting.add_argument("--thresholds", metavar="PERCENT,…", help="when to tell (50,80,100)")
    setting.add_argument(
        "--unpriced-per-million-tokens", metavar="AMOUNT", help="what tokens without a price count (100)"
    )
    setting.add_argument("--unpriced-per-request", metavar="AMOUNT", help="what such a request counts besides (0.1)")
    listing = verbs.add_parser("list", help="every budget with what is spent and held of it")
    check = verbs.add_parser("check", help="the same; ends with 1 when one is exceeded")
    used = verbs.add_parser("history", help="what was used of a budget, window by window")
    for verb in (listing, check, used):
        add_store(verb)
        add_format(verb)
    check.add_argument("name", nargs="?", metavar="NAME", help="only this one")
    used.add_argument("name", metavar="NAME")
    used.add_argument(
        "--windows", "--months", type=int, default=6, metavar="N", help="how many, the current one included (6)"
    )
    removing = verbs.add_parser("remove", help="end a budget; its history stays")
    add_store(removing)
    removing.add_argument("name", metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """Do the chosen verb."""
    verb = cast("str", options.verb)
    # Wrong words are told before the store is opened and posted to.
    budget = _budget(options) if verb == "set" else None
    with open_ledger(options) as ledger:
        if budget is not None:
            ledger.set_budget(budget)
            say(f"{budget.name} is set: {budget.limit:f} {budget.currency}, {budget.window} in {budget.tz}")
        elif verb == "remove":
            ledger.remove_budget(cast("str", options.name))
            say(f"{options.name} is removed")
        elif verb == "history":
            _write(_used(ledger.budget_history(cast("str", options.name), cast("int", options.windows))), options)
        else:
            return _tell_states(ledger, options)
    return 0


def _tell_states(ledger: "Ledger", options: argparse.Namespace) -> int:
    from spanledger.ledger.budgets.definitions import no_budget  # noqa: PLC0415

    states = ledger.budgets()
    if options.verb == "list":
        _write(_states(states), options)
        return 0
    if options.name is not None:
        states = [state for state in states if state.budget.name == options.name]
        if not states:
            raise no_budget(cast("str", options.name))
    _write(_states(states), options)
    exceeded = [state.budget.name for state in states if state.exceeded]
    if exceeded:
        tell(f"exceeded: {', '.join(exceeded)}")
    return int(bool(exceeded))


def _budget(options: argparse.Namespace) -> "Budget":
    from spanledger.ledger.budgets import Budget  # noqa: PLC0415
    from spanledger.ledger.budgets.budget import (  # noqa: PLC0415
        THRESHOLDS,
        UNPRICED_PER_MILLION_TOKENS,
        UNPRICED_PER_REQUEST,
        checked,
    )

    per_million, per_request = options.unpriced_per_million_tokens, options.unpriced_per_request
    return checked(
        Budget(
            name=cast("str", options.name),
            scope=_scope(cast("list[str]", options.scope)),
            window=cast("str", options.window),
            tz=cast("str", options.tz),
            currency=cast("str", options.currency),
            limit=_amount("--limit", options.limit),
            hard=cast("bool", options.hard),
            thresholds=THRESHOLDS if options.thresholds is None else _percents(cast("str", options.thresholds)),
            unpriced_per_million_tokens=(
                UNPRICED_PER_MILLION_TOKENS
                if per_million is None
                else _amount("--unpriced-per-million-tokens", per_million)
            ),
            unpriced_per_request=(
                UNPRICED_PER_REQUEST if per_request is None else _amount("--unpriced-per-request", per_request)
            ),
        )
    )


def _scope(stated: list[str]) -> dict[str, str]:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    scope: dict[str, str] = {}
    for pair in stated:
        name, equals, value = pair.partition("=")
        if not equals or name in scope:
            msg = f"--scope {pair[:64]!r} must be DIMENSION=VALUE, once for each dimension"
            raise ConfigurationError(msg)
        scope[name] = value
    return scope


def _amount(flag: str, text: object) -> "Decimal":
    from spanledger.ledger.budgets.amounts import decimal  # noqa: PLC0415
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415
    from spanledger.schemas.money import parse_amount  # noqa: PLC0415

    try:
        return decimal(parse_amount(str(text)))
    except ValueError as error:
        msg = f"{flag} {str(text)[:40]!r} is no amount such as 5 or 0.25"
        raise ConfigurationError(msg) from error


def _percents(text: str) -> tuple[int, ...]:
    from spanledger.schemas import ConfigurationError  # noqa: PLC0415

    try:
        return tuple(int(each) for each in text.split(",")) if text else ()
    except ValueError as error:
        msg = f"--thresholds {text[:64]!r} must be whole percentages separated by commas, such as 50,80,100"
        raise ConfigurationError(msg) from error


def _states(states: "Sequence[BudgetState]") -> "Table":
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    return Table(tuple(_STATE), tuple(_STATE.values()), [_state(state) for state in states])


def _state(state: "BudgetState") -> "Row":
    budget = state.budget
    told = "exceeded" if state.exceeded else f"over {max(state.reached)} %" if state.reached else "ok"
    return (
        budget.name,
        ", ".join(f"{name}={value}" for name, value in sorted(budget.scope.items())),
        budget.window,
        budget.tz,
        "hard" if budget.hard else "soft",
        _text(budget.limit),
        _text(state.spent),
        _text(state.held),
        _text(state.remaining),
        _text(state.percent),
        budget.currency,
        told,
        state.resets_at.isoformat() if state.resets_at else None,
        state.unpriced_requests,
        _text(state.worst_case),
    )


def _used(windows: "Sequence[Utilisation]") -> "Table":
    from spanledger.ledger.tables import Table  # noqa: PLC0415

    rows: list[Row] = [
        (
            each.budget,
            each.since.isoformat() if each.since else None,
            each.until.isoformat() if each.until else None,
            _text(each.limit),
            _text(each.spent),
            _text(each.percent),
            each.currency,
            each.unpriced_requests,
            _text(each.worst_case),
        )
        for each in windows
    ]
    return Table(tuple(_USED), tuple(_USED.values()), rows)


def _text(amount: "Decimal | None") -> str | None:
    from spanledger.ledger.tables import decimal_text  # noqa: PLC0415

    return None if amount is None else decimal_text(amount)


def _write(table: "Table", options: argparse.Namespace) -> None:
    from spanledger.ledger import formats  # noqa: PLC0415

    formats.write(table, format_of(options), sys.stdout)
