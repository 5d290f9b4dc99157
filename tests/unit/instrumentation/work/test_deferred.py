"""Functions whose work is done after they have returned: it is recorded when it is done."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from inspect import iscoroutine, isgenerator
from threading import Event

import pytest
from support.attributing import Taken, plainly, taking

from spanledger.instrumentation import attribution, record
from spanledger.schemas import attributes as a


async def _items(number: int = 2) -> list[int]:
    await asyncio.sleep(0)
    return [0] * number


class Items:
    """An object that is called as a coroutine function is."""

    async def __call__(self) -> list[int]:
        """Give two."""
        return await _items()


def _found(taken: Taken) -> list[tuple[object, object]]:
    return [(said[a.LEDGER_OPERATION], said[a.LEDGER_UNITS]) for said in taken.said()]


@pytest.mark.parametrize(
    ("function", "name"),
    [(partial(_items, 2), "_items"), (Items(), "Items"), (partial(Items()), "Items"), (plainly(_items), "handing_on")],
)
def test_work_of_a_coroutine_is_recorded_when_it_is_done(
    function: Callable[[], Awaitable[list[int]]], name: str
) -> None:
    """Whoever makes the coroutine; one that nobody awaits has done nothing."""
    recorded = record("svc", units=len)(function)
    with taking() as taken:
        made = recorded()
        assert iscoroutine(made)
        assert _found(taken) == []
        assert asyncio.run(made) == [0, 0]
        assert _found(taken) == [(name, 2)]


def test_a_coroutine_of_a_plain_function_that_raises_is_recorded_as_any_other() -> None:
    """Only if that was asked for, and the error is the application's."""

    async def fails() -> None:
        raise ZeroDivisionError

    with taking() as taken:
        for asked in (False, True):
            with pytest.raises(ZeroDivisionError):
                asyncio.run(record("svc", "op", 3, record_on_error=asked)(plainly(fails))())
    assert _found(taken) == [("op", 3)]


def test_generators_of_a_plain_function_are_recorded_when_they_end() -> None:
    """They are generators still; one that was begun elsewhere is handed on as it is."""

    def numbers() -> Generator[int, int, str]:
        got = yield 1
        yield got
        return "done"

    async def async_numbers() -> AsyncGenerator[int, None]:
        yield 1

    async def collect(made: AsyncGenerator[int, None]) -> list[int]:
        return [each async for each in made]

    with taking() as taken:
        made = record("svc", "gen")(plainly(numbers))()
        assert isgenerator(made)
        assert (next(made), made.send(9)) == (1, 9)
        assert _found(taken) == []
        with pytest.raises(StopIteration) as stopped:
            next(made)
        assert stopped.value.value == "done"
        begun = numbers()
        next(begun)
        assert record("svc", "begun")(lambda: begun)() is begun
        assert asyncio.run(collect(record("svc", "agen")(plainly(async_numbers))())) == [1]
    assert _found(taken) == [("gen", 1), ("begun", 1), ("agen", 1)]


def test_a_task_stays_the_applications_and_is_recorded_when_it_is_done() -> None:
    """Whom it is for is who asked for it; a task that is over is recorded at once."""

    @record("svc", "task", units=len)
    def start() -> asyncio.Task[list[int]]:
        tasks.append(asyncio.create_task(_items()))
        return tasks[-1]

    tasks: list[asyncio.Task[list[int]]] = []

    async def run() -> None:
        with attribution(tenant="acme"):
            task = start()
        assert task is tasks[0]
        assert taken.spans == []
        assert await task == [0, 0]
        assert taken.said()[0][a.LEDGER_TENANT] == "acme"
        assert record("svc", "over", units=len)(lambda: task)() is task

    with taking() as taken:
        asyncio.run(run())
    assert _found(taken) == [("task", 2), ("over", 2)]


def test_a_task_that_fails_is_the_applications_to_look_at() -> None:
    """It is no success, cancelled or failed; asyncio warns of an error that nobody retrieved, as without us."""

    async def fails() -> None:
        raise ZeroDivisionError

    async def run() -> None:
        warned = asyncio.Event()
        said: list[str] = []

        def warn(_loop: object, context: dict[str, object]) -> None:
            said.append(str(context["message"]))
            warned.set()

        asyncio.get_running_loop().set_exception_handler(warn)
        for cancel in (True, False):
            task = record("svc", "op", 2, record_on_error=True)(lambda: asyncio.create_task(fails()))()
            if cancel:
                task.cancel()
            await asyncio.wait([task])
        del task
        gc.collect()
        await warned.wait()
        assert said == ["Task exception was never retrieved"]

    with taking() as taken:
        asyncio.run(run())
    assert [said[a.ERROR_TYPE] for said in taken.said()] == ["CancelledError", "ZeroDivisionError"]


def test_an_executors_future_is_recorded_for_whoever_submitted_it() -> None:
    """In the worker's thread, and for the tenant of the call."""
    may = Event()

    with ThreadPoolExecutor(1) as pool, taking() as taken:

        @record("svc", "submitted", units=len)
        def submit() -> Future[list[int]]:
            return pool.submit(lambda: [0, 0] if may.wait(10) else [])

        with attribution(tenant="acme"):
            future = submit()
        assert taken.spans == []
        may.set()
        pool.shutdown()
        assert future.result() == [0, 0]
        assert taken.said()[0][a.LEDGER_TENANT] == "acme"
        failing = record("svc", "failed", 2, record_on_error=True)(Future[None])()
        failing.set_exception(ZeroDivisionError())
        left = record("svc", "left", 2, record_on_error=True)(Future[None])()
        left.cancel()
    assert _found(taken) == [("submitted", 2), ("failed", 2), ("left", 2)]
