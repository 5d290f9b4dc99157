"""Decorated plain functions hand on what others made: the application finds its own, as it left it."""

import asyncio
import gc
import types
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from itertools import islice
from typing import Any

import pytest
from support.attributing import plainly, taking

from spanledger.instrumentation import attribution, record

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

DECORATORS: dict[str, Decorator] = {"attribution": attribution(tenant="acme"), "record": record("svc", "op")}


@pytest.fixture(params=DECORATORS, autouse=True)
def decorate(request: pytest.FixtureRequest) -> Generator[Decorator]:
    """Each of our decorators."""
    with taking():
        yield DECORATORS[request.param]


def _numbers() -> Generator[int]:
    yield from range(4)


async def _async_numbers() -> AsyncGenerator[int]:
    for number in range(4):
        yield number


async def _work() -> int:
    await asyncio.sleep(0)
    return 7


def test_a_generator_that_its_owner_keeps_is_read_in_two_goes(decorate: Decorator) -> None:
    """It is the same at each call, and nobody closes it when the first reader leaves."""
    kept = _numbers()
    rows: Callable[[], Generator[int]] = decorate(lambda: kept)
    assert rows() is kept
    assert list(islice(rows(), 2)) == [0, 1]
    assert list(rows()) == [2, 3]


def test_an_async_generator_that_its_owner_keeps_is_read_in_two_goes(decorate: Decorator) -> None:
    """The same, where the event loop closes what is dropped."""

    async def read() -> list[int]:
        kept = _async_numbers()
        rows = decorate(lambda: kept)
        found: list[int] = []
        async for number in rows():
            found.append(number)
            if number == 1:
                break
        for _ in range(3):
            await asyncio.sleep(0)
        return found + [number async for number in rows()]

    assert asyncio.run(read()) == [0, 1, 2, 3]


@pytest.mark.parametrize("make", [_numbers, _async_numbers, _work])
def test_what_anybody_else_has_is_handed_on_as_it_is(decorate: Decorator, make: Callable[[], Any]) -> None:
    """In a list, in an object, as an argument, or by a weak reference; what nobody has is ours to stand in for."""
    kept: list[Any] = []
    holder = types.SimpleNamespace(made=None)

    def in_a_list() -> object:
        kept.append(make())
        return kept[-1]

    def in_an_object() -> object:
        holder.made = make()
        return holder.made

    def weakly() -> object:
        made = make()
        kept.append(weakref.ref(made))
        return made

    argument = make()
    listed, owned, weak = (decorate(function)() for function in (in_a_list, in_an_object, weakly))
    assert (listed, owned, weak) == (kept[0], holder.made, kept[1]())
    assert decorate(_same)(argument) is argument
    fresh = decorate(plainly(make))()
    assert _code(fresh) is not _code(argument)
    for made in (listed, owned, weak, argument, fresh):
        if isinstance(made, Coroutine):
            made.close()


def _same(given: object) -> object:
    return given


def _code(made: object) -> object:
    return next(getattr(made, name) for name in ("gi_code", "ag_code", "cr_code") if hasattr(made, name))


def _closed(function: Callable[[], Any]) -> None:
    function().close()


def _cancelled(function: Callable[[], Any]) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(function())
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancel())


def _dropped(function: Callable[[], Any]) -> None:
    function()


@pytest.mark.parametrize("leave", [_closed, _cancelled, _dropped])
def test_a_coroutine_that_never_runs_is_warned_of_as_without_us(
    decorate: Decorator, leave: Callable[[Callable[[], Any]], None]
) -> None:
    """Closed, or its task cancelled before it ran: not at all. Dropped: once, by its name."""

    def warned(function: Callable[[], Any]) -> list[str]:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            leave(function)
            gc.collect()
        return [str(each.message) for each in found]

    assert warned(decorate(plainly(_work))) == warned(plainly(_work))


def test_a_generator_function_whose_generators_are_awaited_stays_one(decorate: Decorator) -> None:
    """Coroutines of the former kind."""

    @types.coroutine
    def former() -> Generator[None, None, int]:
        yield
        return 7

    async def wait() -> int:
        return await decorate(former)()

    assert asyncio.run(wait()) == 7
