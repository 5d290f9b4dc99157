"""What runs inside an application. Importing it is cheap, and nothing in it may hurt its host."""

from spanledger.instrumentation.attributing import AttributionSpanProcessor, attribution

__all__ = ["AttributionSpanProcessor", "attribution"]
