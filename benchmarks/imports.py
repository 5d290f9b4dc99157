"""What importing costs an application and the command line: fresh interpreters, medians.

Targets: `import spanledger.instrumentation` adds at most 60 ms to the SDK's import, `spanledger --help` takes 150 ms.
"""

import platform
import subprocess
import sys
import time
from importlib.metadata import version
from statistics import median
from typing import Final

RUNS: Final = 15

# What is imported first is not counted: an instrumented application has it anyway.
SDK: Final = "import opentelemetry.sdk.trace.export"
STEPS: Final = {
    "the SDK": ("", SDK),
    "spanledger.instrumentation": (SDK, "import spanledger.instrumentation"),
    "its hook and sampler": (SDK, "import spanledger.instrumentation.hook, spanledger.instrumentation.sampler"),
    "spanledger.exporter": (SDK, "import spanledger.exporter"),
    "LedgerSpanExporter": (SDK, "from spanledger.exporter import LedgerSpanExporter"),
}
HELP: Final = (
    "import sys; sys.argv = ['spanledger', '--help']; from spanledger.ledger.cli import main; sys.exit(main())"
)


def main() -> None:
    """Measure every step and print its median."""
    print(f"{platform.machine()}, Python {platform.python_version()}, opentelemetry-sdk {version('opentelemetry-sdk')}")
    for name, (before, step) in STEPS.items():
        print(f"import {name:<30} {median(_import_ms(before, step) for _ in range(RUNS)):7.1f} ms")
    print(f"{'spanledger --help':<37} {median(_process_ms(HELP) for _ in range(RUNS)):7.1f} ms")
    print(f"{'an interpreter that does nothing':<37} {median(_process_ms('') for _ in range(RUNS)):7.1f} ms")


def _import_ms(before: str, step: str) -> float:
    program = f"{before}\nimport time; begun = time.perf_counter()\n{step}\nprint(time.perf_counter() - begun)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000


def _process_ms(program: str) -> float:
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    elapsed_ms = (time.perf_counter() - begun) * 1000
    assert not program or "usage" in done.stdout.lower(), done.stdout
    return elapsed_ms


if __name__ == "__main__":
    main()
