"""The two streams of a command: answers on standard output, everything about the run on standard error."""

import sys

from spanledger.ledger.printable import printable


def say(line: str) -> None:
    """A line of the answer. Line breaks are ours: names in it were made one line before."""
    sys.stdout.write(f"{_shown(line)}\n")


def tell(line: str) -> None:
    """A line for the person at the terminal, at once."""
    sys.stderr.write(f"{_shown(line)}\n")
    sys.stderr.flush()


def _shown(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
