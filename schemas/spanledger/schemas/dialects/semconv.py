"""OpenTelemetry's GenAI semantic conventions, 1.27 to the separate repository of today, and the names before.

Input counts contain cache counts ("SHOULD include all types of input tokens, including cached tokens",
conventions 1.40, registry `gen_ai.usage.input_tokens`). Before 1.40 nothing was said: `decode` checks the arithmetic,
and flags what it cannot. The second and later names of a quantity are of conventions before 1.40 and of emitters that
made their own (Pydantic AI's `details`, OpenLIT's and OpenLLMetry's `…_tokens`, Strands, the raw names of OpenAI).
"""

from typing import Final

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Dialect

SEMCONV: Final = Dialect(
    name="semconv",
    marks=(a.OPERATION_NAME, a.PROVIDER_NAME, a.SYSTEM),
    mark_prefixes=(a.USAGE_PREFIX,),
    found_by=(a.GEN_AI_PREFIX,),
    usage={
        u.INPUT_TOKENS: (a.USAGE_INPUT_TOKENS, a.USAGE_PROMPT_TOKENS),
        u.OUTPUT_TOKENS: (a.USAGE_OUTPUT_TOKENS, a.USAGE_COMPLETION_TOKENS),
        u.CACHE_READ_TOKENS: (
            a.USAGE_CACHE_READ,
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.prompt_tokens_details.cached_tokens",
            "gen_ai.usage.input_tokens_details.cached_tokens",
            "gen_ai.usage.cached_input_tokens",
        ),
        u.CACHE_WRITE_TOKENS: (
            a.USAGE_CACHE_WRITE,
            a.USAGE_CACHE_CREATION,
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ),
        u.CACHE_WRITE_5M_TOKENS: (a.ANTHROPIC_CACHE_WRITE_5M, "gen_ai.usage.details.ephemeral_5m_input_tokens"),
        u.CACHE_WRITE_1H_TOKENS: (a.ANTHROPIC_CACHE_WRITE_1H, "gen_ai.usage.details.ephemeral_1h_input_tokens"),
        u.REASONING_TOKENS: (
            a.USAGE_REASONING,
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.completion_tokens_details.reasoning_tokens",
            "gen_ai.usage.output_tokens_details.reasoning_tokens",
        ),
        u.INPUT_TEXT_TOKENS: (a.USAGE_TEXT_INPUT,),
        u.INPUT_IMAGE_TOKENS: (a.USAGE_IMAGE_INPUT,),
        u.INPUT_AUDIO_TOKENS: (a.USAGE_AUDIO_INPUT,),
        u.OUTPUT_TEXT_TOKENS: (a.USAGE_TEXT_OUTPUT,),
        u.OUTPUT_IMAGE_TOKENS: (a.USAGE_IMAGE_OUTPUT,),
        u.OUTPUT_AUDIO_TOKENS: (a.USAGE_AUDIO_OUTPUT,),
        u.CACHE_TEXT_READ_TOKENS: (a.USAGE_TEXT_CACHE_READ,),
        u.CACHE_IMAGE_READ_TOKENS: (a.USAGE_IMAGE_CACHE_READ,),
        u.CACHE_AUDIO_READ_TOKENS: (a.USAGE_AUDIO_CACHE_READ,),
    },
    total=(a.USAGE_TOTAL_TOKENS,),
    inclusion="inclusive",
    basis="assumed",
    operation=(a.OPERATION_NAME,),
    provider=(a.PROVIDER_NAME, a.SYSTEM),
    providers={
        "_OTHER": "",
        "az.ai.inference": "azure.ai.inference",
        "az.ai.openai": "azure.ai.openai",
        "gemini": "gcp.gemini",
        "vertex_ai": "gcp.vertex_ai",
        "xai": "x_ai",
    },
    request_model=(a.REQUEST_MODEL,),
    response_model=(a.RESPONSE_MODEL,),
    response_id=(a.RESPONSE_ID,),
    service_tier=(a.OPENAI_RESPONSE_TIER, a.OPENAI_RESPONSE_TIER_OLD, a.ANTHROPIC_RESPONSE_TIER, a.OPENAI_REQUEST_TIER),
    reported_cost=(a.USAGE_COST,),
    first_token={a.TIME_TO_FIRST_CHUNK: 10**9, a.CLIENT_TIME_TO_FIRST_CHUNK: 10**9},
    streams=(a.REQUEST_STREAM, "gen_ai.request.is_stream"),
)
