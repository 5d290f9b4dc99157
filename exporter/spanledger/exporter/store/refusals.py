"""What the engine's errors mean for us: come back later, the rows are bad, or the statement is wrong.

One table decides. A poster retries `StoreUnavailableError`, bisects `RefusedRowsError`, and stops on any other
`StoreError`: sending good rows to quarantine because a table is missing would hide them.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError, Error, OperationalError

from spanledger.schemas import SpanledgerError, StoreError, StoreUnavailableError

TRANSIENT_CODES: Final = frozenset(
    {
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE: too many open files
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY: a replica without its keeper
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        364,  # ALL_REPLICAS_LOST
        394,  # QUERY_WAS_CANCELLED
        439,  # CANNOT_SCHEDULE_TASK: no thread
        745,  # SERVER_OVERLOADED
        999,  # KEEPER_EXCEPTION
    },
)
"""Engine codes after which the same call may succeed later."""

ROW_CODES: Final = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        20,  # NUMBER_OF_COLUMNS_DOESNT_MATCH
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        44,  # ILLEGAL_COLUMN
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        469,  # VIOLATED_CONSTRAINT
    },
)
"""Engine codes that blame the rows of an insert."""

_DETAIL_CHARACTERS_MAX: Final = 500
"""An engine message may quote a whole statement; a sentence for people does not."""


class RefusedRowsError(StoreError):
    """The engine refused the rows themselves (type, size or constraint): fewer rows may pass, the same never will."""


@contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn every error of the engine or its client into one of ours, saying what we were doing."""
    try:
        yield
    except (ClickHouseError, OSError) as error:
        raise refusal(doing, error) from error


def refusal(doing: str, error: BaseException) -> SpanledgerError:
    """The error a caller sees for one of the engine's, its client's or the socket's."""
    code = code_of(error)
    message = f"{doing}: {detail(error)}"
    if code in TRANSIENT_CODES or (not code and isinstance(error, OSError | OperationalError)):
        return StoreUnavailableError(message)
    if code in ROW_CODES:
        return RefusedRowsError(message)
    return StoreError(message)


def detail(error: BaseException) -> str:
    """What happened, in one line: the first cause of a network error, else what the engine said."""
    if isinstance(error, OperationalError) and not error.code:
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__ or error
        return f"the server does not answer ({error})"
    return " ".join(str(error).split())[:_DETAIL_CHARACTERS_MAX]


def code_of(error: BaseException) -> int:
    """The engine's error code; 0 when the error is the client's or the network's own."""
    return (isinstance(error, Error) and error.code) or 0
