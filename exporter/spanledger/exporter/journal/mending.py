"""Set right what is damaged, by a human decision: first the unreadable bytes are kept, and only then anything changes.

They lie under ROOT/unreadable/<shard>/, named after their file and place; nobody deletes them but their owner.
"""

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

from spanledger.exporter.journal.disk import Disk, write_all
from spanledger.exporter.journal.format import Mark, SegmentHeader, encode_segment_header
from spanledger.exporter.journal.layout import make_folders
from spanledger.exporter.journal.locks import root_lock
from spanledger.exporter.journal.marks import write_posted
from spanledger.exporter.journal.record import Position
from spanledger.exporter.journal.survey import Damage

UNREADABLE: Final = "unreadable"
_NAME_BYTES: Final = 4


def keep(disk: Disk, folder: Path, damage: Damage) -> list[Path]:
    """Copy the unreadable bytes of a shard aside, durably: where they are. Raises `OSError`."""
    kept_in = folder.parent / UNREADABLE / folder.name
    if damage.pieces:
        make_folders(disk, kept_in)
    kept: list[Path] = []
    for piece in damage.pieces:
        source = disk.open(piece.path, os.O_RDONLY)
        try:
            content = disk.pread(source, piece.end - piece.start, piece.start)
        finally:
            disk.close(source)
        # The same place may be damaged again, with other bytes: those are another file.
        digest = blake2b(content, digest_size=_NAME_BYTES).hexdigest()
        kept.append(kept_in / f"{piece.path.name}.{piece.start}.{digest}")
        _write(disk, kept[-1], content)
    if kept:
        disk.fsync_dir(kept_in)
    return kept


def mend_header(disk: Disk, folder: Path, damage: Damage) -> None:
    """Write a segment's header anew. Raises `OSError`; a crash leaves it as unreadable as it was."""
    first_seq = damage.first_seq
    # Where no record tells the epoch, none is left to be found under it.
    epoch = int.from_bytes(os.urandom(8)) if damage.epoch is None else damage.epoch
    header = SegmentHeader(bytes.fromhex(folder.name.replace("-", "")), first_seq, epoch, first_seq - 1)
    target = disk.open(Path(damage.path), os.O_RDWR)
    try:
        write_all(disk, target, [encode_segment_header(header)], 0)
        disk.fdatasync(target)
    finally:
        disk.close(target)


def mend_checkpoint(disk: Disk, folder: Path, posted: int) -> None:
    """Say what is in the ledger, as the store has it. Raises `OSError`."""
    with root_lock(disk, folder.parent):
        write_posted(disk, folder, Mark(posted, Position(0, 0, 0)))


def _write(disk: Disk, path: Path, content: bytes) -> None:
    target = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(disk, target, [content], 0)
        disk.fdatasync(target)
    finally:
        disk.close(target)
