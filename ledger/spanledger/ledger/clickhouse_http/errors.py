"""What a failed request is answered with: the code and name that ClickHouse has for it, an HTTP status, a text. Pure.

What the engine says goes out as it said it; its codes become the statuses that a ClickHouse server makes of them.
"""

import logging
import re
import traceback
from typing import Final, NamedTuple

from spanledger.exporter.failures import Denied, Permanent, Refused, Throttled, TooLarge, Unauthenticated
from spanledger.exporter.store import RawFailureError
from spanledger.ledger.clickhouse_http.native import NativeError
from spanledger.schemas import ConfigurationError, SpanledgerError

RETRY_S: Final = 1

_LOG: Final = logging.getLogger("spanledger.clickhouse_http")
_CODE: Final = re.compile(r"Code: (\d+)\.")

_NOT_IMPLEMENTED: Final = 48
_UNKNOWN_EXCEPTION: Final = 1_002

_STATUSES: Final = {
    401: (194,),  # REQUIRED_PASSWORD
    403: (192, 193, 497, 516, 525),  # UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED, a role
    400: (6, 10, 15, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 72, 116, 117, 130, 167, 168, 321, 376, 427, 441, 675, 676),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 83, 96, 115, 511),  # whatever is UNKNOWN
    408: (159,),  # TIMEOUT_EXCEEDED
    411: (381,),  # HTTP_LENGTH_REQUIRED
    413: (223,),  # QUERY_IS_TOO_LARGE
    415: (1_009,),
    501: (48,),
    503: (76, 209, 439, 745),  # CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK, SERVER_OVERLOADED
}
"""HTTP status → the engine's codes that have it; any other is 500."""
_STATUS_OF: Final = {code: status for status, codes in _STATUSES.items() for code in codes}


class AskedWronglyError(Exception):
    """A request that is refused before the engine sees it, with the code a server would give it."""

    def __init__(self, code: int, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.name = name


class Failed(NamedTuple):
    """An answer that is no answer."""

    status: int
    code: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_OURS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (NativeError, _NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
    (Unauthenticated, 516, "AUTHENTICATION_FAILED"),
    (Denied, 497, "ACCESS_DENIED"),
    (TooLarge, 223, "QUERY_IS_TOO_LARGE"),
    (Permanent, 36, "BAD_ARGUMENTS"),
    (Throttled, 202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
    (ConfigurationError, 164, "READONLY"),  # a statement that does not only read
    (Refused, 745, "SERVER_OVERLOADED"),
    (SpanledgerError, 745, "SERVER_OVERLOADED"),
)
"""A failure of ours → the code and the name it has in ClickHouse; the first that fits."""


def failed(failure: Exception) -> Failed:
    """The answer to a request that ended in this exception."""
    if isinstance(failure, RawFailureError):
        found = _CODE.search(str(failure))
        code = int(found[1]) if found else _UNKNOWN_EXCEPTION
        return Failed(_STATUS_OF.get(code, 500), code, str(failure))
    if isinstance(failure, AskedWronglyError):
        return _ours(failure.code, failure.name, failure)
    for kind, code, name in _OURS:
        if isinstance(failure, kind):
            return _ours(code, name, failure, 429 if kind is Throttled else 0)
    _report(failure)
    msg = "the server failed at this question; its log says where"
    return _ours(_UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", RuntimeError(msg))


def _ours(code: int, name: str, failure: Exception, status: int = 0) -> Failed:
    status = status or _STATUS_OF.get(code, 500)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if status == 401:
        headers = ((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'),)
    if status in {429, 503}:
        headers = ((b"retry-after", b"%d" % RETRY_S),)
    return Failed(status, code, f"Code: {code}. DB::Exception: {failure}. ({name})", headers)


def _report(failure: Exception) -> None:
    """Log a bug of ours. Its text stays out: it may quote what lies in the ledger."""
    where = "".join(traceback.format_tb(failure.__traceback__))
    _LOG.error("%s while answering a statement\n%s", type(failure).__name__, where)
