"""The names in a journal folder.

ROOT/.lock                       held while a shard is made, marked as posted, or removed
ROOT/<shard uuid>/LOCK           held (flock) by the shard's writer as long as it lives
ROOT/<shard uuid>/<seq>.seg      records from number <seq>, in 16 hexadecimal digits
ROOT/<shard uuid>/SPARE          the next segment, being prepared
ROOT/<shard uuid>/SYNCED         up to where records are durable: rewritten in place, a lower bound after a crash
ROOT/<shard uuid>/POSTED         up to where records are in the ledger: replaced atomically
ROOT/.<shard uuid>.new, .gone    a shard that is not born yet, or not gone yet: nobody reads it
"""

import re
from errno import EACCES, EINVAL, EOPNOTSUPP, EPERM, EROFS
from pathlib import Path
from typing import Final
from uuid import UUID

from spanledger.exporter.journal.disk import Disk, DiskFailed, sync_folder

ROOT_LOCK: Final = ".lock"
LOCK: Final = "LOCK"
SPARE: Final = "SPARE"
SYNCED: Final = "SYNCED"
POSTED: Final = "POSTED"
POSTED_NEXT: Final = "POSTED.tmp"
_HIDDEN: Final = "."
_NOT_OURS: Final = (EACCES, EINVAL, EOPNOTSUPP, EPERM, EROFS)
_SEGMENT_NAME: Final = re.compile(r"([0-9a-f]{16})\.seg")


def new_shard_id(now_ns: int, chance: bytes) -> UUID:
    """A UUID version 7 (RFC 9562) of a time and ten random bytes: in alphabetic order, shards are in order of birth."""
    noise = int.from_bytes(chance)
    millis = now_ns // 1_000_000 & (1 << 48) - 1
    return UUID(int=millis << 80 | 7 << 76 | (noise >> 64 & 0xFFF) << 64 | 2 << 62 | noise & (1 << 62) - 1)


def segment_path(folder: Path, first_seq: int) -> Path:
    """The file that holds the records from `first_seq` on."""
    return folder / f"{first_seq:016x}.seg"


def segment_numbers(disk: Disk, folder: Path) -> list[int]:
    """The first sequence numbers of a shard's segments, ascending; none when the folder is gone."""
    matches = (_SEGMENT_NAME.fullmatch(name) for name in disk.names(folder))
    return sorted(int(match[1], 16) for match in matches if match)


def shard_folders(disk: Disk, root: Path) -> list[Path]:
    """Every shard under a root, oldest first; none when there is no such folder."""
    return [root / name for name in sorted(disk.names(root)) if _is_shard_id(name)]


def unborn(root: Path, shard: UUID) -> Path:
    """Where a shard is made before it gets its name."""
    return root / f"{_HIDDEN}{shard}.new"


def dying(folder: Path) -> Path:
    """Where a shard goes before its files are removed, so that half a shard is never read."""
    return folder.with_name(f"{_HIDDEN}{folder.name}.gone")


def sweep(disk: Disk, root: Path) -> None:
    """Remove what crashes left half-made or half-removed. The caller holds the root's lock."""
    for name in disk.names(root):
        if name.startswith(_HIDDEN) and name.endswith((".new", ".gone")):
            remove_folder(disk, root / name)


def remove_folder(disk: Disk, folder: Path) -> None:
    """Remove a folder and the files in it."""
    for name in disk.names(folder):
        disk.unlink(folder / name)
    disk.rmdir(folder)


def make_folders(disk: Disk, folder: Path) -> None:
    """Make a folder and what is missing above it, each name durable before anything is put inside.

    Whoever made one that is there may have died before its name was durable.
    """
    if folder == folder.parent:
        return
    make_folders(disk, folder.parent)
    if disk.is_folder(folder):
        _sync_if_ours(disk, folder.parent)
        return
    try:
        disk.mkdir(folder)
    except FileExistsError:
        if not disk.is_folder(folder):
            raise
    sync_folder(disk, folder.parent)


def _sync_if_ours(disk: Disk, folder: Path) -> None:
    """Make a folder's names durable, unless it is one that we could not have changed."""
    try:
        sync_folder(disk, folder)
    except DiskFailed as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _NOT_OURS:
            raise


def bytes_used(disk: Disk, root: Path) -> int:
    """The size of every file in every shard, posted or not, in bytes."""
    return sum(disk.length(folder / name) for folder in shard_folders(disk, root) for name in disk.names(folder))


def _is_shard_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
