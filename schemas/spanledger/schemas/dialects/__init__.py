"""The dialects, in order of detection: the first that recognises a span reads it."""

from typing import Final

from spanledger.schemas.dialects.agents import AGENTS
from spanledger.schemas.dialects.ai_sdk import AI_SDKS
from spanledger.schemas.dialects.anthropic_sdk import ANTHROPIC_SDK
from spanledger.schemas.dialects.claude_code import CLAUDE_CODE_LOGS, CLAUDE_CODE_SPANS
from spanledger.schemas.dialects.codex_cli import CODEX_LOGS, CODEX_SPANS
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.events import EVENTS, events_of
from spanledger.schemas.dialects.gemini_cli import GEMINI_CLI
from spanledger.schemas.dialects.haystack import HAYSTACKS
from spanledger.schemas.dialects.java import SPRING_AI
from spanledger.schemas.dialects.kept_books import KEPT_BOOKS
from spanledger.schemas.dialects.langfuse import LANGFUSES
from spanledger.schemas.dialects.langsmith import LANGSMITH
from spanledger.schemas.dialects.litellm import LITELLMS
from spanledger.schemas.dialects.mlflow import MLFLOW
from spanledger.schemas.dialects.official import OFFICIAL
from spanledger.schemas.dialects.openinference import OPENINFERENCE_MARKED, OPENINFERENCES
from spanledger.schemas.dialects.openlit import OPENLITS
from spanledger.schemas.dialects.pydantic import LOGFIRE, PYDANTIC_AI
from spanledger.schemas.dialects.semconv import SEMCONV
from spanledger.schemas.dialects.servers import DIFY, VLLM
from spanledger.schemas.dialects.traceloop import TRACELOOP_MARKED, TRACELOOPS
from spanledger.schemas.dialects.wire import WIRE

# What a span carries tells more than who sent it; what only its scope tells comes before names that anyone may use.
_SPANS: Final[tuple[Dialect, ...]] = (
    WIRE,
    *KEPT_BOOKS,
    CLAUDE_CODE_SPANS,
    CODEX_SPANS,
    *LANGFUSES,
    ANTHROPIC_SDK,
    *OPENINFERENCES,
    *AI_SDKS,
    LANGSMITH,
    MLFLOW,
    *HAYSTACKS,
    *AGENTS,
    PYDANTIC_AI,
    LOGFIRE,
    DIFY,
    SPRING_AI,
    VLLM,
    *OFFICIAL,
    *OPENLITS,
    *TRACELOOPS,
    OPENINFERENCE_MARKED,
    *LITELLMS,
    TRACELOOP_MARKED,
    SEMCONV,
)
_LOGS: Final[tuple[Dialect, ...]] = (CLAUDE_CODE_LOGS, GEMINI_CLI, CODEX_LOGS, *events_of(_SPANS), EVENTS)

DIALECTS: Final = (*_SPANS, *_LOGS)

__all__ = ["DIALECTS", "Dialect", "Doubt"]
