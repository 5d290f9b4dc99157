"""Budgets and reservations over HTTP. A reader of some tenants sees the budgets whose scope names one of them.

Whoever may charge a tenant may reserve for it. Of a budget that is not its tenants' alone it learns no sum.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Annotated, Final

import msgspec

from spanledger.exporter.authentication import Role
from spanledger.exporter.failures import Denied
from spanledger.ledger.api.route import AnyRoute, Context, Lane, NotFoundError, Nothing, Route
from spanledger.ledger.budgets import Budget, BudgetState
from spanledger.ledger.budgets.budget import BudgetList, History, Terms
from spanledger.ledger.budgets.definitions import NoBudgetError, no_budget
from spanledger.ledger.budgets.keeper import BudgetKeeper
from spanledger.ledger.budgets.reservation import Reservation, Reserve, Settle
from spanledger.ledger.budgets.states import WINDOWS_MAX
from spanledger.schemas import StoreUnavailableError

WINDOWS_DEFAULT: Final = 6


class HistoryAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`GET /v1/budgets/{name}/history`."""

    windows: Annotated[int, msgspec.Meta(ge=1, le=WINDOWS_MAX, description="How many, the current one included")] = (
        WINDOWS_DEFAULT
    )


def _list(context: Context, _: Nothing) -> BudgetList:
    return BudgetList(budgets=_seen(context))


def _one(context: Context, _: Nothing) -> BudgetState:
    name = context.path["name"]
    for state in _seen(context):
        if state.budget.name == name:
            return state
    raise NotFoundError(str(no_budget(name)))


def _put(context: Context, asked: Terms) -> BudgetState:
    context.services.access.set_budget(Budget.of(context.path["name"], asked))
    return _one(context, Nothing())


def _delete(context: Context, _: Nothing) -> dict[str, str]:
    name = context.path["name"]
    try:
        context.services.access.remove_budget(name)
    except NoBudgetError as error:
        raise NotFoundError(str(error)) from error
    return {"removed": name}


def _history(context: Context, asked: HistoryAsked) -> History:
    name = context.path["name"]
    if context.tenants is not None:
        _one(context, Nothing())
    try:
        return History(windows=[*context.services.access.budget_history(name, asked.windows, context.tenants)])
    except NoBudgetError as error:
        raise NotFoundError(str(error)) from error


def _seen(context: Context) -> list[BudgetState]:
    return [state for state in context.services.access.budgets() if state.budget.within(context.tenants)]


def _reserve(context: Context, asked: Reserve) -> Future[Reservation]:
    credential = context.principal.credential if context.principal else None
    tenant = asked.call.get("tenant", "") or (credential.tenant if credential else "")
    if credential is None or not credential.admits(tenant):
        msg = f"this credential may not reserve for the tenant {tenant[:64]!r}: it stands for other tenants"
        raise Denied(msg)
    call = {**asked.call, "tenant": tenant}
    return _keeper(context).reserving(msgspec.structs.replace(asked, call=call), context.tenants)


def _settle(context: Context, asked: Settle) -> Future[Reservation]:
    return _keeper(context).settling(context.path["id"], asked.amount, context.tenants)


def _release(context: Context, _: Nothing) -> Future[Reservation]:
    return _keeper(context).releasing(context.path["id"], context.tenants)


def _keeper(context: Context) -> BudgetKeeper:
    if context.services.keeper is None:
        msg = "this server keeps no reservations"
        raise StoreUnavailableError(msg)
    return context.services.keeper


ROUTES: Final[Sequence[AnyRoute]] = (
    Route(
        method="GET",
        path="/v1/budgets",
        summary="Every budget with what is spent and held of it",
        asked=Nothing,
        answers=BudgetList,
        answer=_list,
        role=Role.READ,
    ),
    Route(
        method="GET",
        path="/v1/budgets/{name}",
        summary="One budget with what is spent and held of it",
        asked=Nothing,
        answers=BudgetState,
        answer=_one,
        role=Role.READ,
    ),
    Route(
        method="PUT",
        path="/v1/budgets/{name}",
        summary="Set a budget; the version before stays in its history",
        asked=Terms,
        answers=BudgetState,
        answer=_put,
        role=Role.ADMIN,
        all_tenants=True,
    ),
    Route(
        method="DELETE",
        path="/v1/budgets/{name}",
        summary="End a budget; its history stays",
        asked=Nothing,
        answers=dict[str, str],
        answer=_delete,
        role=Role.ADMIN,
        all_tenants=True,
    ),
    Route(
        method="GET",
        path="/v1/budgets/{name}/history",
        summary="What was used of a budget in its last windows, by the limit in force in each",
        asked=HistoryAsked,
        answers=History,
        answer=_history,
        role=Role.READ,
    ),
    Route(
        method="POST",
        path="/v1/reservations",
        summary="Hold room for a call in every hard budget that covers it, or in none",
        asked=Reserve,
        answers=Reservation,
        answer=_reserve,
        role=Role.INGEST,
        lane=Lane.LOOP,
    ),
    Route(
        method="POST",
        path="/v1/reservations/{id}/settle",
        summary="Close a reservation at what the call came to",
        asked=Settle,
        answers=Reservation,
        answer=_settle,
        role=Role.INGEST,
        lane=Lane.LOOP,
    ),
    Route(
        method="POST",
        path="/v1/reservations/{id}/release",
        summary="Give back what a reservation holds: nothing was sent",
        asked=Nothing,
        answers=Reservation,
        answer=_release,
        role=Role.INGEST,
        lane=Lane.LOOP,
    ),
)
