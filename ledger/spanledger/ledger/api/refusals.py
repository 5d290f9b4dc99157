"""Which status an exception is answered with, and what its body says. One table decides; what is not in it is a bug."""

import logging
import traceback
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from spanledger.exporter.failures import Denied, Permanent, Refused, Throttled, TooLarge, Transient, Unauthenticated
from spanledger.exporter.journal import JournalCorrupt
from spanledger.ledger.api.route import NotFoundError
from spanledger.ledger.budgets.keeper import NoReservationError
from spanledger.ledger.failures import DETAILS, Failure
from spanledger.ledger.tables import decimal_text
from spanledger.schemas import (
    BudgetExceededError,
    ConfigurationError,
    PolicyDeniedError,
    SpanledgerError,
    StoreError,
    StoreUnavailableError,
)

RETRY_S: Final = 1
"""When to come again after 429 and 503: a lane has room within about a second."""

_LOG: Final = logging.getLogger("spanledger.api")


class MethodRefused(Permanent):
    """The path is there, and does not take this method."""

    def __init__(self, path: str, allow: str) -> None:
        super().__init__(f"{path} takes {allow}")
        self.allow = allow


class MisdirectedError(Permanent):
    """It was asked under a name that is none of this server's."""


class Refusal(NamedTuple):
    """An answer that is no answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class _Row(NamedTuple):
    """What a class of exceptions is answered with."""

    status: int
    error: str = ""
    """The name that is told; that of the class itself unless given."""


_STATUSES: Final[Mapping[str, _Row]] = {
    ConfigurationError.__name__: _Row(400),
    BudgetExceededError.__name__: _Row(402),
    PolicyDeniedError.__name__: _Row(403),
    NotFoundError.__name__: _Row(404, "NotFound"),
    NoReservationError.__name__: _Row(404, "NotFound"),
    StoreUnavailableError.__name__: _Row(503),
    StoreError.__name__: _Row(422),
    SpanledgerError.__name__: _Row(422),
    JournalCorrupt.__name__: _Row(422, SpanledgerError.__name__),
    Unauthenticated.__name__: _Row(401, "Unauthorized"),
    Denied.__name__: _Row(403, "Forbidden"),
    MethodRefused.__name__: _Row(405, "MethodNotAllowed"),
    TooLarge.__name__: _Row(413),
    MisdirectedError.__name__: _Row(421, "Misdirected"),
    Throttled.__name__: _Row(429, "TooManyRequests"),
    Transient.__name__: _Row(503, StoreUnavailableError.__name__),
    Refused.__name__: _Row(503, StoreUnavailableError.__name__),
}
"""Name of a class → its answer; of a class that is not here, that of the nearest one it is made from."""

_BUG: Final = Failure("InternalError", "the server failed at this question; its log says where")


def refusal(failure: Exception) -> Refusal:
    """The answer to a request that ended in this exception."""
    kind = next((each for each in type(failure).__mro__ if each.__name__ in _STATUSES), None)
    if kind is None:
        _report(failure)
        return Refusal(500, msgspec.json.encode(_BUG))
    row = _STATUSES[kind.__name__]
    body = {
        "error": row.error or type(failure).__name__,
        "message": str(failure),
        **{name: _plain(getattr(failure, name)) for name in DETAILS.get(kind.__name__, ())},
    }
    return Refusal(row.status, msgspec.json.encode(body), _headers(row.status, failure))


def _plain(value: object) -> object:
    return decimal_text(value) if isinstance(value, Decimal) else value


def _headers(status: int, failure: Exception) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(failure, MethodRefused):
        return ((b"allow", failure.allow.encode()),)
    if status == 401:
        return ((b"www-authenticate", b"Bearer"),)
    return ((b"retry-after", b"%d" % RETRY_S),) if status in {429, 503} else ()


def _report(failure: Exception) -> None:
    """Log a bug of ours. Its text stays out: it may quote what lies in the ledger."""
    where = "".join(traceback.format_tb(failure.__traceback__))
    _LOG.error("%s while answering a question\n%s", type(failure).__name__, where)
