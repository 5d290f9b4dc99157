"""What both doors share: who is asking, how many bytes are under way, and how long an answer may take.

An append that has begun always ends: neither a sender that goes away nor an answer that takes too long cancels
it. The sender is then told to come again, and the ledger folds the duplicate (OTLP 1.11, "Duplicate Data").

Every append runs in one loop, the gate's home; a door may live in another, and hands its requests over.
"""

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from spanledger.exporter.authentication import UNKNOWN_PEER, Authenticator, Peer, Role
from spanledger.exporter.credential import Credential
from spanledger.exporter.failures import Refused, TooLarge, Transient
from spanledger.exporter.journal import Signal
from spanledger.exporter.receiver.port import Answer, Intake

# What senders may have us hold at once, over all connections and both doors.
IN_FLIGHT_BYTES_MAX: Final = 256 * 1024 * 1024

# Stock senders give up after 10 s. An answer at 8 s leaves one more attempt; half a second covers the way back.
ANSWER_S_MAX: Final = 8.0
DEADLINE_MARGIN_S: Final = 0.5

# A body that takes longer than this holds its memory for nothing: 16 MiB in 30 s is 4.5 Mbit/s.
BODY_S_MAX: Final = 30.0

_LOG: Final = logging.getLogger("spanledger.receiver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may ask of us. Sizes in bytes, inflated; times in seconds."""

    body_bytes: int
    in_flight_bytes: int = IN_FLIGHT_BYTES_MAX
    body_s: float = BODY_S_MAX
    answer_s: float = ANSWER_S_MAX


class InFlight:
    """Counts the bytes that all requests hold together, and refuses what would exceed the limit. Any thread."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self.bytes = 0

    def take(self, count: int) -> None:
        """Add bytes to what is held. Raises `Transient` when they do not fit."""
        with self._lock:
            if self.bytes + count > self._bytes_max:
                msg = "too many bytes are in flight"
                raise Transient(msg)
            self.bytes += count

    def give_back(self, count: int) -> None:
        """Take bytes out again, once they are freed."""
        with self._lock:
            self.bytes -= count

    @contextmanager
    def reading(self) -> Generator[Callable[[int], None]]:
        """Yield the function that counts a body while it grows; what it counted is given back at the end."""
        held = 0

        def grow(count: int) -> None:
            nonlocal held
            self.take(count)
            held += count

        try:
            yield grow
        finally:
            self.give_back(held)


class Gate:
    """Hands requests of both doors to the intake, within the limits, until it is closed."""

    def __init__(
        self,
        intake: Intake,
        credential: Credential,
        limits: Limits,
        ready: Callable[[], bool],
        authenticator: Authenticator | None = None,
    ) -> None:
        self._intake = intake
        self._credential = credential
        self._authenticator = authenticator
        self._ready = ready
        self._appends: set[asyncio.Future[Answer]] = set()
        self._home: asyncio.AbstractEventLoop | None = None
        self.limits = limits
        self.closed = asyncio.Event()
        # gRPC tells a message's size only once it has all of it, so a call reads when a whole body limit is free
        # for it in one half of the allowance; bodies whose size is known share the other half.
        half = max(limits.in_flight_bytes // 2, limits.body_bytes)
        self.in_flight = InFlight(half)
        self.unsized_reads = asyncio.Semaphore(max(1, half // limits.body_bytes))

    def live_here(self) -> None:
        """Make the running loop the gate's home. Without one, a gate is used in one loop only."""
        self._home = asyncio.get_running_loop()

    @property
    def ready(self) -> bool:
        """Whether a request sent now could be made durable."""
        return not self.closed.is_set() and self._ready()

    def authenticate(self, headers: Mapping[str, str], peer: Peer = UNKNOWN_PEER) -> Credential:
        """Return whom a request may charge, by its lower-case headers and connection: on an open receiver anybody.

        Raises what `Authenticator.principal` raises, and `Denied` for somebody who may not send.
        """
        if self._authenticator is None:
            return self._credential
        principal = self._authenticator.principal(headers, peer)
        principal.require(Role.INGEST)
        return principal.credential

    def check_open(self) -> None:
        """Raise `Transient` when no request is taken any more."""
        if self.closed.is_set():
            msg = "the receiver is shutting down"
            raise Transient(msg)

    async def admit(self, signal: Signal, body: bytes, credential: Credential, budget_s: float | None = None) -> Answer:
        """Have a protobuf request made durable. Raises one of the failures of `exporter.failures`.

        `budget_s` is the time the sender still waits; None when it did not say.
        """
        if len(body) > self.limits.body_bytes:
            raise TooLarge(too_large(self.limits.body_bytes))
        append = self._begin(signal, body, credential)
        # wait() leaves the append alone, whether the time is up or the sender went away.
        done, _ = await asyncio.wait({append}, timeout=in_time(self.limits.answer_s, budget_s))
        if not done:
            msg = "the request was not confirmed as durable in time"
            raise Transient(msg)
        try:
            return append.result()
        except Refused:
            raise
        except Exception as bug:
            msg = "the request could not be taken now"
            raise Transient(msg) from bug

    async def until_closed(self) -> None:
        """Wait, in any loop, until no request is taken any more."""
        home = self._elsewhere()
        if home is None:
            await self.closed.wait()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.closed.wait(), home))

    def close(self) -> None:
        """Refuse every further request; health and readiness say so at once."""
        self.closed.set()

    async def settle(self, timeout_s: float) -> bool:
        """Wait for the appends under way. Return whether all of them ended in time."""
        if not self._appends:
            return True
        _, pending = await asyncio.wait(set(self._appends), timeout=timeout_s)
        return not pending

    def _elsewhere(self) -> asyncio.AbstractEventLoop | None:
        """The gate's home, if that is another loop than the running one."""
        return None if self._home in {None, asyncio.get_running_loop()} else self._home

    def _begin(self, signal: Signal, body: bytes, credential: Credential) -> asyncio.Future[Answer]:
        """Begin an append at home. Its bytes count from now on, wherever we are."""
        self.in_flight.take(len(body))
        home = self._elsewhere()
        if home is None:
            return self._append(signal, body, credential)
        told: Future[Answer] = Future()

        def begin() -> None:
            self._append(signal, body, credential).add_done_callback(lambda append: _tell(told, append))

        try:
            # A callback and no coroutine: who gives up waiting could cancel that before it has begun.
            home.call_soon_threadsafe(begin)
        except RuntimeError as closed:
            self.in_flight.give_back(len(body))
            msg = "the receiver is shutting down"
            raise Transient(msg) from closed
        answer = asyncio.wrap_future(told)
        # It was reported at home; a failure that nobody waits for any more is not to be logged again.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        return answer

    def _append(self, signal: Signal, body: bytes, credential: Credential) -> asyncio.Future[Answer]:
        held_bytes = len(body)
        append = asyncio.ensure_future(self._intake(signal, body, credential))
        self._appends.add(append)

        def ended(append: asyncio.Future[Answer]) -> None:
            self._appends.discard(append)
            self.in_flight.give_back(held_bytes)
            report_bug(None if append.cancelled() else append.exception())

        append.add_done_callback(ended)
        return append


def _tell(told: Future[Answer], append: asyncio.Future[Answer]) -> None:
    if append.cancelled() or not told.set_running_or_notify_cancel():
        told.cancel()
    elif (failure := append.exception()) is not None:
        told.set_exception(failure)
    else:
        told.set_result(append.result())


def in_time(limit_s: float, budget_s: float | None) -> float:
    """Return the seconds something may take, so that a sender which waits for `budget_s` more still reads the answer.

    None: it did not say how long.
    """
    return limit_s if budget_s is None else max(0.0, min(budget_s - DEADLINE_MARGIN_S, limit_s))


@asynccontextmanager
async def turn(places: asyncio.Semaphore, timeout_s: float) -> AsyncGenerator[None]:
    """Hold one of the places during a block. Raises `Transient` when none is free in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await places.acquire()
    except TimeoutError as error:
        msg = "too many requests are being read"
        raise Transient(msg) from error
    try:
        yield
    finally:
        places.release()


def report_bug(failure: BaseException | None) -> None:
    """Log an exception that is not one of our failures. Its text stays out: it may quote telemetry."""
    if failure is None or isinstance(failure, Refused):
        return
    where = "".join(traceback.format_tb(failure.__traceback__))
    _LOG.error("%s while taking a request; the sender was told to come again\n%s", type(failure).__name__, where)


def too_large(bytes_max: int) -> str:
    """Return the sentence for a body over the limit."""
    return f"the request is larger than {bytes_max} bytes: send smaller batches, or raise SPANLEDGER_BODY_BYTES_MAX"
