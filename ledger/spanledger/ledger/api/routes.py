"""Every route of the API, in the order of the OpenAPI document. A part of the ledger adds its own list here."""

from collections.abc import Sequence
from typing import Final

from spanledger.ledger.api import budgets, events, owning, prices, reports, timelines
from spanledger.ledger.api.openapi import describing
from spanledger.ledger.api.route import AnyRoute

_ROUTES: Final[Sequence[AnyRoute]] = (
    *reports.ROUTES,
    *timelines.ROUTES,
    *events.ROUTES,
    *prices.ROUTES,
    *budgets.ROUTES,
    *owning.ROUTES,
)

ROUTES: Final[Sequence[AnyRoute]] = (*_ROUTES, describing(_ROUTES))
