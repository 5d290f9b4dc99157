"""The usage objects of providers' own answers, as tables of paths: for emitters that pass them on as JSON.

Names: `openai` `types/completion_usage.py` and `types/responses/response_usage.py`; `anthropic` `types/usage.py`;
`google-genai` `types.GenerateContentResponseUsageMetadata`. OpenAI's wholes contain their parts, Anthropic's input is
without its cache counts, Google's output without its thoughts.
"""

from collections.abc import Mapping

from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Names

Table = Mapping[str, Names]


def together(*tables: Table) -> Table:
    """Tables as one: the names of an earlier one are preferred."""
    return {
        unit: tuple(dict.fromkeys(name for table in tables for name in table.get(unit, ())))
        for unit in dict.fromkeys(unit for table in tables for unit in table)
    }


def openai_usage(text: str) -> Table:
    """OpenAI's `usage` (chat completions, embeddings, responses) at a text's path."""
    inputs, outputs = _details(text, "prompt", "input"), _details(text, "completion", "output")
    return {
        u.INPUT_TOKENS: (f"{text}.prompt_tokens", f"{text}.input_tokens"),
        u.OUTPUT_TOKENS: (f"{text}.completion_tokens", f"{text}.output_tokens"),
        u.CACHE_READ_TOKENS: tuple(f"{name}.cached_tokens" for name in inputs),
        u.CACHE_WRITE_TOKENS: tuple(f"{name}.cache_write_tokens" for name in inputs),
        u.REASONING_TOKENS: tuple(f"{name}.reasoning_tokens" for name in outputs),
        u.INPUT_AUDIO_TOKENS: tuple(f"{name}.audio_tokens" for name in inputs),
        u.OUTPUT_AUDIO_TOKENS: tuple(f"{name}.audio_tokens" for name in outputs),
    }


def anthropic_usage(text: str) -> Table:
    """Anthropic's `usage` at a text's path; the input is without the cache."""
    return {
        u.INPUT_TOKENS: (f"{text}.input_tokens",),
        u.OUTPUT_TOKENS: (f"{text}.output_tokens",),
        u.CACHE_READ_TOKENS: (f"{text}.cache_read_input_tokens",),
        u.CACHE_WRITE_TOKENS: (f"{text}.cache_creation_input_tokens",),
        u.CACHE_WRITE_5M_TOKENS: (f"{text}.cache_creation.ephemeral_5m_input_tokens",),
        u.CACHE_WRITE_1H_TOKENS: (f"{text}.cache_creation.ephemeral_1h_input_tokens",),
        u.REASONING_TOKENS: (f"{text}.output_tokens_details.thinking_tokens",),
        u.WEB_SEARCHES: (f"{text}.server_tool_use.web_search_requests",),
    }


def parts(table: Table) -> Table:
    """A table without its wholes, for emitters that state those themselves."""
    return {unit: names for unit, names in table.items() if unit not in {u.INPUT_TOKENS, u.OUTPUT_TOKENS}}


def _details(text: str, *sides: str) -> Names:
    return tuple(f"{text}.{side}_tokens_details" for side in sides)
