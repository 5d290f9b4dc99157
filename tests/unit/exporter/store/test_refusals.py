import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from spanledger.exporter.store.refusals import RefusedRowsError, refusal, translated
from spanledger.schemas import SpanledgerError, StoreError, StoreUnavailableError

TOO_MANY_PARTS = 252
MEMORY_LIMIT = 241
VIOLATED_CONSTRAINT = 469
UNKNOWN_TABLE = 60


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatabaseError("Code: 252", code=TOO_MANY_PARTS), StoreUnavailableError),
        (DatabaseError("Code: 241", code=MEMORY_LIMIT), StoreUnavailableError),
        (OperationalError("connection refused"), StoreUnavailableError),
        (ConnectionResetError("reset"), StoreUnavailableError),
        (DatabaseError("Code: 469", code=VIOLATED_CONSTRAINT), RefusedRowsError),
        (DatabaseError("Code: 60", code=UNKNOWN_TABLE), StoreError),
        (DatabaseError("no code"), StoreError),
    ],
)
def test_an_error_says_whether_to_come_back(error: Exception, kind: type[SpanledgerError]) -> None:
    """Trouble of the place is transient, trouble of the rows is theirs, and the rest is a wrong statement."""
    assert type(refusal("posting", error)) is kind


def test_a_network_error_names_its_first_cause() -> None:
    """The client wraps a refused connection three times; people need the innermost."""
    cause = ConnectionRefusedError("connection refused")
    outer = OperationalError("Max retries exceeded with url: /?a=1&b=2")
    outer.__cause__ = cause
    assert (
        str(refusal("the query failed", outer)) == "the query failed: the server does not answer (connection refused)"
    )


def test_a_foreign_error_passes() -> None:
    """A bug of ours is not dressed up as the store's refusal."""
    with pytest.raises(KeyError), translated("posting"):
        raise KeyError
