"""OpenLLMetry (Traceloop), Python `opentelemetry.instrumentation.<library>` and JavaScript `@traceloop/…`.

Input contains the cache counts, except where Bedrock's and (in JavaScript) Anthropic's own are passed on. Sources:
openllmetry 0.62, `packages/opentelemetry-instrumentation-<library>`; for the names its semantic conventions
(`opentelemetry-semantic-conventions-ai`). Older releases wrote `llm.*`, `gen_ai.usage.prompt_tokens` and providers in
capitals.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.official import CACHE_NOT_STATED, CACHE_WRITE_NOT_STATED
from spanledger.schemas.dialects.semconv import SEMCONV

_LIBRARIES: Final = (
    *("agno", "alephalpha", "cohere", "crewai", "groq", "haystack", "litellm", "llamaindex", "mistralai", "ollama"),
    *("openai_agents", "replicate", "together", "transformers", "voyageai", "watsonx", "writer"),
)
_KIND: Final = "traceloop.span.kind"
_TYPE: Final = "llm.request.type"
_STREAMING: Final = ("gen_ai.is_streaming", "llm.is_streaming")
_PROPERTY: Final = "traceloop.association.properties"
_CALLS: Final = frozenset({"chat", "text_completion"})
_CACHED: Final = frozenset({u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS})


def _streamed(doubt: Doubt) -> tuple[Doubt, ...]:
    return tuple(replace(doubt, attribute=name, values=frozenset({"true", "True"})) for name in _STREAMING)


TRACELOOP: Final = replace(
    SEMCONV,
    name="traceloop",
    scopes=(
        *(f"opentelemetry.instrumentation.{library}" for library in _LIBRARIES),
        "@traceloop/instrumentation-",
    ),
    marks=(),
    mark_prefixes=(),
    usage={
        **SEMCONV.usage,
        u.INPUT_TOKENS: (*SEMCONV.usage[u.INPUT_TOKENS], "llm.usage.prompt_tokens"),
        u.OUTPUT_TOKENS: (*SEMCONV.usage[u.OUTPUT_TOKENS], "llm.usage.completion_tokens"),
        u.CACHE_READ_TOKENS: (*SEMCONV.usage[u.CACHE_READ_TOKENS], "llm.usage.cache_read_input_tokens"),
        u.CACHE_WRITE_TOKENS: (*SEMCONV.usage[u.CACHE_WRITE_TOKENS], "llm.usage.cache_creation_input_tokens"),
        u.REASONING_TOKENS: (*SEMCONV.usage[u.REASONING_TOKENS], "llm.usage.reasoning_tokens"),
    },
    total=(a.USAGE_TOTAL_TOKENS, "llm.usage.total_tokens"),
    basis="table",
    operation=(_KIND, a.OPERATION_NAME, _TYPE),
    operations={
        "workflow": "invoke_workflow",
        "task": "execute_task",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "session": "invoke_workflow",
        "unknown": "",
        "completion": "text_completion",
        "embedding": "embeddings",
    },
    provider=(a.PROVIDER_NAME, a.SYSTEM, "llm.vendor"),
    providers={
        **SEMCONV.providers,
        "Anthropic": "anthropic",
        "AWS": "aws.bedrock",
        "Azure": "azure.ai.openai",
        "Cohere": "cohere",
        "Google": "gcp.gemini",
        "Groq": "groq",
        "Langchain": "",
        "langchain": "",
        "langgraph": "",
        "LlamaIndex": "",
        "MistralAI": "mistral_ai",
        "OpenAI": "openai",
        "VertexAI": "gcp.vertex_ai",
    },
    request_model=(a.REQUEST_MODEL, "llm.request.model"),
    response_model=(a.RESPONSE_MODEL, "llm.response.model"),
    attribution={
        "tenant": (f"{_PROPERTY}.tenant_id",),
        "user_id": (f"{_PROPERTY}.user_id",),
        "session_id": (f"{_PROPERTY}.session_id",),
        "conversation_id": (f"{_PROPERTY}.thread_id",),
        "workflow_id": ("traceloop.workflow.name",),
    },
)

TRACELOOP_OPENAI: Final = replace(
    TRACELOOP,
    name="traceloop-openai",
    scopes=("opentelemetry.instrumentation.openai",),
    doubts=(
        replace(CACHE_WRITE_NOT_STATED, operations=_CALLS),
        # Asked to, it counts a stream without usage itself (`enrich_token_usage`); the provider's count has details.
        *_streamed(Doubt(flag="may_be_estimated", operations=_CALLS, unless=_CACHED | {u.REASONING_TOKENS})),
    ),
)

TRACELOOP_ANTHROPIC: Final = replace(
    TRACELOOP,
    name="traceloop-anthropic",
    scopes=("opentelemetry.instrumentation.anthropic",),
    # `streaming.py` adds the placeholder of `message_start` to the sum that `message_delta` states.
    doubts=_streamed(Doubt(flag="output_overstated")),
    precision=-1,
)

TRACELOOP_LANGCHAIN: Final = replace(
    TRACELOOP,
    name="traceloop-langchain",
    scopes=("opentelemetry.instrumentation.langchain",),
    # LangChain moves writes with a lifetime out of `cache_creation`, which is then stated as zero.
    zero_is_unknown=frozenset({u.CACHE_WRITE_TOKENS}),
    doubts=(replace(CACHE_WRITE_NOT_STATED, providers=frozenset({"anthropic", "aws.bedrock"}), operations=_CALLS),),
)

TRACELOOP_EXCLUSIVE: Final = replace(
    TRACELOOP,
    name="traceloop-exclusive",
    scopes=(
        "opentelemetry.instrumentation.bedrock",
        "opentelemetry.instrumentation.sagemaker",
        "@traceloop/instrumentation-anthropic",
        "@traceloop/instrumentation-bedrock",
    ),
    inclusion="exclusive",
    doubts=(replace(CACHE_NOT_STATED, models=("claude", "nova"), operations=_CALLS | {""}),),
)
"""Bedrock's and Anthropic's counts as they are. `InvokeModel` has the caches in headers only, if at all."""

TRACELOOP_GOOGLE: Final = replace(
    TRACELOOP,
    name="traceloop-google",
    scopes=(
        "opentelemetry.instrumentation.google_generativeai",
        "@traceloop/instrumentation-google-generativeai",
        "@traceloop/instrumentation-vertexai",
    ),
    doubts=(Doubt(flag="reasoning_not_stated", operations=_CALLS | {"generate_content", ""}),),
)
"""Output is `candidates_token_count`: the thoughts, billed as output, are not in it."""

TRACELOOP_JS_OPENAI: Final = replace(
    TRACELOOP,
    name="traceloop-js-openai",
    scopes=("@traceloop/instrumentation-openai",),
    doubts=(replace(CACHE_NOT_STATED, operations=_CALLS),),
)

TRACELOOP_MARKED: Final = replace(
    TRACELOOP,
    name="traceloop-marked",
    scopes=(),
    marks=(_KIND, _TYPE),
    found_by=(a.GEN_AI_PREFIX, _TYPE),
    mark_prefixes=("llm.usage.",),
    basis="assumed",
)
"""Spans of the SDK's decorators, and of libraries and releases that are not listed."""

TRACELOOPS: Final[tuple[Dialect, ...]] = (
    TRACELOOP_EXCLUSIVE,
    TRACELOOP_GOOGLE,
    TRACELOOP_JS_OPENAI,
    TRACELOOP_ANTHROPIC,
    TRACELOOP_LANGCHAIN,
    TRACELOOP,
    TRACELOOP_OPENAI,
)
"""By scope; one whose prefix begins another's stands after it."""
