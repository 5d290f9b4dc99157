"""What a URL's path says of a call: the API that is spoken, the operation, and a model where the path names one. Pure.

Only the end of a path counts, so that a gateway may mount a provider's API anywhere.
"""

import re
from typing import Final
from urllib.parse import unquote

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """What one form of path means."""

    family: str
    """Whose API it is: a host speaks one family or several."""
    pattern: re.Pattern[str]
    api: str
    """Which of our readers understands the answer."""
    operation: str
    """The conventions' name of the operation."""
    streams: bool = False
    """Whether the path itself asks for a stream; otherwise the request's body may."""


class Path(msgspec.Struct, frozen=True):
    """What a path was understood as."""

    shape: Shape
    model: str = ""
    region: str = ""


def _shape(family: str, pattern: str, api: str, operation: str, *, streams: bool = False) -> Shape:
    return Shape(family, re.compile(pattern), api, operation, streams)


_GOOGLE: Final = r"/(?:models|tunedModels)/(?P<model>[^/:]+):"

SHAPES: Final = (
    # First, where a host that speaks several families would be taken for a copy of OpenAI.
    _shape("cohere", r"/v[12]/chat$", "cohere.chat", "chat"),
    _shape("cohere", r"/v[12]/embed$", "cohere.embed", "embeddings"),
    _shape("cohere", r"/v[12]/rerank$", "cohere.rerank", "rerank"),
    _shape("mistral", r"/ocr$", "mistral.ocr", "generate_content"),
    _shape("openai", r"/chat/completions$", "openai.chat", "chat"),
    _shape("openai", r"/responses$", "openai.responses", "chat"),
    _shape("openai", r"/embeddings$", "openai.embeddings", "embeddings"),
    _shape("openai", r"/completions$", "openai.completions", "text_completion"),
    _shape("openai", r"/images/(?:generations|edits|variations)$", "openai.images", "generate_content"),
    _shape("openai", r"/audio/speech$", "openai.speech", "generate_content"),
    _shape("openai", r"/audio/(?:transcriptions|translations)$", "openai.transcriptions", "generate_content"),
    _shape("openai", r"/moderations$", "openai.moderations", "moderation"),
    _shape("openai", r"/rerank$", "openai.embeddings", "rerank"),
    _shape("anthropic", r"/v1/messages$", "anthropic.messages", "chat"),
    _shape("anthropic", r"/publishers/anthropic/models/(?P<model>[^/:]+):rawPredict$", "anthropic.messages", "chat"),
    _shape(
        "anthropic",
        r"/publishers/anthropic/models/(?P<model>[^/:]+):streamRawPredict$",
        "anthropic.messages",
        "chat",
        streams=True,
    ),
    _shape("google", _GOOGLE + "generateContent$", "google.generate", "generate_content"),
    _shape("google", _GOOGLE + "streamGenerateContent$", "google.generate", "generate_content", streams=True),
    _shape(
        "google", _GOOGLE + "(?:embedContent|batchEmbedContents|asyncBatchEmbedContent)$", "google.embed", "embeddings"
    ),
    _shape("google", _GOOGLE + "predict$", "google.predict", "generate_content"),
    _shape("bedrock", r"/model/(?P<model>[^/]+)/converse$", "bedrock.converse", "chat"),
    _shape("bedrock", r"/model/(?P<model>[^/]+)/converse-stream$", "bedrock.converse", "chat", streams=True),
    _shape("bedrock", r"/model/(?P<model>[^/]+)/invoke$", "bedrock.invoke", "chat"),
    _shape("bedrock", r"/model/(?P<model>[^/]+)/invoke-with-response-stream$", "bedrock.invoke", "chat", streams=True),
)


class Results(msgspec.Struct, frozen=True):
    """A path from which the results of a batch, or an answer that was not waited for, are fetched."""

    family: str
    pattern: re.Pattern[str]
    path: str
    """The path of the calls that a batch is made of, or of one of them."""
    whole: bool = False
    """Whether it is one document, not a line a result."""


# By GET. What else lies under the same path is told by its first line.
RESULTS: Final = (
    Results("openai", re.compile(r"/files/[^/]+/content$"), "/v1/chat/completions"),
    Results("anthropic", re.compile(r"/messages/batches/[^/]+/results$"), "/v1/messages"),
    Results("google", re.compile(r"/files/[^/]+:download$"), "/v1/models/-:generateContent"),
    Results("google", re.compile(r"/v1(?:alpha|beta)?/batches/[^/]+$"), "/v1/models/-:generateContent", whole=True),
    Results("openai", re.compile(r"/responses/[^/]+$"), "/v1/responses", whole=True),
)

FAMILIES: Final = frozenset(shape.family for shape in SHAPES)

# Azure names the deployment, which is what its callers call the model.
_DEPLOYMENT: Final = re.compile(r"/deployments/([^/]+)/")
_LOCATION: Final = re.compile(r"/locations/([^/]+)/")


def understood(path: str, families: tuple[str, ...]) -> Path | None:
    """What a path (without its query) asks of a host that speaks these families; None if it is no model call."""
    for shape in SHAPES:
        if shape.family in families and (found := shape.pattern.search(path)):
            model = found.groupdict().get("model") or ""
            deployment = "" if model else _first(_DEPLOYMENT, path)
            location = _first(_LOCATION, path)
            return Path(shape, unquote(model or deployment), "" if location == "global" else location)
    return None


def _first(pattern: re.Pattern[str], path: str) -> str:
    found = pattern.search(path)
    return found.group(1) if found else ""
