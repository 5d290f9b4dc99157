import logging

import pytest

from spanledger.exporter.failures import Denied, Permanent, Throttled, TooLarge, Transient, Unauthenticated
from spanledger.exporter.store import RawFailureError
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError, failed
from spanledger.ledger.clickhouse_http.native_columns import NativeError
from spanledger.schemas import ConfigurationError, StoreUnavailableError


@pytest.mark.parametrize(
    ("failure", "status", "code", "name"),
    [
        (Unauthenticated("s"), 403, 516, "AUTHENTICATION_FAILED"),
        (AskedWronglyError(194, "REQUIRED_PASSWORD", "s"), 401, 194, "REQUIRED_PASSWORD"),
        (Denied("s"), 403, 497, "ACCESS_DENIED"),
        (TooLarge("s"), 413, 223, "QUERY_IS_TOO_LARGE"),
        (Permanent("s"), 400, 36, "BAD_ARGUMENTS"),
        (Throttled("s"), 429, 202, "TOO_MANY_SIMULTANEOUS_QUERIES"),
        (Transient("s"), 503, 745, "SERVER_OVERLOADED"),
        (StoreUnavailableError("s"), 503, 745, "SERVER_OVERLOADED"),
        (ConfigurationError("s"), 500, 164, "READONLY"),
        (NativeError("s"), 501, 48, "NOT_IMPLEMENTED"),
        (AskedWronglyError(73, "UNKNOWN_FORMAT", "s"), 404, 73, "UNKNOWN_FORMAT"),
    ],
)
def test_a_failure_of_ours_has_a_code_of_clickhouse(failure: Exception, status: int, code: int, name: str) -> None:
    """Its text looks like a server's, because clients read the name out of it."""
    told = failed(failure)
    assert (told.status, told.code, told.text) == (status, code, f"Code: {code}. DB::Exception: s. ({name})")
    assert dict(told.headers).keys() == (
        {b"www-authenticate"} if status == 401 else {b"retry-after"} if status in {429, 503} else set()
    )


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("Code: 62. DB::Exception: Syntax error (SYNTAX_ERROR)", 400, 62),
        ("Code: 60. DB::Exception: Unknown table (UNKNOWN_TABLE)", 404, 60),
        ("Code: 159. DB::Exception: Timeout (TIMEOUT_EXCEEDED)", 408, 159),
        ("Code: 241. DB::Exception: (MEMORY_LIMIT_EXCEEDED)", 500, 241),
        ("something else", 500, 1002),
    ],
)
def test_what_the_engine_says_goes_out_as_it_said_it(text: str, status: int, code: int) -> None:
    """With the status that a server makes of its code."""
    assert failed(RawFailureError(text)) == (status, code, text, ())


def test_a_bug_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """It may quote the ledger, in the log and in the answer."""
    with caplog.at_level(logging.ERROR):
        told = failed(KeyError("secret"))
    assert (told.status, told.code) == (500, 1002)
    assert "secret" not in told.text + caplog.text
    assert "KeyError" in caplog.text
