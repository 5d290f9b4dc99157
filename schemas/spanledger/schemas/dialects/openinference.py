"""OpenInference (Arize), Python `openinference.instrumentation.<library>` and JavaScript `@arizeai/openinference-…`.

Input contains the cache counts and output the reasoning: the libraries sum them (specification,
`spec/semantic_conventions.md`, `llm.token_count.*`). A response's id and the lifetimes of cache writes are nowhere but
in `output.value`, where a library writes the provider's whole answer; each library has a shape of its own.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect
from spanledger.schemas.dialects.official import CACHE_NOT_STATED, CACHE_WRITE_NOT_STATED
from spanledger.schemas.dialects.semconv import SEMCONV

_OUT: Final = "output.value"
_TYPE: Final = "output.mime_type"
_COUNT: Final = "llm.token_count"
_USAGE: Final = f"{_OUT}.usage"
_KIND: Final = "openinference.span.kind"


def _libraries(*names: str) -> tuple[str, ...]:
    python = tuple(f"openinference.instrumentation.{name}" for name in names)
    return python + tuple(f"@arizeai/openinference-instrumentation-{name.replace('_', '-')}" for name in names)


OPENINFERENCE: Final = Dialect(
    name="openinference",
    found_by=(_KIND,),
    scopes=("openinference.", "@arizeai/"),
    usage={
        u.INPUT_TOKENS: (f"{_COUNT}.prompt", *SEMCONV.usage[u.INPUT_TOKENS]),
        u.OUTPUT_TOKENS: (f"{_COUNT}.completion", *SEMCONV.usage[u.OUTPUT_TOKENS]),
        u.CACHE_READ_TOKENS: (f"{_COUNT}.prompt_details.cache_read", a.USAGE_CACHE_READ),
        u.CACHE_WRITE_TOKENS: (
            f"{_COUNT}.prompt_details.cache_write",
            a.USAGE_CACHE_WRITE,
            a.USAGE_CACHE_CREATION,
        ),
        u.REASONING_TOKENS: (f"{_COUNT}.completion_details.reasoning", a.USAGE_REASONING),
        u.INPUT_AUDIO_TOKENS: (f"{_COUNT}.prompt_details.audio",),
        u.OUTPUT_AUDIO_TOKENS: (f"{_COUNT}.completion_details.audio",),
    },
    total=(f"{_COUNT}.total",),
    inclusion="inclusive",
    operation=(_KIND,),
    operations={
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "AGENT": "invoke_agent",
        "TOOL": "execute_tool",
        "RETRIEVER": "retrieval",
        "CHAIN": "chain",
        "RERANKER": "chain",
        "GUARDRAIL": "chain",
        "EVALUATOR": "chain",
        "PROMPT": "chain",
        "UNKNOWN": "chain",
    },
    provider=("llm.provider", "llm.system", a.PROVIDER_NAME, a.SYSTEM),
    providers={
        **SEMCONV.providers,
        "aws": "aws.bedrock",
        "azure": "azure.ai.openai",
        "google": "gcp.gemini",
        "mistralai": "mistral_ai",
        "vertexai": "gcp.vertex_ai",
    },
    prefixed=("llm.model_name", "embedding.model_name"),
    request_model=("llm.request.model_name", "llm.input_model_name", a.REQUEST_MODEL),
    response_model=(
        "llm.response.model_name",
        "llm.output_model_name",
        "llm.model_name",
        "embedding.model_name",
        a.RESPONSE_MODEL,
    ),
    response_id=(a.RESPONSE_ID,),
    reported_cost=("llm.cost.total",),
)
"""What every library says. `llm.model_name` is the response's model where the library knew it, else the request's."""

_ANSWER: Final = replace(
    OPENINFERENCE,
    texts=(_OUT,),
    text_types={_OUT: _TYPE},
    usage={
        **OPENINFERENCE.usage,
        u.CACHE_WRITE_TOKENS: (
            *OPENINFERENCE.usage[u.CACHE_WRITE_TOKENS],
            f"{_USAGE}.prompt_tokens_details.cache_write_tokens",
            f"{_USAGE}.input_tokens_details.cache_write_tokens",
        ),
        u.CACHE_WRITE_5M_TOKENS: (f"{_USAGE}.cache_creation.ephemeral_5m_input_tokens",),
        u.CACHE_WRITE_1H_TOKENS: (f"{_USAGE}.cache_creation.ephemeral_1h_input_tokens",),
    },
    response_id=(f"{_OUT}.id", f"{_OUT}.response_id", a.RESPONSE_ID),
    service_tier=(f"{_OUT}.service_tier", f"{_USAGE}.service_tier"),
)
"""Where `output.value` is the provider's answer as it came (OpenAI, Anthropic, Gemini: `response_id`)."""

OPENINFERENCE_AGENTS: Final = replace(
    _ANSWER, name="openinference-openai-agents", scopes=_libraries("openai_agents"), precision=-1
)
"""The Agents SDK's `generation` states no cache counts; its `response` is the answer as it came."""

OPENINFERENCE_CLIENTS: Final = replace(
    _ANSWER,
    name="openinference-clients",
    scopes=_libraries("openai", "anthropic", "bedrock", "google_genai", "groq", "mistralai", "portkey", "together"),
)

OPENINFERENCE_LITELLM: Final = replace(
    _ANSWER,
    name="openinference-litellm",
    scopes=_libraries("litellm"),
    doubts=(replace(CACHE_WRITE_NOT_STATED, operations=frozenset({"chat"}), providers=frozenset({"openai", ""})),),
)
"""Anthropic's cache writes are stated, OpenAI's are not; the answer stands there only where it has no text."""

_MESSAGE: Final = f"{_OUT}.generations.message.kwargs"
_META: Final = f"{_MESSAGE}.response_metadata"
_DETAILS: Final = f"{_MESSAGE}.usage_metadata.input_token_details"

OPENINFERENCE_LANGCHAIN: Final = replace(
    _ANSWER,
    name="openinference-langchain",
    scopes=_libraries("langchain"),
    usage={
        **OPENINFERENCE.usage,
        u.CACHE_WRITE_5M_TOKENS: (f"{_DETAILS}.ephemeral_5m_input_tokens",),
        u.CACHE_WRITE_1H_TOKENS: (f"{_DETAILS}.ephemeral_1h_input_tokens",),
    },
    response_id=(f"{_META}.id", f"{_OUT}.llm_output.id"),
    service_tier=(f"{_META}.service_tier", f"{_META}.usage.service_tier"),
)
"""`output.value` is LangChain's `LLMResult`; a streamed one of Chat Completions or Messages has no response id."""

OPENINFERENCE_LLAMA_INDEX: Final = replace(
    OPENINFERENCE,
    name="openinference-llama-index",
    scopes=_libraries("llama_index"),
    operations={**OPENINFERENCE.operations, "LLM": ""},
    span_names={"*._prepare_chat_with_tools": "chain", "*": "chat"},
)
"""Every method of a LlamaIndex model is of kind LLM; the one that only writes the request calls nobody."""

OPENINFERENCE_SMOLAGENTS: Final = replace(
    OPENINFERENCE,
    name="openinference-smolagents",
    scopes=_libraries("smolagents"),
    doubts=(replace(CACHE_NOT_STATED, operations=frozenset({"chat"})),),
)
"""smolagents' `TokenUsage` is two totals; its agents repeat the sum of their calls."""

_CREW: Final = f"{_OUT}.token_usage"

OPENINFERENCE_CREWAI: Final = replace(
    _ANSWER,
    name="openinference-crewai",
    scopes=_libraries("crewai"),
    usage={
        u.INPUT_TOKENS: (f"{_COUNT}.prompt", f"{_CREW}.prompt_tokens"),
        u.OUTPUT_TOKENS: (f"{_COUNT}.completion", f"{_CREW}.completion_tokens"),
        u.CACHE_READ_TOKENS: (f"{_COUNT}.prompt_details.cache_read", f"{_CREW}.cached_prompt_tokens"),
        u.CACHE_WRITE_TOKENS: (f"{_COUNT}.prompt_details.cache_write", f"{_CREW}.cache_creation_tokens"),
        u.REASONING_TOKENS: (f"{_COUNT}.completion_details.reasoning", f"{_CREW}.reasoning_tokens"),
    },
    zero_is_unknown=frozenset(OPENINFERENCE.usage),
    total=(f"{_COUNT}.total", f"{_CREW}.total_tokens"),
    response_id=(),
    service_tier=(),
)
"""The calls of CrewAI's own models have no span: the sum in the crew's output is all there is. It is zero where
CrewAI did not count."""

OPENINFERENCE_CLAUDE_AGENT: Final = replace(
    OPENINFERENCE,
    name="openinference-claude-agent-sdk",
    scopes=_libraries("claude_agent_sdk"),
    inclusion="exclusive",
)
"""One agent span with Anthropic's own counts, which are not summed here (`_extract_usage_and_cost_attributes`)."""

OPENINFERENCE_MARKED: Final = replace(OPENINFERENCE, name="openinference-marked", scopes=(), marks=(_KIND,))
"""Whoever else writes these attributes. A span processor adds them to other emitters' spans, whose own it leaves there
and may count wrongly (Strands' input, which contains the caches, gets them again): these are asked first."""

OPENINFERENCES: Final[tuple[Dialect, ...]] = (
    OPENINFERENCE_AGENTS,
    OPENINFERENCE_CLIENTS,
    OPENINFERENCE_LITELLM,
    OPENINFERENCE_LANGCHAIN,
    OPENINFERENCE_LLAMA_INDEX,
    OPENINFERENCE_SMOLAGENTS,
    OPENINFERENCE_CREWAI,
    OPENINFERENCE_CLAUDE_AGENT,
    OPENINFERENCE,
)
