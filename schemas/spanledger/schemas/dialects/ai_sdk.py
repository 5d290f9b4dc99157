"""The Vercel AI SDK: versions 4 to 6, `LegacyOpenTelemetry` of 7, OpenCode, whatever tracer carries them; and 7's own.

`ai.operationId` names every span: `ai.<function>.do…` is one call to a model, `ai.<function>` repeats the sum of its
calls (`vercel/ai` `packages/otel/src/legacy-open-telemetry.ts`). Since version 6 input contains the caches and is told
with its details; before, `inputTokens` is what the provider says, so Anthropic's and Bedrock's are without the cache.
Version 7's `OpenTelemetry` follows the conventions (`open-telemetry.ts`), without reasoning.
"""

from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect
from spanledger.schemas.dialects.provider_usage import anthropic_usage, parts, together
from spanledger.schemas.dialects.semconv import SEMCONV

_OPERATION: Final = "ai.operationId"
_PROVIDER_METADATA: Final = "ai.response.providerMetadata"
_METADATA: Final = "ai.telemetry.metadata"

_INPUT_DETAILS: Final = "ai.usage.inputTokenDetails"
_ANTHROPIC: Final = f"{_PROVIDER_METADATA}.anthropic.usage"
_BEDROCK: Final = f"{_PROVIDER_METADATA}.bedrock.usage"

_CALLS: Final = {"doGenerate": "chat", "doStream": "chat", "doEmbed": "embeddings", "doRerank": "rerank"}

AI_SDK: Final = Dialect(
    name="ai_sdk",
    mark_prefixes=(f"{_INPUT_DETAILS}.",),
    found_by=(_OPERATION,),
    texts=(_PROVIDER_METADATA,),
    usage=together(
        {
            u.INPUT_TOKENS: ("ai.usage.inputTokens", a.USAGE_INPUT_TOKENS, "ai.usage.promptTokens", "ai.usage.tokens"),
            u.OUTPUT_TOKENS: ("ai.usage.outputTokens", a.USAGE_OUTPUT_TOKENS, "ai.usage.completionTokens"),
            u.CACHE_READ_TOKENS: (
                f"{_INPUT_DETAILS}.cacheReadTokens",
                "ai.usage.cachedInputTokens",
                f"{_PROVIDER_METADATA}.openai.cachedPromptTokens",
                f"{_PROVIDER_METADATA}.anthropic.cacheReadInputTokens",
                f"{_BEDROCK}.cacheReadInputTokens",
            ),
            u.CACHE_WRITE_TOKENS: (
                f"{_INPUT_DETAILS}.cacheWriteTokens",
                f"{_PROVIDER_METADATA}.anthropic.cacheCreationInputTokens",
                f"{_BEDROCK}.cacheWriteInputTokens",
            ),
            u.REASONING_TOKENS: (
                "ai.usage.outputTokenDetails.reasoningTokens",
                "ai.usage.reasoningTokens",
                f"{_PROVIDER_METADATA}.openai.reasoningTokens",
            ),
        },
        parts(anthropic_usage(_ANTHROPIC)),
    ),
    total=("ai.usage.totalTokens",),
    inclusion="inclusive",
    zero_is_unknown=frozenset({u.WEB_SEARCHES}),
    operation=(_OPERATION,),
    operations={f"*.{call}": operation for call, operation in _CALLS.items()}
    | {"ai.toolCall": "execute_tool", "*.doStep": "agent_step", "ai.*": "chain"},
    provider=("ai.model.provider", a.SYSTEM),
    provider_cut=".",
    providers={
        "gateway": "",
        "amazon-bedrock": "aws.bedrock",
        "bedrock": "aws.bedrock",
        "azure": "azure.ai.openai",
        "azure-openai": "azure.ai.openai",
        "google.vertex*": "gcp.vertex_ai",
        "google": "gcp.gemini",
        "vertex": "gcp.vertex_ai",
        "mistral": "mistral_ai",
        "xai": "x_ai",
    },
    request_model=(a.REQUEST_MODEL, "ai.model.id"),
    response_model=(a.RESPONSE_MODEL, "ai.response.model"),
    response_id=(a.RESPONSE_ID, "ai.response.id"),
    service_tier=(f"{_PROVIDER_METADATA}.openai.serviceTier", f"{_ANTHROPIC}.service_tier"),
    attribution={
        "tenant": tuple(f"{_METADATA}.{name}" for name in ("tenantId", "tenant_id", "tenant")),
        "user_id": tuple(f"{_METADATA}.{name}" for name in ("userId", "user_id", "user")),
        "session_id": tuple(f"{_METADATA}.{name}" for name in ("sessionId", "session_id")),
        "organization_id": tuple(f"{_METADATA}.{name}" for name in ("organizationId", "organization_id", "orgId")),
        "team": (f"{_METADATA}.team",),
        "project": (f"{_METADATA}.project",),
        "feature": (f"{_METADATA}.feature", "ai.telemetry.functionId"),
    },
    first_token={"ai.response.msToFirstChunk": 10**6},
    precision=1,
)

AI_SDK_5: Final = msgspec.structs.replace(
    AI_SDK,
    name="ai_sdk_5",
    marks=(_OPERATION,),
    mark_prefixes=(),
    basis="assumed",
    exclusive_for=frozenset({"anthropic", "aws.bedrock"}),
    precision=0,
)
"""Versions 4 and 5, and calls of later ones that state no details: errors, embeddings."""

AI_SDK_7: Final = msgspec.structs.replace(
    SEMCONV, name="ai_sdk_7", scopes=("gen_ai",), marks=(), mark_prefixes=(), basis="table"
)

AI_SDKS: Final = (AI_SDK, AI_SDK_5, AI_SDK_7)
"""In order of detection."""
