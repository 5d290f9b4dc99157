"""What the doors ask of the rest of the exporter: one coroutine that makes a request durable."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from spanledger.exporter.credential import Credential
from spanledger.exporter.journal import Signal


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an accepted request: elements refused for good, and why. `Answer()` is full success.

    A message without rejected elements is a warning (OTLP 1.11, "Partial Success"). Never state a temporary
    condition here: a sender must not retry after a partial success.
    """

    rejected: int = 0
    message: str = ""
    reasons: tuple[str, ...] = ()
    """Why, each reason once, for who adds up several answers."""


Intake = Callable[[Signal, bytes, Credential], Awaitable[Answer]]
"""Takes one OTLP protobuf request and returns once it is durable. Raises the failures of `exporter.failures`."""
