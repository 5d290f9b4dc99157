"""Where reservations are made: one thread decides, writes what it decided in groups, and answers when it is durable.

Whoever waits is answered after the group's commit, so nobody holds what a crash could take back. When a commit fails
everybody of its group is told so, and the book is read again from the disk.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from logging import getLogger
from queue import SimpleQueue
from typing import Final, TypeVar

from spanledger.ledger.budgets.book import Book, Convert, Held
from spanledger.ledger.budgets.book_file import BookFile
from spanledger.schemas import SpanledgerError, StoreUnavailableError

_log = getLogger(__name__)

# Whoever stands behind so many waits some milliseconds longer; a commit costs the same for one as for all.
GROUP_MAX: Final = 256
_ANSWER_S_MAX: Final = 30.0
_FORGET_S: Final = 60.0

_Answer = TypeVar("_Answer")
_Work = Callable[[Book], object]


class Desk:
    """Does what is asked with the book, one after the other. Any thread may ask."""

    def __init__(self, file: BookFile, convert: Convert, now_ns: Callable[[], int]) -> None:
        """Read the file, and begin. Raises `StoreUnavailableError`."""
        self._file = file
        self._convert = convert
        self._now_ns = now_ns
        self._book = Book(convert)
        self._book.restore(*file.load())
        self._asked: SimpleQueue[tuple[_Work, Future[object]] | None] = SimpleQueue()
        self._forgot = time.monotonic()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="spanledger-reservations", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[Book], _Answer]) -> _Answer:
        """What `work` answers once everything it changed is durable, or what it raises."""
        try:
            return self.submit(work).result(_ANSWER_S_MAX)
        except TimeoutError as error:
            msg = f"the disk under {self._file.file} takes longer than {_ANSWER_S_MAX:g} s: come again"
            raise StoreUnavailableError(msg) from error

    def submit(self, work: Callable[[Book], _Answer]) -> "Future[_Answer]":
        """The same, later."""
        answer: Future[_Answer] = Future()
        # From now on nobody takes it back: it is done, and told to whoever still listens.
        answer.set_running_or_notify_cancel()
        with self._closing:
            if self._closed:
                msg = "the server stops, and reserves nothing any more"
                raise StoreUnavailableError(msg)
            self._asked.put((work, answer))  # pyright: ignore[reportArgumentType] (a future of what the work answers)
        return answer

    def find(self, book: Book, reservation_id: str) -> Held | None:
        """A reservation by its id: of the book, or from the disk. Only from within `work`."""
        return book.live.get(reservation_id) or self._file.find(reservation_id)

    def close(self) -> None:
        """Answer who waits, and end. Doing it twice is harmless."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._asked.put(None)
        self._thread.join(_ANSWER_S_MAX)
        self._file.close()

    def _run(self) -> None:
        going = True
        while going:
            group = [self._asked.get()]
            while len(group) < GROUP_MAX and not self._asked.empty():
                group.append(self._asked.get())
            going = None not in group
            self._answer([each for each in group if each is not None])

    def _answer(self, group: list[tuple[_Work, "Future[object]"]]) -> None:
        """Decide for everybody, commit once, answer everybody."""
        answers: list[Callable[[], None]] = []
        for work, answer in group:
            try:
                done = work(self._book)
            except Exception as error:  # noqa: BLE001 (whoever asked is told, whatever it is)
                answers.append(lambda answer=answer, error=error: answer.set_exception(error))
            else:
                answers.append(lambda answer=answer, done=done: answer.set_result(done))
        try:
            self._commit()
        except Exception as error:  # noqa: BLE001 (the thread outlives it, or everybody would wait for ever)
            answers = [lambda answer=answer, error=error: answer.set_exception(error) for _, answer in group]
        for tell in answers:
            tell()

    def _commit(self) -> None:
        changes, self._book.changes = self._book.changes, []
        try:
            if changes:
                self._file.write(changes)
            if time.monotonic() - self._forgot > _FORGET_S:
                self._forgot = time.monotonic()
                self._file.forget(self._now_ns())
        except Exception:
            self._start_again()
            raise

    def _start_again(self) -> None:
        """What is in memory and not on the disk was promised to nobody."""
        accounts = self._book.accounts
        try:
            held, kept = self._file.load()
        except SpanledgerError as error:
            _log.warning("reservations are held as before: %s", error)
            return
        self._book = Book(self._convert)
        self._book.restore(held, kept)
        # Nothing was read: nothing expires.
        self._book.renew(accounts.values(), self._now_ns(), 0)
