"""MLflow Tracing over OTLP: every value is JSON, the usage its own summary, the provider's answer the span's output.

`mlflow/tracing/constant.py` (`SpanAttributeKey`, `TokenUsageKey`): counts of `mlflow.chat.tokenUsage` contain the cache
(`anthropic/autolog.py`, `bedrock/utils.py` add it). What the summary leaves out is read of `mlflow.spanOutputs`, where
the answer stands as it came: its id, OpenAI's cache writes, reasoning, lifetimes; Gemini's thoughts, which are not in
the summary's output. With `MLFLOW_ENABLE_OTEL_GENAI_SEMCONV` (`export/genai_semconv/translator.py`) only whole counts
are left, and the request's model is the response's.
"""

from typing import Final

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.provider_usage import anthropic_usage, openai_usage, parts, together
from spanledger.schemas.dialects.semconv import SEMCONV

_TYPE: Final = "mlflow.spanType"
_USAGE: Final = "mlflow.chat.tokenUsage"
_OUTPUTS: Final = "mlflow.spanOutputs"
_COST: Final = "mlflow.llm.cost"
_GEMINI: Final = f"{_OUTPUTS}.usage_metadata"
_LANGCHAIN: Final = f"{_OUTPUTS}.generations.message.response_metadata"

_OPERATIONS: Final = {
    "CHAT_MODEL": "chat",
    "LLM": "generate_content",
    "EMBEDDING": "embeddings",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "RETRIEVER": "retrieval",
    "WORKFLOW": "invoke_workflow",
}

MLFLOW: Final = Dialect(
    name="mlflow",
    scopes=("mlflow.",),
    marks=(_TYPE, f"{_USAGE}.input_tokens"),
    found_by=(_TYPE,),
    texts=(_USAGE, _OUTPUTS, _COST),
    usage=together(
        {
            u.INPUT_TOKENS: (f"{_USAGE}.input_tokens",),
            u.OUTPUT_TOKENS: (f"{_USAGE}.output_tokens",),
            u.CACHE_READ_TOKENS: (f"{_USAGE}.cache_read_input_tokens",),
            u.CACHE_WRITE_TOKENS: (f"{_USAGE}.cache_creation_input_tokens",),
            u.CACHE_WRITE_1H_TOKENS: (f"{_USAGE}.cache_creation_input_tokens_above_1hr",),
            u.REASONING_TOKENS: (f"{_GEMINI}.thoughts_token_count",),
        },
        parts(openai_usage(f"{_OUTPUTS}.usage")),
        parts(anthropic_usage(f"{_OUTPUTS}.usage")),
        SEMCONV.usage,
    ),
    zero_is_unknown=frozenset({u.WEB_SEARCHES}),
    total=(f"{_USAGE}.total_tokens",),
    inclusion="inclusive",
    operation=(_TYPE, a.OPERATION_NAME),
    operations=_OPERATIONS | {name: name for name in _OPERATIONS.values()} | {"*": "chain"},
    provider=("mlflow.llm.provider", a.PROVIDER_NAME, a.SYSTEM, "mlflow.message.format"),
    # The format of the messages is the provider's, or a framework's.
    providers={"gemini": "gcp.gemini", "bedrock": "aws.bedrock", "mistral": "mistral_ai", "azure": "azure.ai.openai"}
    | {name: name for name in ("openai", "anthropic", "groq", "cohere", "deepseek", "perplexity", "together_ai")}
    | {name: name for name in ("azure.ai.openai", "aws.bedrock", "gcp.gemini", "gcp.vertex_ai", "mistral_ai", "x_ai")}
    | {"*": ""},
    request_model=("model", a.REQUEST_MODEL),
    response_model=("mlflow.llm.model", a.RESPONSE_MODEL),
    response_id=(f"{_OUTPUTS}.id", f"{_LANGCHAIN}.id", a.RESPONSE_ID),
    service_tier=(f"{_OUTPUTS}.service_tier", f"{_OUTPUTS}.usage.service_tier"),
    reported_cost=(f"{_COST}.total_cost",),
    attribution={
        "user_id": ("mlflow.trace.user",),
        "session_id": ("mlflow.trace.session",),
        "tenant": ("mlflow.traceTag.tenant_id", "mlflow.traceTag.tenant"),
    },
    doubts=(Doubt(flag="cache_not_stated", attribute=a.OPERATION_NAME, unless=frozenset({u.CACHE_READ_TOKENS})),),
)
