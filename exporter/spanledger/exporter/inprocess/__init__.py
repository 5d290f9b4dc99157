"""The way in from inside an application: usage spans of this process into a journal, and on from there."""

from spanledger.exporter.inprocess.span_exporter import LedgerSpanExporter
from spanledger.exporter.inprocess.span_processor import LedgerSpanProcessor

__all__ = ["LedgerSpanExporter", "LedgerSpanProcessor"]
