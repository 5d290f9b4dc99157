"""Raw OTLP request in; usage spans and log records out, reduced to what may be kept. No I/O."""

from spanledger.exporter.sift.handoff import Handoff
from spanledger.exporter.sift.pseudonyms import Mask, Pseudonyms, pseudonyms_under
from spanledger.exporter.sift.records import Resource, UsageRecord
from spanledger.exporter.sift.sift import Sifted, sift

__all__ = ["Handoff", "Mask", "Pseudonyms", "Resource", "Sifted", "UsageRecord", "pseudonyms_under", "sift"]
