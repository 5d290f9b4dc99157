"""The two streams of a command: answers on standard output, everything about the run on standard error."""

import sys


def say(line: str) -> None:
    """A line of the answer."""
    sys.stdout.write(f"{line}\n")


def tell(line: str) -> None:
    """A line for the person at the terminal, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
