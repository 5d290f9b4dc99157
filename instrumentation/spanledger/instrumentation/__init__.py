"""What runs inside an application. Importing it is cheap, and nothing in it may hurt its host."""

from spanledger.instrumentation.instrumenting import instrument, patch_anthropic, patch_openai, uninstrument

__all__ = ["instrument", "patch_anthropic", "patch_openai", "uninstrument"]
