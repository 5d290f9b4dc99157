"""`attribution(tenant="acme", feature="search")`: a block, and a decorator of functions, coroutines and generators.

Blocks nest and merge: an inner value wins, and the outer one is back when the block ends. One object may be used many
times, at once, by any threads and tasks: what it opened is kept in the context, not in the object.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, cast

from opentelemetry.context import Context

from spanledger.instrumentation.attributing.applied import Applied, Change, attributed
from spanledger.instrumentation.attributing.fields import attributes_of
from spanledger.instrumentation.attributing.installing import install
from spanledger.instrumentation.attributing.kinds import Giving, Kind, deferred, kind_of
from spanledger.instrumentation.attributing.stepping import async_generator, generator

_P = ParamSpec("_P")
_R = TypeVar("_R")

_opened: ContextVar[tuple[tuple[object, Applied], ...]] = ContextVar("spanledger-opened", default=())
"""The blocks that are open and whose they are, outermost first."""


class attribution:  # noqa: N801 (read as a statement: `with attribution(tenant="acme"):`)
    """Whom the work inside is for: tenant, user_id, feature, team, project, cost_center, session_id, and any others."""

    __slots__ = ("_said",)

    def __init__(self, /, **fields: object) -> None:
        self._said = attributes_of(fields)

    def __enter__(self) -> Self:
        install()
        applied = Applied(self._attributed)
        applied.__enter__()
        _opened.set((*_opened.get(), (self, applied)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened = _opened.get()
        for place in range(len(opened) - 1, -1, -1):
            owner, applied = opened[place]
            if owner is self:
                above = opened[place + 1 :]
                if above:
                    above[0][1].outlive(applied)
                _opened.set(opened[:place] + above)
                applied.__exit__(kind, error, trace)
                break

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Attribute everything a function does, whatever kind of function it is."""
        return cast("Callable[_P, _R]", decorated(function, self._attributed))

    def _attributed(self, context: Context) -> Context:
        return attributed(context, self._said)


def decorated(function: Callable[..., object], change: Change) -> Callable[..., object]:
    """A function of the same kind that runs in a changed context."""
    install()
    return _of_kind(kind_of(function), function, change)


def _of_kind(kind: Kind, function: Callable[..., object], change: Change) -> Callable[..., object]:
    match kind:
        case Kind.FUNCTION:
            return _function(function, change)
        case Kind.COROUTINE:
            return _coroutine(cast("Callable[..., Awaitable[object]]", function), change)
        case Kind.GENERATOR:
            return generator(function, change)
        case Kind.ASYNC_GENERATOR:
            return async_generator(function, change)


def _function(function: Callable[..., object], change: Change) -> Callable[..., object]:
    @wraps(function)
    def in_function(*args: object, **kwargs: object) -> object:
        with Applied(change):
            given = [function(*args, **kwargs)]
        kind = deferred(given)
        # Nothing of it has run yet, and nobody else has it: it runs in the changed context too.
        return given[0] if kind is None else _of_kind(kind, Giving(given.pop()), change)()

    return in_function


def _coroutine(function: Callable[..., Awaitable[object]], change: Change) -> Callable[..., object]:
    @wraps(function)
    async def in_coroutine(*args: object, **kwargs: object) -> object:
        with Applied(change):
            return await function(*args, **kwargs)

    return in_coroutine
