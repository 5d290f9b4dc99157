"""Names of what is counted. Token units are the usage keys of the `genai-prices` units registry.

A claim's usage is a map from these names to whole numbers. Wholes contain their parts (semantic
conventions 1.40: "SHOULD include all types of input tokens, including cached tokens"):
`input_tokens` holds every cache read and write, `output_tokens` every reasoning token.
"""

from typing import Final

INPUT_TOKENS: Final = "input_tokens"
OUTPUT_TOKENS: Final = "output_tokens"
CACHE_READ_TOKENS: Final = "cache_read_tokens"
CACHE_WRITE_TOKENS: Final = "cache_write_tokens"
CACHE_WRITE_5M_TOKENS: Final = "cache_write_5m_tokens"
CACHE_WRITE_1H_TOKENS: Final = "cache_write_1h_tokens"
INPUT_TEXT_TOKENS: Final = "input_text_tokens"
INPUT_AUDIO_TOKENS: Final = "input_audio_tokens"
INPUT_IMAGE_TOKENS: Final = "input_image_tokens"
OUTPUT_TEXT_TOKENS: Final = "output_text_tokens"
OUTPUT_AUDIO_TOKENS: Final = "output_audio_tokens"
OUTPUT_IMAGE_TOKENS: Final = "output_image_tokens"
CACHE_TEXT_READ_TOKENS: Final = "cache_text_read_tokens"
CACHE_AUDIO_READ_TOKENS: Final = "cache_audio_read_tokens"
CACHE_IMAGE_READ_TOKENS: Final = "cache_image_read_tokens"

REASONING_TOKENS: Final = "reasoning_tokens"
"""Part of `output_tokens`; a line of its own only where a model prices it apart."""

INPUT_CHARACTERS: Final = "input_characters"
INPUT_AUDIO_SECONDS: Final = "input_audio_seconds"
INPUT_DOCUMENT_PAGES: Final = "input_document_pages"
OUTPUT_IMAGES: Final = "output_images"
RERANK_SEARCHES: Final = "rerank_searches"
CODE_EXECUTIONS: Final = "code_executions"
"""Runs of code that the provider made while it answered."""
WEB_FETCHES: Final = "web_fetches"

REQUESTS: Final = "requests"
WEB_SEARCHES: Final = "web_searches"
"""Searches that the provider made while it answered."""

WHOLE_OF: Final = {
    CACHE_READ_TOKENS: INPUT_TOKENS,
    CACHE_WRITE_TOKENS: INPUT_TOKENS,
    CACHE_WRITE_5M_TOKENS: CACHE_WRITE_TOKENS,
    CACHE_WRITE_1H_TOKENS: CACHE_WRITE_TOKENS,
    INPUT_TEXT_TOKENS: INPUT_TOKENS,
    INPUT_AUDIO_TOKENS: INPUT_TOKENS,
    INPUT_IMAGE_TOKENS: INPUT_TOKENS,
    CACHE_TEXT_READ_TOKENS: CACHE_READ_TOKENS,
    CACHE_AUDIO_READ_TOKENS: CACHE_READ_TOKENS,
    CACHE_IMAGE_READ_TOKENS: CACHE_READ_TOKENS,
    REASONING_TOKENS: OUTPUT_TOKENS,
    OUTPUT_TEXT_TOKENS: OUTPUT_TOKENS,
    OUTPUT_AUDIO_TOKENS: OUTPUT_TOKENS,
    OUTPUT_IMAGE_TOKENS: OUTPUT_TOKENS,
}
"""Each part and the whole that contains it."""

SPELLINGS: Final = {
    "input_cached_tokens": CACHE_READ_TOKENS,
    "cached_input_tokens": CACHE_READ_TOKENS,
    "cached_tokens": CACHE_READ_TOKENS,
}
"""What applications call a unit that has a name here: explicit work may state it so."""

COUNT_MAX: Final = 10**9
"""Above this a count of one call is impossible: the largest context windows are some 10 million tokens."""
