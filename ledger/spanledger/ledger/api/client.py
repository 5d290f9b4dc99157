"""`Client`: the API of a running `serve` from Python, in types. One HTTP request a question; of the base install.

It fails as the ledger itself would, by the public errors; what the server cannot answer now is `StoreUnavailableError`.
Nothing is asked twice: whether to try again is the caller's to say.
"""

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from spanledger.ledger.api.wire import EVENTS_MAX, ROWS_MAX, Event, EventPage, ExplainedEvent, Page, PricePage, Record
from spanledger.ledger.budgets.budget import BudgetState
from spanledger.ledger.budgets.reservation import Reservation, Reserve, Settle
from spanledger.ledger.failures import error_of
from spanledger.ledger.tables import Series
from spanledger.schemas import ConfigurationError, StoreUnavailableError

URL_DEFAULT: Final = "http://127.0.0.1:8318"
TIMEOUT_S: Final = 90.0
"""The store gives a question 60 s; it may have waited its turn before."""
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
"""A page is some megabytes; nothing of ours is larger."""

_KEY: Final = "SPANLEDGER_API_KEY"
_NOTHING: Final[Mapping[str, str]] = {}

_Answer = TypeVar("_Answer")


class Client:
    """The API at a base URL. Holds no connection: any thread may use it, also after a fork."""

    def __init__(
        self,
        url: str = URL_DEFAULT,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`key` is an API key or a token; `SPANLEDGER_API_KEY` unless given. `tls` replaces the system's trust.

        Raises `ConfigurationError` for a URL that is none, or a key that no header can carry.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            msg = f"{url!r} is no address of an API: write http://HOST:PORT or https://HOST:PORT"
            raise ConfigurationError(msg)
        self.url = url.rstrip("/")
        self._key = os.environ.get(_KEY, "") if key is None else key
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            msg = "the key has characters that no key has"
            raise ConfigurationError(msg)
        self._timeout_s = timeout_s
        self._tls = tls

    def report(
        self,
        by: str | Sequence[str] = (),
        *,
        measures: str | Sequence[str] = (),
        where: Mapping[str, str | Sequence[str]] = _NOTHING,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        tz: str = "UTC",
        order: str | None = None,
    ) -> list[Record]:
        """Sums by dimensions, every row: dimensions, measures, currency and the shares that are uncertain.

        Rows that move while pages are read may be missed or met twice: bound a report that must not by `until`.
        """
        query = [*_several("by", by), *_several("measures", measures), *_filter(where), *_bounds(since, until)]
        query += [("tz", tz), *([("order", order)] if order else [])]
        return [*self._rows("/v1/report", query)]

    def series(
        self,
        by: str = "",
        *,
        bucket: str = "auto",
        measures: str | Sequence[str] = (),
        top: int = 8,
        where: Mapping[str, str | Sequence[str]] = _NOTHING,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        tz: str = "UTC",
        currency: str = "",
    ) -> Series:
        """Measures over time: every bucket, the `top` largest groups of one dimension, and the rest as one."""
        asked = [*_several("by", by), *_several("measures", measures), *_filter(where), *_bounds(since, until)]
        asked += [("bucket", bucket), ("top", str(top)), ("tz", tz), ("currency", currency)]
        return self._get("/v1/series", asked, Series)

    def movers(
        self,
        by: str | Sequence[str] = (),
        *,
        since: datetime | str,
        until: datetime | str,
        measure: str = "cost",
        where: Mapping[str, str | Sequence[str]] = _NOTHING,
        tz: str = "UTC",
        currency: str = "",
        limit: int = 10,
    ) -> list[Record]:
        """What changed most against the time just before: dimensions, currency, before, after, difference, ratio."""
        asked = [*_several("by", by), *_filter(where), *_bounds(since, until)]
        asked += [("measure", measure), ("tz", tz), ("currency", currency), ("limit", str(limit))]
        return self._get("/v1/movers", asked, Page).rows

    def events(
        self,
        *,
        where: Mapping[str, str | Sequence[str]] = _NOTHING,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        newest: bool = False,
        page: int = EVENTS_MAX,
    ) -> Iterator[Event]:
        """Each event, the oldest first unless `newest`; pages are asked for as they are needed."""
        asked = [*_filter(where), *_bounds(since, until), ("newest", str(newest).lower()), ("limit", str(page))]
        cursor: str | None = ""
        while cursor is not None:
            told = self._get("/v1/events", [*asked, *_cursor(cursor)], EventPage)
            yield from told.events
            cursor = told.next_cursor

    def event(self, event_id: str) -> ExplainedEvent | None:
        """One event with its claims, rule and arithmetic; None if there is none that this key may know of."""
        try:
            return self._get(f"/v1/events/{_part(event_id)}", [], ExplainedEvent)
        except _NotThere:
            return None

    def prices(
        self, *, provider: str = "", model: str = "", at: datetime | str | None = None, dates: bool = False
    ) -> list[Record]:
        """What the book in force states, now or `at` a time; of every date with `dates`."""
        asked = [("provider", provider), ("model", model), ("dates", str(dates).lower()), *_time("at", at)]
        rows: list[Record] = []
        cursor: str | None = ""
        while cursor is not None:
            told = self._get("/v1/prices", [*asked, ("limit", str(ROWS_MAX)), *_cursor(cursor)], PricePage)
            rows += told.rows
            cursor = told.next_cursor
        return rows

    def benchmarks(
        self,
        *,
        where: Mapping[str, str | Sequence[str]] = _NOTHING,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> list[Record]:
        """Providers and models compared by what they cost, how long they take and how often they succeed."""
        return [*self._rows("/v1/benchmarks", [*_filter(where), *_bounds(since, until)])]

    def budgets(self) -> list[BudgetState]:
        """Every budget that this key may know of, as it stands."""
        return self._get("/v1/budgets", [], dict[str, list[BudgetState]])["budgets"]

    def budget(self, name: str) -> BudgetState | None:
        """One of them; None if there is none."""
        try:
            return self._get(f"/v1/budgets/{_part(name)}", [], BudgetState)
        except _NotThere:
            return None

    def reserve(
        self,
        call: Mapping[str, str] = _NOTHING,
        amount: Decimal | str | int | None = None,
        **asked: Any,  # noqa: ANN401
    ) -> Reservation:
        """Hold room for a call (or several: `calls=`) that may cost `amount`, or that the server prices by its tokens.

        The other fields are those of `Reserve`: `currency`, `input_tokens`, `max_output_tokens`, `lease_s`, …
        Raises `BudgetExceededError` or `PolicyDeniedError` when the call must not be made.
        """
        try:
            question = Reserve(call=dict(call), amount=_amount(amount), **asked)
        except TypeError as error:
            msg = f"a reservation has no such field: {error}"
            raise ConfigurationError(msg) from error
        return self._post("/v1/reservations", question, Reservation)

    def settle(self, reservation_id: str, amount: Decimal | str | int | None = None) -> Reservation:
        """Say what it came to; without an amount, all that was reserved. Doing it again changes nothing."""
        return self._post(
            f"/v1/reservations/{_part(reservation_id)}/settle", Settle(amount=_amount(amount)), Reservation
        )

    def release(self, reservation_id: str) -> Reservation:
        """Give the room back: the call was not made. Doing it again changes nothing."""
        return self._post(f"/v1/reservations/{_part(reservation_id)}/release", None, Reservation)

    def _rows(self, path: str, asked: Sequence[tuple[str, str]]) -> Iterator[Record]:
        cursor: str | None = ""
        while cursor is not None:
            told = self._get(path, [*asked, ("limit", str(ROWS_MAX)), *_cursor(cursor)], Page)
            yield from told.rows
            cursor = told.next_cursor

    def _get(self, path: str, asked: Sequence[tuple[str, str]], form: type[_Answer]) -> _Answer:
        return self._asked("GET", f"{path}?{urlencode(asked)}" if asked else path, None, form)

    def _post(self, path: str, question: msgspec.Struct | None, form: type[_Answer]) -> _Answer:
        return self._asked("POST", path, msgspec.json.encode(question) if question else b"{}", form)

    def _asked(self, method: str, path: str, body: bytes | None, form: type[_Answer]) -> _Answer:
        try:
            status, told = self._exchanged(method, path, body)
        except (OSError, HTTPException) as error:
            msg = f"the API at {self.url} does not answer ({error}): is spanledger serve running there?"
            raise StoreUnavailableError(msg) from error
        if status == 404:
            raise _NotThere(error_of(status, told, self.url))
        if status != 200:
            raise error_of(status, told, self.url)
        try:
            return msgspec.json.decode(told, type=form)
        except ValueError as error:
            msg = f"what {self.url} answers cannot be read ({error}): is it a spanledger serve of this version?"
            raise StoreUnavailableError(msg) from error

    def _exchanged(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {"accept": "application/json", **({"authorization": f"Bearer {self._key}"} if self._key else {})}
        if body is not None:
            headers["content-type"] = "application/json"
        parts = urlsplit(self.url)
        with closing(self._connection(parts.scheme, parts.hostname or "", parts.port)) as connection:
            connection.request(method, parts.path + path, body, headers)
            response = connection.getresponse()
            told = response.read(ANSWER_BYTES_MAX + 1)
        if len(told) > ANSWER_BYTES_MAX:
            msg = "its answer is larger than any of ours"
            raise HTTPException(msg)
        return response.status, told

    def _connection(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme == "http":
            return HTTPConnection(host, port, timeout=self._timeout_s)
        return HTTPSConnection(host, port, timeout=self._timeout_s, context=self._tls or ssl.create_default_context())


class _NotThere(ConfigurationError):
    """Nothing has this name."""


def _part(name: str) -> str:
    """A name as one part of a path."""
    if not name:
        msg = "an empty name names nothing"
        raise ConfigurationError(msg)
    return quote(name, safe="")


def _cursor(cursor: str) -> list[tuple[str, str]]:
    return [("cursor", cursor)] if cursor else []


def _several(name: str, values: str | Sequence[str]) -> list[tuple[str, str]]:
    text = values if isinstance(values, str) else ",".join(values)
    return [(name, text)] if text else []


def _filter(where: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    return [
        (f"where.{name}", value)
        for name, values in where.items()
        for value in ([values] if isinstance(values, str) else values)
    ]


def _bounds(since: datetime | str | None, until: datetime | str | None) -> list[tuple[str, str]]:
    return [*_time("since", since), *_time("until", until)]


def _time(name: str, moment: datetime | str | None) -> list[tuple[str, str]]:
    if moment is None:
        return []
    if isinstance(moment, datetime) and moment.tzinfo is None:
        msg = f"{name} {moment.isoformat()} is in no zone: give a time with an offset"
        raise ConfigurationError(msg)
    return [(name, moment.isoformat() if isinstance(moment, datetime) else moment)]


def _amount(amount: Decimal | str | int | None) -> Decimal | None:
    """An exact amount. A float is none: 0.1 is not a tenth."""
    if amount is None:
        return None
    try:
        exact = Decimal(amount) if isinstance(amount, Decimal | str) or type(amount) is int else None
    except ArithmeticError:
        exact = None
    if exact is None or not exact.is_finite():
        msg = f'the amount {amount!r} is no exact number: give a Decimal or a text such as "0.10"'
        raise ConfigurationError(msg)
    return exact
