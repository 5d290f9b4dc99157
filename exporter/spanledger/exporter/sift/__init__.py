"""Raw OTLP request in; usage spans out, reduced to what may be kept. No I/O."""

from spanledger.exporter.sift.handoff import Handoff
from spanledger.exporter.sift.sift import Resource, Sifted, UsageRecord, sift

__all__ = ["Handoff", "Resource", "Sifted", "UsageRecord", "sift"]
