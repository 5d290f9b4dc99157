"""Usage spans into the ledger: OTLP receiver or span processor, journal, poster, store.

Importing this package is cheap; the two names an application uses are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.exporter.inprocess.span_exporter import LedgerSpanExporter
    from spanledger.exporter.inprocess.span_processor import LedgerSpanProcessor

__all__ = ["LedgerSpanExporter", "LedgerSpanProcessor"]


def __getattr__(name: str) -> object:
    """Load a public name. Raises `AttributeError` for any other."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from spanledger.exporter import inprocess  # noqa: PLC0415 (the SDK and protobuf cost 150 ms)

    return getattr(inprocess, name)
