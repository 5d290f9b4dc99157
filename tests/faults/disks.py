"""A small file system, filled and freed: what was acknowledged is there, and nobody has to help."""

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from faults.table import Line
from support.journal import WAIT_S, SmallDisk, entry, numbers, only_shard

from spanledger.exporter.failures import Transient
from spanledger.exporter.journal import JournalWriter
from spanledger.exporter.journal.disk import DISK, Disk

_SEGMENT_BYTES: Final = 64 * 1024
_BYTES: Final = 2 * 1024 * 1024
_ENTRY_BYTES: Final = 10_000
_REFUSALS: Final = 5


def full_disks(runs: int) -> Line:
    """Fill it until five requests in a row are refused, post what is there, and again."""
    line = Line("a full file system, filled and freed", runs)
    with tempfile.TemporaryDirectory() as folder, _small(Path(folder)) as disk:
        line.note = "a disk that says it is full" if isinstance(disk, SmallDisk) else "a tmpfs of 2 MiB"
        root = Path(folder) / "journal"
        writer = JournalWriter(root, segment_bytes=_SEGMENT_BYTES, disk=disk)
        number = 0
        accepted: list[int] = []
        for _ in range(runs):
            refused = 0
            while refused < _REFUSALS:
                number += 1
                failure = writer.append(entry(number, _ENTRY_BYTES)).exception(WAIT_S)
                if failure is None:
                    accepted.append(number)
                    refused = 0
                else:
                    refused += 1
                    if not isinstance(failure, Transient):
                        line.blame(f"a sender is told {failure!r}")
            shard = only_shard(root, disk)
            posted = shard.posted
            found = numbers(list(shard.read()))
            if found != accepted[posted:]:
                line.blame(f"lost: {len(accepted) - posted} acknowledged, {len(found)} read back")
            if isinstance(disk, SmallDisk):
                disk.free_bytes = _BYTES
            shard.mark_posted(len(accepted))
        if writer.failed.is_set():
            line.blame("the journal failed for good")
        writer.close()
    return line


@contextmanager
def _small(folder: Path) -> Generator[Disk]:
    """A tmpfs where mounting is possible, else a disk that plays one."""
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        yield SmallDisk(_BYTES)
        return
    try:
        yield DISK
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)
