"""The journal's front door for writers: `append`, and a future that resolves when the entry is durable.

Nothing exists before the first append in this process: no thread, no file, no folder. A forked child starts over with a
shard of its own and never touches its parent's.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanledger.exporter.failures import Permanent, Refused
from spanledger.exporter.journal.committer import Committer, Waiting
from spanledger.exporter.journal.disk import DISK, Disk
from spanledger.exporter.journal.format import entry_bytes
from spanledger.exporter.journal.own_shard import OwnShard, Terms
from spanledger.exporter.journal.record import Entry, RecordType
from spanledger.exporter.journal.segment import SEGMENT_OVERHEAD_BYTES

if TYPE_CHECKING:
    import asyncio

SEGMENT_BYTES: Final = 64 * 1024 * 1024
# Smaller ones are mostly header, and roll (three syncs) with nearly every group.
SEGMENT_BYTES_MIN: Final = 4096
# 8 hours without a ClickHouse server at 2 000 spans of 350 bytes a second.
QUOTA_BYTES: Final = 20 * 1000**3
# A store on the same disk needs room to take in what the journal holds: two segments, and 64 MiB to insert and merge.
FLOOR_BYTES: Final = 2 * SEGMENT_BYTES + 64 * 1024 * 1024
# What may wait for the disk: a second's worth of a slow one. Beyond it, senders are told to come back.
QUEUE_BYTES: Final = 64 * 1024 * 1024
# Larger groups make the first sender in them wait longer, and are no faster (measured).
GROUP_BYTES_MAX: Final = 4 * 1024 * 1024
# A disk that does not answer for this long will not; the process must be able to end.
CLOSE_TIMEOUT_S: Final = 30.0


class JournalWriter:
    """The one writer of a process: every thread appends, groups are durable together."""

    def __init__(
        self,
        root: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        quota_bytes: int = QUOTA_BYTES,
        queue_bytes: int = QUEUE_BYTES,
        floor_bytes: int = FLOOR_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,
        disk: Disk = DISK,
    ) -> None:
        if segment_bytes < SEGMENT_BYTES_MIN:
            msg = f"journal segments of {segment_bytes} bytes are smaller than {SEGMENT_BYTES_MIN}"
            raise ValueError(msg)
        self._terms = Terms(
            root=root,
            segment_bytes=segment_bytes,
            quota_bytes=quota_bytes,
            floor_bytes=floor_bytes,
            clock_ns=clock_ns,
            disk=disk,
        )
        self._queue_bytes = queue_bytes
        self._start_over()
        _WRITERS.add(self)

    def append(self, entry: Entry) -> Future[int]:
        """Queue one entry. The future resolves to its sequence number after the group's fdatasync.

        It fails with `Transient` (queue or quota full, no space, journal closed or failed: the sender may come back) or
        with `Permanent` (the format cannot hold the entry).
        """
        future: Future[int] = Future()
        try:
            self._put(entry, future)
        except Refused as refusal:
            future.set_exception(refusal)
        return future

    def append_async(self, entry: Entry, loop: "asyncio.AbstractEventLoop") -> "asyncio.Future[int]":
        """The same for a coroutine: a future of its own loop, which is woken once for a whole group of answers."""
        future = loop.create_future()
        try:
            self._put(entry, future)
        except Refused as refusal:
            future.set_exception(refusal)
        return future

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything appended so far is answered: False when time ran out or the journal has failed."""
        return self._here().flush(timeout_s)

    def close(self) -> None:
        """Write what is queued and let go of the shard. Later appends are refused; a second close does nothing."""
        self._here().close(CLOSE_TIMEOUT_S)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have a callable called in the writer's thread after each durable group. It is quick and never raises.

        Listeners belong to the process that added them: a forked child starts without.
        """
        self._here().listeners.append(listener)

    @property
    def failed(self) -> threading.Event:
        """Set when the disk can no longer be trusted: every later append is refused, the process should end."""
        return self._here().failed

    @property
    def accepting(self) -> threading.Event:
        """Cleared when a group was refused for want of room; set again when there is room, asked for or not."""
        return self._here().accepting

    @property
    def shard_path(self) -> Path | None:
        """The folder this process writes to; None before the first append, and after closing."""
        shard = self._here().shard
        return shard.folder if shard is not None else None

    def let_go(self, *, consistent: bool) -> None:
        """In a forked child: what is queued, and who waits for it, is the parent's; its locks are not to be touched."""
        inherited = self.committer
        self._start_over()
        if inherited.shard is not None:
            inherited.shard.forget(consistent=consistent)
        if inherited.closing:
            self.committer.close(CLOSE_TIMEOUT_S)

    def _put(self, entry: Entry, waiter: "Future[int] | asyncio.Future[int]") -> None:
        if entry.type is RecordType.SEGMENT_END:
            msg = "the end of a segment is the journal's own to write"
            raise Permanent(msg)
        try:
            size = entry_bytes(entry)
        except ValueError as error:
            msg = f"the journal cannot keep this: {error}"
            raise Permanent(msg) from error
        self._here().put(Waiting(entry, size, waiter))

    def _here(self) -> Committer:
        """The committer of the process we are in. A fork that ran no hook (a bare `clone`) is noticed here."""
        if self._pid != os.getpid():
            with _CLONED:
                if self._pid != os.getpid():
                    self.let_go(consistent=False)
        return self.committer

    def _start_over(self) -> None:
        self.committer = Committer(
            # Bound to self: as long as the writer's thread lives, so does this object, and the fork hooks find it.
            self._open_shard,
            group_bytes_max=min(GROUP_BYTES_MAX, self._terms.segment_bytes - SEGMENT_OVERHEAD_BYTES),
            queue_bytes_max=self._queue_bytes,
        )
        self._pid = os.getpid()

    def _open_shard(self) -> OwnShard:
        return OwnShard(self._terms)


# Every writer of this process, weakly: one that nobody uses any more is collected.
_WRITERS: Final[weakref.WeakSet[JournalWriter]] = weakref.WeakSet()
_CLONED: Final = threading.Lock()


class _Paused(threading.local):
    """What the thread that forks has locked, to be unlocked by the same thread in the parent."""

    def __init__(self) -> None:
        self.committers: list[Committer] = []


_PAUSED: Final = _Paused()


def _before_fork() -> None:
    """Wait for the groups being written, and let no thread change anything."""
    _PAUSED.committers = sorted((writer.committer for writer in list(_WRITERS)), key=id)
    for committer in _PAUSED.committers:
        committer.fork_lock.acquire()
        committer.queue_lock.acquire()


def _after_fork_in_parent() -> None:
    for committer in reversed(_PAUSED.committers):
        committer.queue_lock.release()
        committer.fork_lock.release()
    _PAUSED.committers = []


def _after_fork_in_child() -> None:
    _PAUSED.committers = []
    for writer in list(_WRITERS):
        writer.let_go(consistent=True)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
