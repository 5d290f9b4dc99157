"""LiteLLM, the SDK's callback and the proxy: input contains the cache counts, whatever the provider's own does.

Source: litellm 1.102, `integrations/opentelemetry.py`; the details are in `metadata.usage_object`, the `repr` of a
Python dictionary in the shape of OpenAI's usage. `raw_gen_ai_request` repeats the provider's answer and is not read;
of the headers in `hidden_params` only the organization is.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.official import CACHE_NOT_STATED
from spanledger.schemas.dialects.semconv import SEMCONV

_USAGE: Final = "metadata.usage_object"
_INPUT: Final = f"{_USAGE}.prompt_tokens_details"
_OUTPUT: Final = f"{_USAGE}.completion_tokens_details"
_HIDDEN: Final = "hidden_params"
_HEADER: Final = f"{_HIDDEN}.additional_headers.llm_provider"
_LIFETIMES: Final = f"{_INPUT}.cache_creation_token_details"

_CACHING: Final = frozenset({"anthropic", "aws.bedrock", "azure.ai.openai", "gcp.gemini", "gcp.vertex_ai", "openai"})

_STREAMED: Final = tuple(
    Doubt(
        flag="may_be_estimated",
        attribute=attribute,
        values=frozenset({"true", "True"}),
        unless=frozenset({u.CACHE_READ_TOKENS}),
    )
    for attribute in ("llm.is_streaming", "gen_ai.request.stream")
)
"""A stream without usage is counted by LiteLLM itself (`litellm_core_utils/streaming_chunk_builder_utils.py`)."""

LITELLM: Final = replace(
    SEMCONV,
    name="litellm",
    scopes=("litellm",),
    marks=(_USAGE, "gen_ai.cost.total_cost"),
    mark_prefixes=(f"{_USAGE}.",),
    texts=(_USAGE, _HIDDEN),
    usage={
        u.INPUT_TOKENS: (*SEMCONV.usage[u.INPUT_TOKENS], f"{_USAGE}.prompt_tokens"),
        u.OUTPUT_TOKENS: (*SEMCONV.usage[u.OUTPUT_TOKENS], f"{_USAGE}.completion_tokens"),
        u.CACHE_READ_TOKENS: (a.USAGE_CACHE_READ, f"{_INPUT}.cached_tokens", f"{_USAGE}.cache_read_input_tokens"),
        u.CACHE_WRITE_TOKENS: (
            a.USAGE_CACHE_WRITE,
            a.USAGE_CACHE_CREATION,
            f"{_INPUT}.cache_write_tokens",
            f"{_INPUT}.cache_creation_tokens",
            f"{_USAGE}.cache_creation_input_tokens",
        ),
        u.CACHE_WRITE_5M_TOKENS: (f"{_LIFETIMES}.ephemeral_5m_input_tokens",),
        u.CACHE_WRITE_1H_TOKENS: (f"{_LIFETIMES}.ephemeral_1h_input_tokens",),
        u.REASONING_TOKENS: (a.USAGE_REASONING, f"{_OUTPUT}.reasoning_tokens"),
        u.INPUT_AUDIO_TOKENS: (f"{_INPUT}.audio_tokens",),
        u.INPUT_IMAGE_TOKENS: (f"{_INPUT}.image_tokens",),
        u.OUTPUT_AUDIO_TOKENS: (f"{_OUTPUT}.audio_tokens",),
        u.OUTPUT_IMAGE_TOKENS: (f"{_OUTPUT}.image_tokens",),
    },
    basis="table",
    operation=(a.OPERATION_NAME, "llm.request.type"),
    operations={
        "completion": "chat",
        "acompletion": "chat",
        "responses": "chat",
        "aresponses": "chat",
        "anthropic_messages": "chat",
        "agenerate_content": "generate_content",
        "embedding": "embeddings",
        "aembedding": "embeddings",
        "atext_completion": "text_completion",
        "arerank": "rerank",
    },
    prefixed=("litellm.provider.model",),
    providers={
        **SEMCONV.providers,
        "azure": "azure.ai.openai",
        "azure_ai": "azure.ai.inference",
        "bedrock": "aws.bedrock",
        "bedrock_converse": "aws.bedrock",
        "litellm_proxy": "",
        "mistral": "mistral_ai",
        "moonshot": "moonshot_ai",
    },
    reported_cost=("gen_ai.cost.total_cost",),
    account=(f"{_HEADER}-openai-organization", f"{_HEADER}-anthropic-organization-id"),
    attribution={
        "user_id": ("llm.user", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
        "team": ("metadata.user_api_key_team_alias", "metadata.user_api_key_team_id"),
        "project": ("metadata.user_api_key_project_alias", "metadata.user_api_key_project_id"),
        "organization_id": ("metadata.user_api_key_org_id",),
    },
    doubts=(
        # OpenAI details every usage; a stream's without details is LiteLLM's.
        *(replace(doubt, flag="estimated", providers=frozenset({"openai"})) for doubt in _STREAMED),
        *_STREAMED,
        # These detail every usage: where no details could be read, the caches are unknown, not zero.
        replace(CACHE_NOT_STATED, operations=frozenset({"chat"}), providers=_CACHING),
    ),
    precision=1,
)

LITELLM_ROUTED: Final = replace(
    LITELLM,
    name="litellm-routed",
    scopes=(),
    marks=("litellm.model_group",),
    mark_prefixes=(),
    response_model=(),
    precision=2,
)
"""A proxy answers with the alias that was asked for: the deployed model is the one it requested. It is the provider's
client; whoever stands in front of it knows the alias only."""

LITELLMS: Final[tuple[Dialect, ...]] = (LITELLM_ROUTED, LITELLM)
