"""The SDKs of Google, Mistral, Cohere, Groq and AWS against the fake provider."""

import asyncio
from typing import Any, cast

import boto3
import cohere
import groq
import pytest
from botocore.config import Config
from google import genai
from mistralai.client import Mistral
from support.fake_provider import FakeProvider, Plan
from support.metered import Metered
from support.truths import assert_metered

CHAT: list[Any] = [{"role": "user", "content": "count to three"}]


# The SDK subclasses a class that its HTTP library would rather keep.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_google_genai(provider: FakeProvider, metered: Metered) -> None:
    """Plain, streamed, asynchronous, and embeddings."""
    client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=provider.url))
    client.models.generate_content(model="gemini-3-pro", contents="count")
    assert len(list(client.models.generate_content_stream(model="gemini-3-pro", contents="count"))) == 7
    client.models.embed_content(model="gemini-embedding-2", contents="count")

    async def run() -> None:
        stream = await client.aio.models.generate_content_stream(model="gemini-3-pro", contents="count")
        assert len([chunk async for chunk in stream]) == 7
        await client.aio.models.generate_content(model="gemini-3-pro", contents="count")
        await client.aio.aclose()

    asyncio.run(run())
    client.close()
    assert_metered(provider, metered)
    assert {claim.call.provider for claim in metered.claims()} == {"gcp.gemini"}


def test_mistral(provider: FakeProvider, metered: Metered) -> None:
    """Chat plain and streamed (its streams state usage unasked), and the document reader."""
    with Mistral(api_key="k", server_url=provider.url) as client:
        client.chat.complete(model="mistral-large", messages=CHAT)
        document: Any = {"type": "document_url", "document_url": "http://x/y.pdf"}
        client.ocr.process(model="mistral-ocr", document=document)
    assert_metered(provider, metered)


def test_cohere(provider: FakeProvider, metered: Metered) -> None:
    """Chat plain and streamed, embeddings, rerank: billed units."""
    with cohere.ClientV2(api_key="k", base_url=provider.url) as client:
        client.chat(model="command-a", messages=CHAT)
        assert len(list(client.chat_stream(model="command-a", messages=CHAT))) == 8
        client.embed(model="embed-v4", texts=["x"], input_type="search_query", embedding_types=["float"])
        client.rerank(model="rerank-v4", query="x", documents=["y"])
    assert_metered(provider, metered)


def test_groq(provider: FakeProvider, metered: Metered) -> None:
    """OpenAI's shapes at another place, by another SDK."""
    with groq.Groq(api_key="k", base_url=provider.url) as client:
        client.chat.completions.create(model="llama-4", messages=CHAT)
    assert_metered(provider, metered)


@pytest.fixture
def bedrock(provider: FakeProvider) -> Any:  # noqa: ANN401 (boto3 makes its clients at run time)
    """A client of Bedrock's runtime at the fake provider."""
    return cast("Any", boto3).client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=provider.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )


def test_bedrock(provider: FakeProvider, metered: Metered, bedrock: Any) -> None:  # noqa: ANN401
    """Converse and InvokeModel, plain and streamed."""
    messages = [{"role": "user", "content": [{"text": "count"}]}]
    bedrock.converse(modelId="anthropic.claude-opus:0", messages=messages)
    answer = bedrock.converse_stream(modelId="anthropic.claude-opus:0", messages=messages)
    assert len(list(answer["stream"])) == 9
    body = b'{"messages":[],"anthropic_version":"bedrock-2023-05-31"}'
    assert b"msg_bdrk" in bedrock.invoke_model(modelId="anthropic.claude-opus:0", body=body)["body"].read()
    answer = bedrock.invoke_model_with_response_stream(modelId="anthropic.claude-opus:0", body=body)
    assert len(list(answer["body"])) == 9
    assert_metered(provider, metered)
    assert {claim.call.request_model for claim in metered.claims()} == {"anthropic.claude-opus:0"}


def test_bedrock_retries_are_attempts(provider: FakeProvider, metered: Metered, bedrock: Any) -> None:  # noqa: ANN401
    """Botocore's own retries: each is an attempt with its number."""
    provider.plans.append(Plan(status=500))
    bedrock.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "count"}]}])
    assert [(claim.attempt, claim.status) for claim in metered.claims()] == [(0, "error"), (1, "ok")]
