"""OpenTelemetry's own instrumentations, and .NET's, which follow the conventions; what they lose is a doubt.

Sources: `opentelemetry-instrumentation-genai-*` and `opentelemetry-util-genai` (`_inference_invocation.py` sums the
three inputs of Anthropic), `-google-genai` (output contains the thoughts), `-openai-v2` and the JavaScript one (totals
only), `-vertexai` (output is `candidates_token_count`, which has no thoughts), `-botocore` (`extensions/bedrock.py`),
dotnet/extensions `OpenTelemetryChatClient.cs` (no cache writes; inclusion is the adapter's).
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

_CACHED: Final = frozenset({u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS})
CACHE_NOT_STATED: Final = Doubt(flag="cache_not_stated", unless=_CACHED)
"""The emitter does not say how much of the input was read from a cache, which costs a tenth."""

CACHE_WRITE_NOT_STATED: Final = Doubt(flag="cache_write_not_stated", unless=frozenset({u.CACHE_WRITE_TOKENS}))
"""Nor how much was written to one, which costs a quarter more, or twice."""

_BY_SCOPE: Final = replace(SEMCONV, marks=(), mark_prefixes=())

OTEL_GENAI: Final = replace(
    _BY_SCOPE,
    name="otel-genai",
    scopes=("opentelemetry.instrumentation.genai.", "opentelemetry.instrumentation.google_genai"),
    basis="declared",
    precision=1,
)

OTEL_OPENAI: Final = replace(
    _BY_SCOPE,
    name="otel-openai",
    scopes=(
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.util.genai.handler",  # what openai-v2 calls itself with the conventions opted in
        "@opentelemetry/instrumentation-openai",
    ),
    basis="table",
    doubts=(
        replace(CACHE_NOT_STATED, operations=frozenset({"chat", "text_completion", "generate_content", "responses"})),
    ),
)

OTEL_VERTEXAI: Final = replace(
    _BY_SCOPE,
    name="otel-vertexai",
    scopes=("opentelemetry.instrumentation.vertexai",),
    basis="table",
    doubts=(CACHE_NOT_STATED, Doubt(flag="reasoning_not_stated", unless=frozenset({u.REASONING_TOKENS}))),
)

OTEL_BOTOCORE: Final = replace(
    _BY_SCOPE,
    name="otel-botocore",
    scopes=("opentelemetry.instrumentation.botocore",),
    inclusion="exclusive",
    basis="table",
    doubts=(
        # Only these models cache; `InvokeModel` states no cache at all, older releases none for `Converse` either.
        replace(CACHE_NOT_STATED, models=("claude", "nova")),
        # `estimate_token_count(prompt)`: a sixth of its characters.
        Doubt(
            flag="estimated",
            attribute="rpc.method",
            values=frozenset({"InvokeModel", "InvokeModelWithResponseStream"}),
            models=("cohere.command", "mistral"),
        ),
    ),
)
"""Bedrock as Bedrock counts: the stated input has no cache counts in it."""

DOTNET_AI: Final = replace(
    _BY_SCOPE,
    name="dotnet-extensions-ai",
    scopes=("Experimental.Microsoft.Extensions.AI", "Microsoft.Extensions.AI"),
    doubts=(replace(CACHE_WRITE_NOT_STATED, providers=frozenset({"anthropic", "aws.bedrock"})),),
)

OFFICIAL: Final[tuple[Dialect, ...]] = (OTEL_GENAI, OTEL_OPENAI, OTEL_VERTEXAI, OTEL_BOTOCORE, DOTNET_AI)
