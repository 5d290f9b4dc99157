"""The dialects, in order of detection: the first that recognises a span reads it."""

from typing import Final

from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

DIALECTS: Final[tuple[Dialect, ...]] = (SEMCONV,)

__all__ = ["DIALECTS", "Dialect", "Doubt"]
