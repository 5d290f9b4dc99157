"""The journal alone: payloads of several sizes appended by G senders, each waiting for its answer before the next.

    python benchmarks/journal.py [--records 2000] [--sizes 64,128,256] [--senders 1,8,32] [--folder FOLDER]

Every cell reads all its records back and compares them before a figure is printed.
"""

import argparse
import os
import platform
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from spanledger.exporter.journal import Entry, JournalWriter, Signal, shards
from spanledger.exporter.journal.disk import Disk

PAYLOADS_DISTINCT = 16


class CountingDisk(Disk):
    """The real disk, which counts the syncs it is asked for."""

    def __init__(self) -> None:
        self.syncs = 0

    def fdatasync(self, fd: int) -> None:
        """Count and sync."""
        self.syncs += 1
        super().fdatasync(fd)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one cell measured; times in seconds, for all its records together."""

    append_s: float
    append_cpu_s: float
    syncs: int
    read_cpu_s: float


def main() -> None:
    """Run every cell and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--sizes", default="64,128,256", help="payload sizes in KiB")
    parser.add_argument("--senders", default="1,8,32", help="how many threads append at once")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the journal goes (default: a temporary folder)"
    )
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()},", end=" ")
    print(f"google-crc32c {version('google-crc32c')}")
    print("KiB  senders  records/s  MB/s   syncs  CPU us/record (append)  (read)")
    for size_kib in map(int, options.sizes.split(",")):
        for senders in map(int, options.senders.split(",")):
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                cell = measure(Path(folder), options.records // senders * senders, size_kib * 1024, senders)
            records = options.records // senders * senders
            print(
                f"{size_kib:3}  {senders:7}  {records / cell.append_s:9.0f}"
                f"  {records * size_kib * 1024 / cell.append_s / 1e6:5.0f}  {cell.syncs:5}"
                f"  {cell.append_cpu_s / records * 1e6:22.1f}  {cell.read_cpu_s / records * 1e6:6.1f}"
            )


def measure(folder: Path, records: int, size: int, senders: int) -> Figures:
    """Append, then read everything back from the abandoned shard."""
    source = random.Random(size)
    payloads = [source.randbytes(size) for _ in range(PAYLOADS_DISTINCT)]
    disk = CountingDisk()
    writer = JournalWriter(folder / "journal", disk=disk)
    # The first append makes the folder and the first segment: not what is measured here.
    writer.append(entry(payloads, 0)).result()
    syncs, cpu, started = disk.syncs, time.process_time(), time.perf_counter()
    threads = [
        threading.Thread(target=send, args=(writer, payloads, range(1 + nth, 1 + records, senders)))
        for nth in range(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu, syncs = time.perf_counter() - started, time.process_time() - cpu, disk.syncs - syncs
    writer.close()
    return Figures(took, cpu, syncs, read_back(folder / "journal", payloads, records))


def send(writer: JournalWriter, payloads: list[bytes], numbers: range) -> None:
    """One sender: the next only after the last was answered."""
    for number in numbers:
        writer.append(entry(payloads, number)).result()


def entry(payloads: list[bytes], number: int) -> Entry:
    """Number `number` is told by its elements."""
    return Entry(payloads[number % PAYLOADS_DISTINCT], Signal.TRACES, "*", "unattributed", number)


def read_back(root: Path, payloads: list[bytes], records: int) -> float:
    """Check that every record is there once, with what was sent: the CPU seconds it took."""
    (shard,) = shards(root)
    seen: set[int] = set()
    cpu = time.process_time()
    for record in shard.read():
        assert record.entry.payload == payloads[record.entry.elements % PAYLOADS_DISTINCT]
        seen.add(record.entry.elements)
    cpu = time.process_time() - cpu
    assert seen == set(range(records + 1)), f"{records + 1 - len(seen)} records are not in the journal"
    return cpu


if __name__ == "__main__":
    main()
