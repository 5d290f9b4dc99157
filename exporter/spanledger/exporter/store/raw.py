"""A connection of the embedded engine that answers in the format it is asked for, as bytes.

It runs whatever it is given: who it is for bounds it with settings, and looks at the statement before.
"""

import sys
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, cast


class RawFailureError(Exception):
    """What the engine said of a statement that failed, in its own words: `Code: NUMBER. DB::Exception: …`."""


_TOO_LARGE: Final = "Code: 396. DB::Exception: Limit for result exceeded, max bytes: {}. (TOO_MANY_ROWS_OR_BYTES)"


class RawAnswer(NamedTuple):
    """An answer, with what it took."""

    body: bytes
    rows: int
    read_rows: int
    read_bytes: int
    elapsed_s: float


class _Result(Protocol):
    def bytes(self) -> bytes | None: ...
    def size(self) -> int: ...
    def rows_read(self) -> int: ...
    def storage_rows_read(self) -> int: ...
    def storage_bytes_read(self) -> int: ...
    def elapsed(self) -> float: ...


class _Connection(Protocol):
    def query(self, query: str | bytes, format: str, params: Mapping[str, str]) -> _Result: ...  # noqa: A002
    def close(self) -> None: ...


class RawConnection:
    """One connection, for one statement at a time."""

    def __init__(self, path: str) -> None:
        """Connect to the engine at this path: spelt as it was when this process opened it, if it did."""
        import chdb  # noqa: PLC0415 (an application that posts to a server has none)

        self._connection = cast("_Connection", chdb.connect(path))

    def query(
        self,
        sql: str | bytes,
        form: str = "TabSeparated",
        parameters: Mapping[str, str] | None = None,
        *,
        bytes_max: int = sys.maxsize,
    ) -> RawAnswer:
        """Run a statement; a FORMAT clause in it goes before `form`. Raises `RawFailureError`.

        `bytes_max` is for the answer as it is written: the engine's own bound counts what repeats in a column once.
        """
        try:
            result = self._connection.query(sql, form, params=parameters or {})
            if result.size() > bytes_max:
                raise RawFailureError(_TOO_LARGE.format(bytes_max))
            body = result.bytes() or b""
        except RuntimeError as error:
            text = str(error)
            raise RawFailureError(text[max(text.find("Code: "), 0) :].strip()) from error
        return RawAnswer(
            body, result.rows_read(), result.storage_rows_read(), result.storage_bytes_read(), result.elapsed()
        )

    def close(self) -> None:
        """Let go of the engine."""
        self._connection.close()
