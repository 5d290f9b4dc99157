"""Gemini CLI: its event `gemini_cli.api_response`. Output is without the thoughts, input with what was cached.

Counts are Gemini's `usageMetadata`: `candidatesTokenCount` leaves out the thoughts, and `promptTokenCount` what tools
put into the prompt, which is billed as input. Each response and each error is logged twice, without condition
(`toLogRecord`, `toSemanticLogRecord`): the second, a `gen_ai.client.inference.operation.details` event, knows the
response's id but neither thoughts nor cache, and each request is logged so as well. It never comes without the first,
so it is passed over. The spans state no usage.
Source: `packages/core/src/telemetry/types.ts`, `loggers.ts`; `AuthType` of `contentGenerator.ts` tells who serves.
"""

from typing import Final

from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import IGNORED, Dialect

_OTHER: Final = "gemini_cli_event"

GEMINI_CLI: Final = Dialect(
    name="gemini-cli",
    signal="logs",
    scopes=("gemini-cli",),
    found_by=("input_token_count", "gemini_cli.api_error"),
    usage={
        u.INPUT_TOKENS: ("input_token_count",),
        u.OUTPUT_TOKENS: ("output_token_count",),
        u.CACHE_READ_TOKENS: ("cached_content_token_count",),
        u.REASONING_TOKENS: ("thoughts_token_count",),
    },
    added={u.INPUT_TOKENS: ("tool_token_count",)},
    inclusion="inclusive",
    reasoning="exclusive",
    span_names={
        "gemini_cli.api_response": "generate_content",
        "gemini_cli.api_error": "generate_content",
        "*": _OTHER,
    },
    ignored=IGNORED | {_OTHER},
    failures=frozenset({"gemini_cli.api_error"}),
    error_type=("error_type", "status_code"),
    provider=("auth_type",),
    providers={"vertex-ai": "gcp.vertex_ai", "*": "gcp.gen_ai"},
    default_provider="gcp.gen_ai",
    response_model=("model",),
    duration=("duration_ms",),
    duration_unit_ns=10**6,
)
