"""Usage spans → claims. Pure: no I/O, no clock, no configuration."""

from spanledger.exporter.decode.decode import Quarantined, decode

__all__ = ["Quarantined", "decode"]
