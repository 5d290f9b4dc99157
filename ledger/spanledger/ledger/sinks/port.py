"""What a sink is: it takes events, or says that it cannot now."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from spanledger.ledger.tables import Value
from spanledger.schemas import SpanledgerError

Event: TypeAlias = Mapping[str, Value]
"""A posted ledger event as plain data, keys as the columns; money is exact text. `lines` is a list of mappings."""

OPTED_OUT: Final = "analytics"
"""The metadata that keeps an event from every sink when it is `false`."""


class SinkAwayError(SpanledgerError):
    """A sink takes nothing now; what it was given is given again later. The message holds no secret."""

    exit_code = 3


class Sink(Protocol):
    """A place that is told of posted events."""

    name: str
    """Under which its progress is kept."""
    from_beginning: bool
    """Whether it is told what was posted before it was first switched on."""

    def take(self, events: Sequence[Event]) -> None:
        """Make events durable there, or raise `SinkAwayError`. The same may be given again."""
        ...


def opted_out(event: Event) -> bool:
    """Whether the application said that this is told to nobody."""
    metadata = event.get("metadata")
    return isinstance(metadata, Mapping) and str(metadata.get(OPTED_OUT, "")).strip().lower() in {"false", "0", "no"}
