"""Every benchmark of this folder, one after the other, each in a process of its own: `make bench`.

A benchmark is a script with a `main`: it checks its own result, prints its figures, and fails when the result is wrong.
"""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run them all; 1 if any of them failed."""
    failed: list[str] = []
    for script in sorted(Path(__file__).parent.glob("*.py")):
        if script.name == Path(__file__).name or "\ndef main(" not in script.read_text():
            continue
        print(f"== {script.name}", flush=True)
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            failed.append(script.name)
    print(f"== failed: {', '.join(failed)}" if failed else "== every benchmark's result was right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
