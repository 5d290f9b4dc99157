"""Ledger events as JSON lines at the end of a file, on disk when `take` returns.

The file is opened for each batch, so it may be moved away at any time. A line that a crash cut short is ended, and its
event written again; who reads skips what is no JSON, and knows repeats by `event_id`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from spanledger.ledger.sinks.port import Event, SinkAwayError

# Users and what they cost: for the owner's eyes.
_MODE: Final = 0o600


class JsonLines:
    """A file of JSON lines."""

    from_beginning = True

    def __init__(self, path: Path | str, *, name: str = "") -> None:
        self.path = Path(path).expanduser().absolute()
        self.name = name or f"jsonl:{self.path}"

    def take(self, events: Sequence[Event]) -> None:
        """Append events. Raises `SinkAwayError`."""
        lines = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)
            try:
                _append(fd, lines)
            finally:
                os.close(fd)
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror}"
            raise SinkAwayError(msg) from error


def _append(fd: int, lines: bytes) -> None:
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        lines = b"\n" + lines
    view = memoryview(lines)
    while view:
        view = view[os.write(fd, view) :]
    os.fsync(fd)
