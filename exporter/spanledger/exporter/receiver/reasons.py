"""Many reasons in one line: what a sender is told of the elements it had rejected. Pure, and quotes nothing."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

REASONS_SHOWN_MAX: Final = 5


def summary(reasons: Iterable[str]) -> str:
    """Return one line for many reasons: the five most frequent with their counts, and how many more there are."""
    counts = Counter(reasons).most_common()
    shown = [f"{count} rejected: {reason}" for reason, count in counts[:REASONS_SHOWN_MAX]]
    unshown = counts[REASONS_SHOWN_MAX:]
    if unshown:
        shown.append(f"{sum(count for _, count in unshown)} rejected for {len(unshown)} other reasons")
    return "; ".join(shown)
