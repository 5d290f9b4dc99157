"""The ports by which `instrumentation` and `exporter` meet inside a process; neither imports the other.

They are recognised by structure, so a foreign class is taken for one of ours only if it has the same method.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class LedgerProcessor(Protocol):
    """A span processor that books usage spans whether they are sampled or not."""

    def ledger_counts(self) -> Mapping[str, int]:
        """What became of the usage spans of this process so far, by outcome."""
        ...


@runtime_checkable
class LedgerExporter(Protocol):
    """A span exporter that has a better way in than `export`."""

    def ledger_processor(self) -> LedgerProcessor | None:
        """The span processor that takes this exporter's place on a provider; None while the exporter is disabled.

        From then on the processor owns what they share: the exporter's own shutdown only flushes.
        """
        ...
