"""One process's queue and writer thread: all that waits becomes one group, one write, one fdatasync, one answer."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from spanledger.exporter.failures import Transient
from spanledger.exporter.journal.own_shard import OwnShard
from spanledger.exporter.journal.record import Entry

if TYPE_CHECKING:
    # Importing it costs an application 30 ms, and only a process that runs a loop hands us its futures.
    import asyncio

    Waiter: TypeAlias = Future[int] | asyncio.Future[int]

# While nothing arrives, posted segments are given back this often, and readers told what a full disk kept from them.
_IDLE_S: Final = 10.0
# After a refusal room is looked for this often: a balancer that was told so sends nothing that would find it.
_REFUSING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry in the queue, the room it takes, and who waits for it."""

    entry: Entry
    size: int
    waiter: "Waiter"


class Committer:
    """Takes entries from any thread; its own thread starts with the first.

    `fork_lock` is held while a group is written, so that no child is born with half of one.
    """

    def __init__(self, open_shard: Callable[[], OwnShard], *, group_bytes_max: int, queue_bytes_max: int) -> None:
        self._open_shard = open_shard
        self._group_bytes_max = group_bytes_max
        self._queue_bytes_max = queue_bytes_max
        self.listeners: list[Callable[[], None]] = []
        self.failed = threading.Event()
        self.accepting = threading.Event()
        self.accepting.set()
        self.shard: OwnShard | None = None
        self.fork_lock = threading.Lock()
        self.queue_lock = threading.RLock()
        self._wake = threading.Condition(self.queue_lock)
        self._answered = threading.Condition(self.queue_lock)
        self._queue: deque[Waiting] = deque()
        self._group: list[Waiting] = []
        self._bytes = 0
        self._put_count = 0
        self._answered_count = 0
        self._refusal = ""
        self.closing = False
        self._thread: threading.Thread | None = None

    def put(self, waiting: Waiting) -> None:
        """Queue one entry. Raises `Transient` when the journal takes none now."""
        with self.queue_lock:
            if self._refusal:
                raise Transient(self._refusal)
            if self._bytes and self._bytes + waiting.size > self._queue_bytes_max:
                msg = f"{self._bytes} bytes already wait for the journal's disk"
                raise Transient(msg)
            self._start()
            self._queue.append(waiting)
            self._bytes += waiting.size
            self._put_count += 1
            self._wake.notify()

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is queued now is answered: whether that happened, and the journal still works."""
        with self.queue_lock:
            goal = self._put_count
            done = self._answered.wait_for(lambda: self._answered_count >= goal, timeout_s)
        return done and not self.failed.is_set()

    def close(self, timeout_s: float) -> None:
        """Write what is queued, then let go of the shard. A disk that hangs keeps it held."""
        with self.queue_lock:
            self.closing = True
            self._refusal = self._refusal or "the journal is closed"
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                return
        with self.fork_lock:
            shard, self.shard = self.shard, None
            if shard is not None:
                shard.close()

    def _start(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name="spanledger-journal", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            msg = f"the journal's writer cannot start: {error}"
            raise Transient(msg) from error
        self._thread = thread

    def _run(self) -> None:
        try:
            while self._take():
                self._commit()
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread, nobody may wait for it in vain
            self._fail(f"the journal has failed and takes no more: {error}")

    def _take(self) -> bool:
        """Make the next group of what waits. False: closing, and nothing is left. An idle group is empty."""
        with self.queue_lock:
            while not self._queue:
                if self.closing:
                    return False
                idle_s = _IDLE_S if self.shard is not None and self.shard.has_chores else None
                if not self.accepting.is_set():
                    idle_s = _REFUSING_S
                if not self._wake.wait(idle_s):
                    return True
            size = 0
            while self._queue and (not size or size + self._queue[0].size <= self._group_bytes_max):
                self._group.append(self._queue.popleft())
                size += self._group[-1].size
            return True

    def _commit(self) -> None:
        group, size = self._group, sum(waiting.size for waiting in self._group)
        answers: Iterable[int | Transient]
        try:
            with self.fork_lock:
                first_seq = self._write(group, size)
            answers = range(first_seq, first_seq + len(group))
            self.accepting.set()
        except (Transient, OSError) as error:
            self.accepting.clear()
            first_seq, answers = 0, [Transient(f"the journal takes nothing now: {error}") for _ in group]
        _answer(group, answers)
        with self.queue_lock:
            self._group = []
            self._bytes -= size
            self._answered_count += len(group)
            self._answered.notify_all()
        if first_seq:
            for listener in tuple(self.listeners):
                listener()

    def _write(self, group: Sequence[Waiting], size: int) -> int:
        """The number of the group's first record; 0 for an empty group, which only gives posted segments back."""
        if self.shard is None:
            self.shard = self._open_shard()
        if group:
            return self.shard.commit([waiting.entry for waiting in group], size)
        if self.accepting.is_set():
            self.shard.reclaim()
        else:
            self.shard.look_for_room()
        return 0

    def _fail(self, reason: str) -> None:
        with self.queue_lock:
            self._refusal = reason
            self.failed.set()
            unanswered = [*self._group, *self._queue]
            self._group, self._bytes = [], 0
            self._queue.clear()
        _answer(unanswered, [Transient(reason) for _ in unanswered])
        with self.queue_lock:
            self._answered_count = self._put_count
            self._answered.notify_all()


def _answer(group: Sequence[Waiting], answers: Iterable[int | Transient]) -> None:
    """Tell every waiter; those of one event loop together, because waking a loop costs more than the answers."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], int | Transient]]] = {}
    for waiting, answer in zip(group, answers, strict=True):
        waiter = waiting.waiter
        if not isinstance(waiter, Future):
            by_loop.setdefault(waiter.get_loop(), []).append((waiter, answer))
        elif waiter.set_running_or_notify_cancel():
            _settle(waiter, answer)
    for loop, pairs in by_loop.items():
        # A closed loop has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, pairs)


def _settle_all(pairs: Sequence[tuple["asyncio.Future[int]", int | Transient]]) -> None:
    for future, answer in pairs:
        if not future.done():
            _settle(future, answer)


def _settle(waiter: "Waiter", answer: int | Transient) -> None:
    if isinstance(answer, int):
        waiter.set_result(answer)
    else:
        waiter.set_exception(answer)
