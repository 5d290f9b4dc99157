"""Agent frameworks and assistants that follow the conventions, each with its own habits.

What they share: a framework's name stands where the provider's belongs, and an agent's span repeats the sum of its
calls under the very names that they use; the operation tells them apart.
"""

from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.provider_usage import together
from spanledger.schemas.dialects.semconv import SEMCONV

_BASE: Final = msgspec.structs.replace(SEMCONV, marks=(), mark_prefixes=(), basis="table")

STRANDS: Final = msgspec.structs.replace(
    _BASE,
    name="strands",
    scopes=("strands.",),
    providers={**SEMCONV.providers, "strands-agents": ""},
    first_token={**SEMCONV.first_token, a.SERVER_TIME_TO_FIRST_TOKEN: 10**6},
)
"""Strands Agents: up to five spellings of one count, and milliseconds under the name of a metric in seconds. Its
tracer adds the caches to the input where the provider's total shows that they are not in it
(`strands/telemetry/metrics.py` `_total_prompt_tokens`)."""

MICROSOFT_AGENT_FRAMEWORK: Final = msgspec.structs.replace(
    _BASE,
    name="microsoft_agent_framework",
    scopes=("agent_framework", "Experimental.Microsoft.Agents.AI", "Microsoft.Agents.AI"),
    providers={
        **SEMCONV.providers,
        "microsoft.agent_framework": "",
        "microsoft.agents": "",
        "azure.ai.foundry": "azure.ai.inference",
        "google.vertex.ai": "gcp.vertex_ai",
    },
    exclusive_for=frozenset({"anthropic", "aws.bedrock"}),
    # Clouds whose name stands for OpenAI's clients and for Anthropic's.
    doubts=(
        Doubt(
            flag="inclusion_unknown",
            providers=frozenset({"azure.ai.inference", "gcp.vertex_ai"}),
            models=("claude",),
        ),
    ),
)
"""Microsoft Agent Framework (`agent_framework/observability.py`) passes on what its clients count; those of Anthropic
and Bedrock (`_chat_client.py` of `agent_framework_anthropic` and `_bedrock`) leave the cache out."""

SEMANTIC_KERNEL: Final = msgspec.structs.replace(
    _BASE,
    name="semantic_kernel",
    scopes=("semantic_kernel.", "Microsoft.SemanticKernel"),
    operations={
        "chat.completions": "chat",
        "chat.streaming_completions": "chat",
        "text.completions": "text_completion",
        "text.streaming_completions": "text_completion",
        "text_completions": "text_completion",
    },
    providers={
        **SEMCONV.providers,
        "azure_ai_inference": "azure.ai.inference",
        "google_ai": "gcp.gemini",
        "mistralai": "mistral_ai",
        "bedrock": "aws.bedrock",
    },
    doubts=(Doubt(flag="cache_not_stated", unless=frozenset({u.CACHE_READ_TOKENS})),),
)
"""Semantic Kernel states whole counts only (`semantic_kernel/utils/telemetry/model_diagnostics/decorators.py`)."""

GITHUB_COPILOT: Final = msgspec.structs.replace(
    _BASE,
    name="github_copilot",
    scopes=("github.copilot", "copilot-chat"),
    # What it states as a cost counts requests of a subscription, not dollars.
    reported_cost=(),
    first_token={**SEMCONV.first_token, "copilot_chat.time_to_first_token": 10**6},
    attribution={"session_id": ("copilot_chat.session_id", "github.copilot.session_id")},
)
"""GitHub Copilot CLI, and Copilot Chat of VS Code, which states old and new names of one count."""

_ADK_RESPONSE: Final = "gcp.vertex.agent.llm_response"
_ADK_USAGE: Final = f"{_ADK_RESPONSE}.usage_metadata"
_ADK_THOUGHTS: Final = "gen_ai.usage.experimental.reasoning_tokens"

GOOGLE_ADK: Final = msgspec.structs.replace(
    _BASE,
    name="google_adk",
    scopes=("gcp.vertex.agent",),
    span_names={"call_llm": "generate_content"},
    providers={**SEMCONV.providers, "gcp.vertex.agent": ""},
    response_model=(a.RESPONSE_MODEL, f"{_ADK_RESPONSE}.model_version"),
    attribution={"session_id": ("gcp.vertex.agent.session_id",)},
)
"""Google's Agent Development Kit: input contains cache and tool results, output the thoughts
(`google/adk/telemetry/_token_usage.py`)."""

GOOGLE_ADK_RESPONSE: Final[Dialect] = msgspec.structs.replace(
    GOOGLE_ADK,
    name="google_adk_response",
    scopes=(),
    marks=(f"{_ADK_USAGE}.prompt_token_count", _ADK_THOUGHTS),
    texts=(_ADK_RESPONSE,),
    usage=together(
        {
            u.INPUT_TOKENS: (f"{_ADK_USAGE}.prompt_token_count",),
            u.OUTPUT_TOKENS: (f"{_ADK_USAGE}.candidates_token_count",),
            u.CACHE_READ_TOKENS: (f"{_ADK_USAGE}.cached_content_token_count",),
            u.REASONING_TOKENS: (f"{_ADK_USAGE}.thoughts_token_count", _ADK_THOUGHTS),
        },
        SEMCONV.usage,
    ),
    added={u.INPUT_TOKENS: (f"{_ADK_USAGE}.tool_use_prompt_token_count",)},
    total=(f"{_ADK_USAGE}.total_token_count",),
    reasoning="exclusive",
)
"""Its `call_llm` span with Gemini's own usage, whose output is without the thoughts; so were its attributes as long as
it named these `experimental`."""

AGENTS: Final = (GOOGLE_ADK_RESPONSE, GOOGLE_ADK, STRANDS, MICROSOFT_AGENT_FRAMEWORK, SEMANTIC_KERNEL, GITHUB_COPILOT)
"""In order of detection."""
