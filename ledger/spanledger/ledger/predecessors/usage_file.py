"""`llm_usage.json`, the array that 371OS keeps: a record is put before its last bracket, without reading the rest.

For people and their other programs; the ledger does not depend on it. Writers of one machine take turns.
"""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from spanledger.schemas import StoreError

_TAIL_BYTES: Final = 4096
_INDENT: Final = 2


def append(path: Path, record: Mapping[str, object]) -> None:
    """Add a record; the file is made if it is not there. Raises `StoreError` if it is no array, and leaves it alone."""
    text = msgspec.json.format(msgspec.json.encode(dict(record)), indent=_INDENT)
    indented = b"\n".join(b" " * _INDENT + line for line in text.split(b"\n"))
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        at, before = _end_of_records(fd, path)
        _write(fd, before + indented + b"\n]\n", at)
    finally:
        os.close(fd)


def _end_of_records(fd: int, path: Path) -> tuple[int, bytes]:
    """Where to write, and what goes before the record."""
    size = os.fstat(fd).st_size
    start = max(0, size - _TAIL_BYTES)
    tail = os.pread(fd, _TAIL_BYTES, start)
    kept = tail.rstrip()
    if not kept and not start:
        return 0, b"[\n"
    inner = kept[:-1].rstrip() if kept.endswith(b"]") else b""
    if not inner:
        msg = f"{path} is no array of usage records: nothing is written to it"
        raise StoreError(msg)
    return start + len(inner), b"\n" if inner.endswith(b"[") and not start + len(inner) - 1 else b",\n"


def _write(fd: int, text: bytes, at: int) -> None:
    view = memoryview(text)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written
    os.ftruncate(fd, at)
