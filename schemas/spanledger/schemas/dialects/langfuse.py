"""Langfuse's SDKs: an observation whose usage is JSON, in the provider's words or in Langfuse's own.

The words tell how it counts, so each is a dialect: OpenAI's usage as it came contains its parts (the `langfuse.openai`
wrapper, `langfuse/openai.py` `_parse_usage`); Langfuse's own names exclude every part on both sides (the LangChain
handler, `langfuse/langchain/CallbackHandler.py` `_parse_usage_model`; `observeOpenAI` of the JS SDK; what is written by
hand, by Langfuse's documentation), and so does Anthropic's. No response id is ever stated.
"""

from typing import Final

import msgspec

from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect, Doubt
from spanledger.schemas.dialects.provider_usage import anthropic_usage, openai_usage, together

_TYPE: Final = "langfuse.observation.type"
_MODEL: Final = "langfuse.observation.model.name"
_USAGE: Final = "langfuse.observation.usage_details"
_COST: Final = "langfuse.observation.cost_details"
_PARAMETERS: Final = "langfuse.observation.model.parameters"
_METADATA: Final = ("langfuse.trace.metadata", "langfuse.observation.metadata")

# Vertex's modalities come by name, or by number.
_VERTEX: Final = tuple(f"modality_{name}" for name in ("TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT", *"12345"))
_MODALITIES: Final = ("audio", "audio_tokens", "text_tokens", "image_tokens", *_VERTEX)


def _metadata(*names: str) -> tuple[str, ...]:
    return tuple(f"{where}.{name}" for where in _METADATA for name in names)


_OWN: Final = {
    u.INPUT_TOKENS: (f"{_USAGE}.input",),
    u.OUTPUT_TOKENS: (f"{_USAGE}.output",),
    u.CACHE_READ_TOKENS: (
        f"{_USAGE}.input_cache_read",
        f"{_USAGE}.input_cached_tokens",
        f"{_USAGE}.input_flex_cache_read",
    ),
    u.CACHE_WRITE_TOKENS: (f"{_USAGE}.input_cache_creation", f"{_USAGE}.input_cache_write_tokens"),
    u.CACHE_WRITE_5M_TOKENS: (
        f"{_USAGE}.cache_creation_ephemeral_5m_input_tokens",
        f"{_USAGE}.input_ephemeral_5m_input_tokens",
    ),
    u.CACHE_WRITE_1H_TOKENS: (
        f"{_USAGE}.cache_creation_ephemeral_1h_input_tokens",
        f"{_USAGE}.input_ephemeral_1h_input_tokens",
    ),
    u.REASONING_TOKENS: (
        f"{_USAGE}.output_reasoning",
        f"{_USAGE}.output_reasoning_tokens",
        f"{_USAGE}.output_flex_reasoning",
    ),
    u.INPUT_AUDIO_TOKENS: (f"{_USAGE}.input_audio", f"{_USAGE}.input_audio_tokens"),
    u.OUTPUT_AUDIO_TOKENS: (f"{_USAGE}.output_audio", f"{_USAGE}.output_audio_tokens"),
}

LANGFUSE: Final = Dialect(
    name="langfuse",
    marks=(_TYPE,),
    found_by=(_TYPE,),
    texts=(_USAGE, _COST, _PARAMETERS),
    usage=together(_OWN, anthropic_usage(_USAGE)),
    # Every other part that is taken from a whole: modalities, LangChain's tier, predictions.
    added={
        u.INPUT_TOKENS: (
            *(f"{_USAGE}.input_{part}" for part in (*_MODALITIES, "flex")),
            *(f"{_USAGE}.cached_{part}" for part in _VERTEX),
        ),
        u.OUTPUT_TOKENS: tuple(
            f"{_USAGE}.output_{part}"
            for part in (*_MODALITIES, "flex", "accepted_prediction_tokens", "rejected_prediction_tokens")
        ),
    },
    total=(f"{_USAGE}.total", f"{_USAGE}.total_tokens"),
    inclusion="exclusive",
    reasoning="exclusive",
    operation=(_TYPE,),
    operations={"generation": "chat", "embedding": "embeddings", "agent": "invoke_agent", "tool": "execute_tool"}
    | {"retriever": "retrieval", "*": "chain"},
    request_model=(_MODEL,),
    service_tier=(f"{_PARAMETERS}.service_tier",),
    reported_cost=(f"{_COST}.total",),
    zero_is_unknown=frozenset({u.WEB_SEARCHES}),
    first_token={"langfuse.observation.completion_start_time": 0},
    attribution={
        "environment": ("langfuse.environment",),
        "tenant": _metadata("tenant_id", "tenantId", "tenant"),
        "organization_id": _metadata("organization_id", "org_id"),
        "project": _metadata("project"),
        "feature": _metadata("feature"),
        "team": _metadata("team"),
    },
    doubts=(
        # LangChain's names for OpenAI's priority tier are not taken from the input, and Vertex's modalities are parts
        # of which nothing tells whether they overlap the cache.
        Doubt(flag="cache_not_stated", attribute=f"{_USAGE}.input_priority_cache_read"),
        Doubt(flag="inclusion_unknown", attribute=f"{_USAGE}.input_modality_TEXT"),
        Doubt(flag="inclusion_unknown", attribute=f"{_USAGE}.input_modality_1"),
    ),
)

_RAW: Final = openai_usage(_USAGE)

LANGFUSE_OPENAI: Final = msgspec.structs.replace(
    LANGFUSE,
    name="langfuse_openai",
    # Plain `input_tokens` beside no details is read alike by both.
    marks=(
        *(
            name
            for name in _RAW[u.INPUT_TOKENS] + _RAW[u.OUTPUT_TOKENS]
            if name.endswith(("prompt_tokens", "completion_tokens"))
        ),
        *(name for unit, names in _RAW.items() if unit not in {u.INPUT_TOKENS, u.OUTPUT_TOKENS} for name in names),
    ),
    usage=_RAW,
    added={},
    total=(f"{_USAGE}.total_tokens",),
    inclusion="inclusive",
    reasoning="inclusive",
    doubts=(),
)
"""OpenAI's usage as it came."""

LANGFUSES: Final = (LANGFUSE_OPENAI, LANGFUSE)
