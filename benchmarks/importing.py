"""`spanledger import`: usage spans per second from OTLP files into the ledger, posted.

Runs the command as a user does, in a process of its own: start-up, price catalogue and engine included in the second
figure, not in the first.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from traffic import INPUT_TOKENS, SPANS, requests

from spanledger.ledger import Ledger

REQUESTS: Final = 400
FILES: Final = 8


def main() -> None:
    """Import some 200 000 usage spans from 8 files; then the same files again, which must change nothing."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        paths = _files(Path(folder))
        spans = REQUESTS * SPANS
        empty_s = _imported(folder, [_empty(Path(folder))])
        for again in ("first time", "again"):
            seconds = _imported(folder, paths)
            with Ledger(str(Path(folder) / "store")) as ledger:
                charged, tokens = ledger.sql("SELECT sum(requests), sum(input_tokens) FROM ledger_events FINAL").rows[0]
            assert (charged, tokens) == (spans, spans * INPUT_TOKENS), (charged, tokens)
            print(
                f"import, {again}: {spans / (seconds - empty_s):9,.0f} usage spans/s"
                f" ({spans / seconds:,.0f} with a start-up of {empty_s:.1f} s), {spans:,} spans"
            )


def _imported(folder: str, paths: list[Path]) -> float:
    command = [sys.executable, "-m", "spanledger.ledger.cli", "import", "--store", str(Path(folder) / "store")]
    started = time.monotonic()
    subprocess.run([*command, *map(str, paths)], check=True, capture_output=True)
    return time.monotonic() - started


def _files(folder: Path) -> list[Path]:
    bodies = requests(1.0, REQUESTS)
    paths: list[Path] = []
    for number in range(FILES):
        paths.append(folder / f"traces-{number}.pb")
        with paths[-1].open("wb") as file:
            for _ in range(REQUESTS // FILES):
                file.write(next(bodies)[0])
    return paths


def _empty(folder: Path) -> Path:
    path = folder / "one.pb"
    path.write_bytes(next(requests(0.0, 1))[0])
    return path


if __name__ == "__main__":
    main()
