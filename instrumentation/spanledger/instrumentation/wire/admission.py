"""Asks the guard, where one is set, before a request leaves. What denies the call reaches the application, no more.

A call is asked for once each time it is sent. An event loop is not held up: what has to wait waits in a thread.
"""

import asyncio
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, cast

from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.guard import failed
from spanledger.instrumentation.wire.limits import output_limit
from spanledger.instrumentation.wire.request import estimated_input
from spanledger.instrumentation.wire.seen_as import seen_as
from spanledger.schemas.guarding import DENIALS, GUARD_GROUP, Guard, GuardedCall, Permit

if TYPE_CHECKING:
    from collections.abc import Callable

GUARD: Final = "SPANLEDGER_GUARD"
MODES: Final = ("enforce", "observe")

_OFF: Final = frozenset({"", "off", "false", "0", "no"})
_NOTHING: Final[Mapping[str, object]] = {}
_logger: Final = logging.getLogger(__name__)


def guard_from(environ: Mapping[str, str], stated: str | None = None) -> Guard | None:
    """The guard that is asked for: `stated` by the program, else by `SPANLEDGER_GUARD`. Never raises."""
    mode = (environ.get(GUARD, "") if stated is None else stated).strip().lower()
    if mode in _OFF:
        return None
    if mode not in MODES:
        _logger.warning("spanledger: %s %r is not %s: no call is guarded", GUARD, mode, " or ".join(MODES))
        return None
    try:
        for found in entry_points(group=GUARD_GROUP):
            make = cast("Callable[[Mapping[str, str], str], Guard]", found.load())
            return make(environ, mode)
        _logger.warning("spanledger: %s is set and no guard is installed: no call is guarded", GUARD)
    except Exception:
        _logger.warning("spanledger: the guard cannot be made: no call is guarded", exc_info=True)
    return None


def admit(attempt: Attempt) -> None:
    """Ask for a call that is about to be sent. Raises what denies it, and nothing else."""
    guard = attempt.guard
    if guard is not None:
        with _asking(attempt):
            attempt.permit = guard.before(_call(attempt))


async def admit_soon(attempt: Attempt) -> None:
    """The same on an event loop."""
    guard = attempt.guard
    if guard is not None:
        with _asking(attempt):
            call = _call(attempt)
            permit = guard.at_once(call)
            attempt.permit = await _in_a_thread(guard, call) if permit is None else permit


@contextmanager
def _asking(attempt: Attempt) -> Generator[None]:
    """What denies the call is raised as its caller's libraries see a failure; a failure of ours is not raised."""
    try:
        yield
    except DENIALS as denial:
        refused = denial
    except Exception:  # noqa: BLE001 (nothing of ours reaches the application)
        failed("ask the guard")
        return
    except BaseException as error:
        # Interrupted or cancelled while it waited: nothing was sent.
        attempt.end(error=error)
        raise
    else:
        return
    attempt.deny(refused)
    raise seen_as(refused) from None


async def _in_a_thread(guard: Guard, call: GuardedCall) -> Permit:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # A loop of another library: it is held up for one round trip.
        return guard.before(call)
    asked = loop.run_in_executor(None, guard.before, call)
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        asked.add_done_callback(_give_back)
        raise


def _give_back(asked: "asyncio.Future[Permit]") -> None:
    """Nobody waits for this permit any more."""
    if not asked.cancelled() and asked.exception() is None:
        asked.result().failed()


def _call(attempt: Attempt) -> GuardedCall:
    """What is known of a call."""
    endpoint, span, body = attempt.endpoint, attempt.span, attempt.body
    return GuardedCall(
        endpoint.provider,
        attempt.request.model,
        endpoint.operation,
        endpoint.stated if span is None else span.attributes,
        _NOTHING if span is None else span.resource,
        estimated_input(body),
        output_limit(body),
        0 if span is None else span.context.trace_id,
        0 if span is None else span.context.span_id,
    )
