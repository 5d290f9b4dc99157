"""Which requests are calls to a model."""

import pytest

from spanledger.instrumentation.wire.endpoints import Endpoint, Endpoints
from spanledger.instrumentation.wire.settings import endpoints_from

VERTEX = "/v1/projects/p/locations/europe-west1/publishers"

KNOWN = {
    "https://api.openai.com/v1/chat/completions": ("openai", "openai.chat", ""),
    "https://api.openai.com/v1/responses": ("openai", "openai.responses", ""),
    "https://api.anthropic.com/v1/messages": ("anthropic", "anthropic.messages", ""),
    "https://acme.openai.azure.com/openai/deployments/mine/chat/completions": (
        "azure.ai.openai",
        "openai.chat",
        "mine",
    ),
    "https://acme.openai.azure.com/openai/v1/responses": ("azure.ai.openai", "openai.responses", ""),
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:generateContent": (
        "gcp.gemini",
        "google.generate",
        "gemini-3",
    ),
    f"https://europe-west1-aiplatform.googleapis.com{VERTEX}/google/models/gemini-3:streamGenerateContent": (
        "gcp.vertex_ai",
        "google.generate",
        "gemini-3",
    ),
    f"https://europe-west1-aiplatform.googleapis.com{VERTEX}/anthropic/models/claude@1:streamRawPredict": (
        "gcp.vertex_ai",
        "anthropic.messages",
        "claude@1",
    ),
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude%3A0/converse": (
        "aws.bedrock",
        "bedrock.converse",
        "anthropic.claude:0",
    ),
    "https://api.cohere.com/v2/rerank": ("cohere", "cohere.rerank", ""),
    "https://api.mistral.ai/v1/fim/completions": ("mistral_ai", "openai.completions", ""),
    "https://api.groq.com/openai/v1/chat/completions": ("groq", "openai.chat", ""),
    "https://api.x.ai/v1/chat/completions": ("x_ai", "openai.chat", ""),
    "https://openrouter.ai/api/v1/chat/completions": ("openrouter", "openai.chat", ""),
    "https://api.moonshot.cn/v1/chat/completions": ("moonshot_ai", "openai.chat", ""),
    "https://router.huggingface.co/together/v1/chat/completions": ("huggingface_together", "openai.chat", ""),
}
UNKNOWN = (
    "https://example.org/v1/chat/completions",
    "https://api.openai.com.example.org/v1/chat/completions",
    "https://api.openai.com/v1/models",
    "https://api.openai.com/v1/files",
    "https://api.anthropic.com/v1/messages/count_tokens",
    "https://api.anthropic.com/v1/messages/batches",
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:countTokens",
    "https://storage.googleapis.com/bucket/object",
    "http://api.openai.com/v1/chat/completions",
    "http://127.0.0.1:8000/v1/chat/completions",
)


def _recognised(endpoints: Endpoints, url: str) -> Endpoint | None:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, _, port = authority.partition(":")
    return endpoints.recognise(scheme, host, int(port) if port else None, slash + path)


@pytest.mark.parametrize("url", KNOWN)
def test_a_providers_url_is_recognised(url: str) -> None:
    """Provider, API and the model that the path names."""
    endpoint = _recognised(Endpoints(), url)
    assert endpoint is not None
    assert (endpoint.provider, endpoint.api, endpoint.model) == KNOWN[url]


@pytest.mark.parametrize("url", UNKNOWN)
def test_what_is_no_call_to_a_model_is_left_alone(url: str) -> None:
    """Other hosts, hosts that only begin alike, and other paths of a provider."""
    assert _recognised(Endpoints(), url) is None


def test_regions_are_read_from_the_url() -> None:
    """Bedrock names its region in the host, Vertex AI in the path."""
    bedrock = _recognised(Endpoints(), "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream")
    vertex = _recognised(
        Endpoints(), f"https://europe-west1-aiplatform.googleapis.com{VERTEX}/google/models/g:generateContent"
    )
    assert bedrock is not None
    assert (bedrock.region, bedrock.streams) == ("us-east-1", True)
    assert vertex is not None
    assert (vertex.region, vertex.streams) == ("europe-west1", False)


def test_hosts_that_the_user_named_are_recognised_by_path(caplog: pytest.LogCaptureFixture) -> None:
    """A host with or without a port, one family or several; what is wrong is left out and logged."""
    named = "llm.internal:8000=openai,anthropic;10.0.0.7=openai,include_usage;broken;x=nonsense"
    endpoints = endpoints_from({"SPANLEDGER_ENDPOINTS": named})
    gateway = _recognised(endpoints, "http://llm.internal:8000/proxy/v1/messages")
    assert gateway is not None
    assert (gateway.provider, gateway.asks_usage) == ("anthropic", False)
    bare = _recognised(endpoints, "http://10.0.0.7:11434/v1/chat/completions")
    assert bare is not None
    assert (bare.provider, bare.port, bare.asks_usage) == ("openai", 11434, True)
    assert _recognised(endpoints, "http://llm.internal:9/v1/messages") is None
    assert len(caplog.records) == 2
