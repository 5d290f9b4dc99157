"""Making a context current and putting the former one back, wherever that happens. Never raises."""

from collections.abc import Callable, Mapping
from types import TracebackType

from opentelemetry.baggage import get_all, remove_baggage, set_baggage
from opentelemetry.context import Context, attach, get_current, set_value

from spanledger.instrumentation.attributing.failing import failed
from spanledger.instrumentation.attributing.fields import joined
from spanledger.schemas import attributes as a
from spanledger.schemas.ambient import CONTEXT_KEY, ambient, statement

Change = Callable[[Context], Context]
"""What is to hold inside, made of what holds outside."""


def attributed(context: Context, said: Mapping[str, str]) -> Context:
    """A context in which more is said of whom work is for."""
    outer = ambient(context)
    if a.LEDGER_AGENT in said:
        outer = statement(context)
    return replaced(context, joined(outer, said))


def replaced(context: Context, stated: Mapping[str, str]) -> Context:
    """A context in which exactly this is said."""
    for name in get_all(context):
        if str(name).startswith(a.LEDGER_PREFIX) and name not in stated:
            context = remove_baggage(name, context)
    for name, value in stated.items():
        context = set_baggage(name, value, context)
    return set_value(CONTEXT_KEY, stated, context)


class Applied:
    """A block in a changed context; used once."""

    __slots__ = ("_before", "_change", "own")

    def __init__(self, change: Change) -> None:
        self._change = change
        self.own: Context | None = None
        """The context inside; None if it could not be made."""

    def __enter__(self) -> None:
        self._before = get_current()
        try:
            self.own = self._change(self._before)
            attach(self.own)
        except Exception as error:  # noqa: BLE001 (the guard between our faults and the application)
            self.own = None
            failed("an attribution cannot be opened", error)

    def outlive(self, below: "Applied") -> None:
        """A change that was made before this one ended first: what is to be restored is what was before both."""
        self._before = below._before  # noqa: SLF001 (another of the same)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Elsewhere than where it was opened (a generator that another task disposes of) there is nothing to undo.
        if self.own is not None and ambient() is ambient(self.own):
            attach(self._before)
