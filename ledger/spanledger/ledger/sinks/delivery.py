"""From the ledger to one sink, until nothing is left. What was given is noted before the cursor moves on."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from spanledger.ledger.sinks.feed import Query, now_ns, page_after
from spanledger.ledger.sinks.port import Event, Sink, SinkAwayError, opted_out
from spanledger.ledger.sinks.progress import Progress

EVENTS_PER_TAKE: Final = 200


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did."""

    events: int
    failure: str = ""
    """Why the sink took no more; empty when it took all there was."""


def deliver(query: Query, sink: Sink, progress: Progress, go_on: Callable[[], bool] = lambda: True) -> Delivered:
    """Give a sink what was posted since the last time. Raises what `query` raises; a sink's failure is answered."""
    cursor = progress.cursor_ns(sink.name, 0 if sink.from_beginning else now_ns(query))
    given = 0
    while go_on():
        page = page_after(query, cursor)
        known = progress.known(sink.name, (str(event["event_id"]) for event in page.events))
        fresh = iter([event for event in page.events if event["event_id"] not in known and not opted_out(event)])
        while go_on() and (batch := list(islice(fresh, EVENTS_PER_TAKE))):
            if why := _given(sink, batch):
                progress.failed(sink.name, why)
                return Delivered(given, why)
            progress.note(sink.name, (str(event["event_id"]) for event in batch), page.upto_ns)
            given += len(batch)
        if next(fresh, None) is not None:
            break
        progress.advance(sink.name, page.safe_ns)
        if not page.more:
            break
        cursor = page.upto_ns
    return Delivered(given)


def _given(sink: Sink, events: list[Event]) -> str:
    """Why a sink did not take events; empty if it did."""
    try:
        sink.take(events)
    except SinkAwayError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (a client that an application brought may raise anything)
        # Of a stranger's error its class alone: its text may quote what was sent.
        return f"{sink.name} failed with {type(error).__name__}"
    return ""
