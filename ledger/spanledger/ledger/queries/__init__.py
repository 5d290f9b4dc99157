"""Questions to the ledger, asked and answered alike by commands, HTTP, pages and programs."""

from spanledger.ledger.queries.anomalies import anomalies
from spanledger.ledger.queries.answering import answer, benchmarks, top
from spanledger.ledger.queries.chains import chain
from spanledger.ledger.queries.dearest import expensive
from spanledger.ledger.queries.dimensions import DIMENSIONS
from spanledger.ledger.queries.forecasts import forecast
from spanledger.ledger.queries.measures import DEFAULT_MEASURES, MEASURES
from spanledger.ledger.queries.movers import movers
from spanledger.ledger.queries.named import NAMED
from spanledger.ledger.queries.people import for_people, totals
from spanledger.ledger.queries.question import Question, ask
from spanledger.ledger.queries.series import series
from spanledger.ledger.queries.sources import Query

__all__ = [
    "DEFAULT_MEASURES",
    "DIMENSIONS",
    "MEASURES",
    "NAMED",
    "Query",
    "Question",
    "anomalies",
    "answer",
    "ask",
    "benchmarks",
    "chain",
    "expensive",
    "for_people",
    "forecast",
    "movers",
    "series",
    "top",
    "totals",
]
