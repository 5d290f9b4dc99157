"""What a callable is, and what a plain one gave back that is work yet to be done. Pure.

A call may run a coroutine or a generator though what is called is no such function: a partial of one, an object whose
`__call__` is one, a plain function that hands on what one made. Another stands in the place of that only if nobody else
has it: whoever keeps a generator, and reads on later, finds his own. What is referred to from nowhere but where it was
given back is known by the count of its references, where the interpreter keeps one.
"""

import sys
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from inspect import CO_ITERABLE_COROUTINE, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Final, cast
from weakref import getweakrefcount


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
            # Another generator function's could not be awaited in the place of these.
            flags = getattr(getattr(each, "__code__", None), "co_flags", 0)
            return Kind.FUNCTION if flags & CO_ITERABLE_COROUTINE else Kind.GENERATOR
        if iscoroutinefunction(each):
            return Kind.COROUTINE
    return Kind.FUNCTION


def name_of(function: Callable[..., object]) -> str:
    """Its name; an object's is its class's."""
    made = _made(function)
    return str(getattr(made, "__name__", type(made).__name__))


def deferred(given: list[object]) -> Kind | None:
    """What is yet to run of what a plain function gave back, the one thing in this list and nowhere else with us.

    None if nothing is, it began elsewhere, or somebody else has it too.
    """
    kind = _yet_to_run(given[0])
    if kind is None or _references is None:
        return None
    return kind if _references(given[0]) == _LISTED and not getweakrefcount(given[0]) else None


def _yet_to_run(result: object) -> Kind | None:
    """Of whatever else can be awaited or iterated nobody knows when it is done, nor could another stand for it."""
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


class Giving:
    """A function that gives this once, and has its name. A coroutine that is not given is closed with it.

    Whoever closes a coroutine before it ran, or cancels its task, is not told that it was never awaited.
    """

    __slots__ = ("__name__", "__qualname__", "_result")

    def __init__(self, result: object) -> None:
        self._result = result
        self.__name__: str = getattr(result, "__name__", "give")
        self.__qualname__: str = getattr(result, "__qualname__", "give")

    def __call__(self) -> object:
        """Give it."""
        result, self._result = self._result, None
        return result

    def __del__(self) -> None:
        if type(self._result) is CoroutineType:
            self._result.close()


def _made(function: Callable[..., object]) -> Callable[..., object]:
    while isinstance(function, partial):
        function = function.func
    return function


_references: Final[Callable[[object], int] | None] = getattr(sys, "getrefcount", None)

_one: Final[list[object]] = [object()]

_LISTED: Final = 0 if _references is None else _references(_one[0])
"""The references of what is in one list and nowhere else; those of the asking are the interpreter's own affair."""
