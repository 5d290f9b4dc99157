"""Platforms and servers: Dify, vLLM."""

from typing import Final

import msgspec

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

_KIND: Final = "gen_ai.span.kind"

DIFY: Final = msgspec.structs.replace(
    SEMCONV,
    name="dify",
    marks=("dify.app_id", "dify.workflow_id", "dify.tenant_id", _KIND),
    mark_prefixes=(),
    operation=(_KIND, a.OPERATION_NAME),
    operations={"LLM": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank", "RETRIEVER": "retrieval"}
    | {"TOOL": "execute_tool", "AGENT": "invoke_agent"}
    | dict.fromkeys(("TASK", "CHAIN", "WORKFLOW", "ENTRY", "STEP", "GUARDRAIL", "MEMORY"), "chain"),
    # A workflow's span states no kind; its usage is the sum of its nodes'.
    span_names={"*": "chain"},
    # A model's provider is a plugin of a vendor: `langgenius/openai/openai`.
    providers={
        f"langgenius/{plugin}/{name}": provider
        for plugin, name, provider in (
            ("openai", "openai", "openai"),
            ("openai_api_compatible", "openai_api_compatible", ""),
            ("anthropic", "anthropic", "anthropic"),
            ("azure_openai", "azure_openai", "azure.ai.openai"),
            ("bedrock", "bedrock", "aws.bedrock"),
            ("gemini", "google", "gcp.gemini"),
            ("vertex_ai", "vertex_ai", "gcp.vertex_ai"),
            ("mistralai", "mistralai", "mistral_ai"),
            ("deepseek", "deepseek", "deepseek"),
            ("groq", "groq", "groq"),
            ("cohere", "cohere", "cohere"),
            ("x", "x", "x_ai"),
        )
    },
    basis="table",
    attribution={
        "tenant": ("dify.tenant_id",),
        "project": ("dify.app_id",),
        "workflow_id": ("dify.workflow_id",),
    },
    # Its `LLMUsage` knows no caches.
    doubts=(Doubt(flag="cache_not_stated", unless=frozenset({u.CACHE_READ_TOKENS})),),
)
"""Dify (`api/extensions/otel/parser`, `semconv/dify.py`): a node's kind under the name of Alibaba's conventions, which
others follow too."""

VLLM: Final = msgspec.structs.replace(
    SEMCONV,
    name="vllm",
    scopes=("vllm.",),
    marks=("gen_ai.usage.num_sequences", "gen_ai.latency.time_in_model_prefill", "gen_ai.latency.time_in_queue"),
    mark_prefixes=(),
    span_names={"llm_request": "chat"},
    # Its request id is the response's for a chat, and not for a completion: it joins nothing.
    response_id=(),
    first_token={"gen_ai.latency.time_to_first_token": 10**9},
    doubts=(Doubt(flag="server_side"),),
    precision=-1,
)
"""vLLM's `llm_request` (`vllm/tracing`): the server's side of a call that its client tells too, under the old names."""
