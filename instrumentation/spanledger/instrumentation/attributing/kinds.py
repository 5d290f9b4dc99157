"""What a callable is, and what a plain one gave back that is work yet to be done. Pure.

A call may run a coroutine or a generator though what is called is no such function: a partial of one, an object whose
`__call__` is one, a plain function that hands on what one made.
"""

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from inspect import CO_ITERABLE_COROUTINE, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import cast


class Kind(Enum):
    """What runs when it is called, or when what it gave is awaited or iterated."""

    FUNCTION = auto()
    COROUTINE = auto()
    GENERATOR = auto()
    ASYNC_GENERATOR = auto()


def kind_of(function: Callable[..., object]) -> Kind:
    """What a call of it gives."""
    made = _made(function)
    for each in (made, getattr(type(made), "__call__", None)):  # noqa: B004 (its own method, if it has one)
        if isasyncgenfunction(each):
            return Kind.ASYNC_GENERATOR
        if isgeneratorfunction(each):
            return Kind.GENERATOR
        if iscoroutinefunction(each):
            return Kind.COROUTINE
    return Kind.FUNCTION


def name_of(function: Callable[..., object]) -> str:
    """Its name; an object's is its class's."""
    made = _made(function)
    return str(getattr(made, "__name__", type(made).__name__))


def deferred(result: object) -> Kind | None:
    """What is yet to run of what a plain function gave back; None if nothing is, or it began elsewhere.

    Of whatever else can be awaited or iterated nobody knows when it is done, and no other could stand in its place.
    """
    if type(result) is CoroutineType:
        return Kind.COROUTINE if result.cr_frame is not None and not result.cr_suspended else None
    if type(result) is GeneratorType:
        begun = result.gi_frame is None or result.gi_suspended or result.gi_running
        # One that can be awaited could not be, if another generator stood in its place.
        return None if begun or result.gi_code.co_flags & CO_ITERABLE_COROUTINE else Kind.GENERATOR
    if type(result) is AsyncGeneratorType:
        # Python 3.11 does not say whether one is suspended.
        suspended = getattr(cast("object", result), "ag_suspended", False)
        begun = result.ag_frame is None or result.ag_running or suspended
        return None if begun else Kind.ASYNC_GENERATOR
    return None


def giving(result: object) -> Callable[..., object]:
    """A function that gives this, and has its name."""

    def give() -> object:
        return result

    give.__name__ = getattr(result, "__name__", give.__name__)
    give.__qualname__ = getattr(result, "__qualname__", give.__qualname__)
    return give


def _made(function: Callable[..., object]) -> Callable[..., object]:
    while isinstance(function, partial):
        function = function.func
    return function
