"""Every SDK, framework and raw client with its calls."""

from typing import Final

from support.framework_calls import LANGCHAIN, LITELLM, RAW
from support.sdk_calls import ANTHROPIC, BEDROCK, COHERE, GOOGLE, GROQ, MISTRAL, OPENAI, Call

SDKS: Final[dict[str, dict[str, Call]]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "google-genai": GOOGLE,
    "mistralai": MISTRAL,
    "cohere": COHERE,
    "groq": GROQ,
    "boto3": BEDROCK,
    "litellm": LITELLM,
    "langchain": LANGCHAIN,
    "raw clients": RAW,
}

RETRYING: Final = ("openai", "anthropic", "groq", "boto3", "litellm", "langchain")
"""Whose first call is sent again by itself after a refusal."""
