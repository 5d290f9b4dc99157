import asyncio
import gc
import multiprocessing
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
from opentelemetry.trace import get_current_span
from support.attributing import stamped, tracer

from spanledger.instrumentation import attribution

WAIT_S = 60


def process_of(context: Any, sender: object) -> multiprocessing.Process:  # noqa: ANN401 (whichever it is)
    """A process that tells what is stamped in it."""
    return context.Process(target=send_stamped, args=(sender,))


def send_stamped(sender: Any) -> None:  # noqa: ANN401 (a pipe's end)
    """Tell the other process what is stamped in this one."""
    sender.send(stamped())


class Overriding(threading.Thread):
    """A thread with a `run` of its own."""

    found: object = None

    def run(self) -> None:
        """Remember what is stamped."""
        self.found = stamped()


def in_thread(function: Callable[[], object]) -> object:
    """What a function returns in a thread of its own."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(WAIT_S)
    return found[0]


def test_a_thread_works_for_who_started_it() -> None:
    """Whether it is given a function or overrides `run`, and a timer too; the current span stays where it was."""
    found: list[object] = []
    with attribution(tenant="acme"), tracer.start_as_current_span("request"):
        assert in_thread(stamped) == {"tenant": "acme"}
        assert in_thread(lambda: get_current_span().is_recording()) is False
        overriding = Overriding()
        overriding.start()
        timer = threading.Timer(0, lambda: found.append(stamped()))
        timer.start()
    for thread in (overriding, timer):
        thread.join(WAIT_S)
    assert (overriding.found, found) == ({"tenant": "acme"}, [{"tenant": "acme"}])
    assert in_thread(stamped) == {}


def test_a_thread_is_not_kept_alive() -> None:
    """Carrying makes no cycle: a thread that is done goes with its last name."""
    gc.disable()
    try:
        with attribution(tenant="acme"):
            thread = threading.Thread(target=stamped)
            thread.start()
        thread.join(WAIT_S)
        alive = weakref.ref(thread)
        del thread
        assert alive() is None
    finally:
        gc.enable()


def test_each_task_of_a_thread_pool_works_for_its_own() -> None:
    """The pool's thread was started by one tenant and works for the next, and for nobody."""
    with ThreadPoolExecutor(1) as pool:
        with attribution(tenant="acme"):
            first = pool.submit(stamped)
        with attribution(tenant="umbrella"):
            mapped = list(pool.map(_stamped_of, range(2)))
        assert first.result(WAIT_S) == {"tenant": "acme"}
        assert mapped == [{"tenant": "umbrella"}] * 2
        assert pool.submit(stamped).result(WAIT_S) == {}


def test_a_loops_executor_works_for_the_task() -> None:
    """`run_in_executor` and `to_thread` too."""

    async def both() -> tuple[object, object]:
        loop = asyncio.get_running_loop()
        with attribution(tenant="acme"):
            return await loop.run_in_executor(None, stamped), await asyncio.to_thread(stamped)

    assert asyncio.run(both()) == ({"tenant": "acme"}, {"tenant": "acme"})


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_works_for_who_started_it(method: str) -> None:
    """However it is started."""
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    with attribution(tenant="acme"):
        child = process_of(context, sender)
        child.start()
    assert receiver.poll(WAIT_S)
    assert receiver.recv() == {"tenant": "acme"}
    child.join(WAIT_S)


def test_each_task_of_a_process_pool_works_for_its_own() -> None:
    """Its processes were started by one tenant and work for the next, and for nobody."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        with attribution(tenant="acme"):
            first = pool.submit(stamped).result(WAIT_S)
        with attribution(tenant="umbrella"):
            second = list(pool.map(_stamped_of, range(2)))
        assert (first, second) == ({"tenant": "acme"}, [{"tenant": "umbrella"}] * 2)
        assert pool.submit(stamped).result(WAIT_S) == {}


def test_each_task_of_a_multiprocessing_pool_works_for_its_own() -> None:
    """Pools that were made inside a block work for others outside of it, of processes and of threads."""
    with attribution(tenant="acme"):
        pools = (multiprocessing.get_context("fork").Pool(1), ThreadPool(1))
    for pool in pools:
        with pool:
            with attribution(tenant="umbrella"):
                assert pool.apply(stamped) == {"tenant": "umbrella"}
                assert pool.map(_stamped_of, [1]) == [{"tenant": "umbrella"}]
                assert list(pool.imap(_stamped_of, [1])) == [{"tenant": "umbrella"}]
            assert pool.apply(stamped) == {}


def _stamped_of(_: object) -> dict[str, object]:
    return stamped()
