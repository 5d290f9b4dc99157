"""Calls of the real SDKs, each by its name: what an application would write, against a provider at a URL.

A call that ends in `stream` reads its stream to the end; the asynchronous ones run a loop of their own. Every SDK is
imported when it is called, so that whoever runs one call pays for one.
"""

# ruff: noqa: PLC0415
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDKs differ in how much of themselves they type.

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine
from typing import Any, Final, TypeAlias

Call: TypeAlias = Callable[[str], object]

CHAT: Final[list[Any]] = [{"role": "user", "content": "count to three"}]
_PARTS: Final[list[Any]] = [{"role": "user", "content": [{"text": "count to three"}]}]
_INCLUDED: Final[Any] = {"include_usage": True}
_CLAUDE: Final = "claude-sonnet-5"
_GEMINI: Final = "gemini-3-pro"
_BEDROCK: Final = "anthropic.claude-opus:0"
_INVOKED: Final = b'{"messages":[],"anthropic_version":"bedrock-2023-05-31"}'


def _openai(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        import openai

        with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=2) as client:
            call(client)

    return run


def _async_openai(call: Callable[[Any], Coroutine[Any, Any, object]]) -> Call:
    async def run(url: str) -> None:
        import openai

        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=2) as client:
            await call(client)

    return lambda url: asyncio.run(run(url))


async def _read(stream: AsyncIterable[object]) -> int:
    return len([each async for each in stream])


async def _openai_chat_stream(client: Any) -> None:  # noqa: ANN401
    create = client.chat.completions.create
    await _read(await create(model="gpt-4o", messages=CHAT, stream=True, stream_options=_INCLUDED))


async def _openai_responses_stream(client: Any) -> None:  # noqa: ANN401
    await _read(await client.responses.create(model="gpt-4o", input="count", stream=True))


def _openai_abandoned(client: Any) -> None:  # noqa: ANN401
    create = client.chat.completions.create
    stream = create(model="gpt-4o", messages=CHAT, stream=True, stream_options=_INCLUDED)
    next(iter(stream))
    stream.close()


_AUDIO: Final = ("a.wav", b"RIFF")

OPENAI: Final[dict[str, Call]] = {
    "chat": _openai(lambda it: it.chat.completions.create(model="gpt-4o", messages=CHAT)),
    "chat stream": _openai(
        lambda it: list(
            it.chat.completions.create(model="gpt-4o", messages=CHAT, stream=True, stream_options=_INCLUDED)
        )
    ),
    "responses": _openai(lambda it: it.responses.create(model="gpt-4o", input="count")),
    "responses stream": _openai(lambda it: list(it.responses.create(model="gpt-4o", input="count", stream=True))),
    "embeddings": _openai(lambda it: it.embeddings.create(model="text-embedding-3-small", input="count")),
    "images": _openai(lambda it: it.images.generate(model="gpt-image-1", prompt="three")),
    "transcription": _openai(lambda it: it.audio.transcriptions.create(model="whisper-1", file=_AUDIO)),
    "speech": _openai(lambda it: it.audio.speech.create(model="tts-1", voice="alloy", input="one two three").content),
    "async chat": _async_openai(lambda it: it.chat.completions.create(model="gpt-4o", messages=CHAT)),
    "async chat stream": _async_openai(_openai_chat_stream),
    "async responses": _async_openai(lambda it: it.responses.create(model="gpt-4o", input="count")),
    "async responses stream": _async_openai(_openai_responses_stream),
    "async embeddings": _async_openai(lambda it: it.embeddings.create(model="text-embedding-3-small", input="x")),
    "async images": _async_openai(lambda it: it.images.generate(model="gpt-image-1", prompt="three")),
    "async transcription": _async_openai(lambda it: it.audio.transcriptions.create(model="whisper-1", file=_AUDIO)),
    "async speech": _async_openai(lambda it: it.audio.speech.create(model="tts-1", voice="alloy", input="one")),
}
ABANDONED: Final[Call] = _openai(_openai_abandoned)
MODERATIONS: Final[dict[str, Call]] = {
    "moderation": _openai(lambda it: it.moderations.create(input="count")),
    "async moderation": _async_openai(lambda it: it.moderations.create(input="count")),
}


def _anthropic(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        import anthropic

        with anthropic.Anthropic(base_url=url, api_key="k", max_retries=2) as client:
            call(client)

    return run


def _async_anthropic(call: Callable[[Any], Coroutine[Any, Any, object]]) -> Call:
    async def run(url: str) -> None:
        import anthropic

        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=2) as client:
            await call(client)

    return lambda url: asyncio.run(run(url))


def _anthropic_helper(client: Any) -> None:  # noqa: ANN401
    with client.messages.stream(model=_CLAUDE, max_tokens=9, messages=CHAT) as stream:
        stream.get_final_message()


async def _anthropic_stream(client: Any) -> None:  # noqa: ANN401
    await _read(await client.messages.create(model=_CLAUDE, max_tokens=9, messages=CHAT, stream=True))


ANTHROPIC: Final[dict[str, Call]] = {
    "messages": _anthropic(lambda it: it.messages.create(model=_CLAUDE, max_tokens=9, messages=CHAT)),
    "messages stream": _anthropic(
        lambda it: list(it.messages.create(model=_CLAUDE, max_tokens=9, messages=CHAT, stream=True))
    ),
    "messages helper stream": _anthropic(_anthropic_helper),
    "async messages": _async_anthropic(lambda it: it.messages.create(model=_CLAUDE, max_tokens=9, messages=CHAT)),
    "async messages stream": _async_anthropic(_anthropic_stream),
}


def _google(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        from google import genai

        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))
        call(client)
        client.close()

    return run


def _async_google(call: Callable[[Any], Coroutine[Any, Any, object]]) -> Call:
    async def run(url: str) -> None:
        from google import genai

        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=url))
        await call(client)
        await client.aio.aclose()
        client.close()

    return lambda url: asyncio.run(run(url))


async def _google_stream(client: Any) -> None:  # noqa: ANN401
    await _read(await client.aio.models.generate_content_stream(model=_GEMINI, contents="count"))


GOOGLE: Final[dict[str, Call]] = {
    "generate": _google(lambda it: it.models.generate_content(model=_GEMINI, contents="count")),
    "generate stream": _google(lambda it: list(it.models.generate_content_stream(model=_GEMINI, contents="count"))),
    "embeddings": _google(lambda it: it.models.embed_content(model="gemini-embedding-2", contents="count")),
    "async generate": _async_google(lambda it: it.aio.models.generate_content(model=_GEMINI, contents="count")),
    "async generate stream": _async_google(_google_stream),
}


def _mistral(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        from mistralai.client import Mistral

        with Mistral(api_key="k", server_url=url) as client:
            call(client)

    return run


def _async_mistral(call: Callable[[Any], Coroutine[Any, Any, object]]) -> Call:
    async def run(url: str) -> None:
        from mistralai.client import Mistral

        async with Mistral(api_key="k", server_url=url) as client:
            await call(client)

    return lambda url: asyncio.run(run(url))


async def _mistral_stream(client: Any) -> None:  # noqa: ANN401
    await _read(await client.chat.stream_async(model="mistral-large", messages=CHAT))


_DOCUMENT: Final[Any] = {"type": "document_url", "document_url": "http://x/y.pdf"}

MISTRAL: Final[dict[str, Call]] = {
    "chat": _mistral(lambda it: it.chat.complete(model="mistral-large", messages=CHAT)),
    "chat stream": _mistral(lambda it: list(it.chat.stream(model="mistral-large", messages=CHAT))),
    "ocr": _mistral(lambda it: it.ocr.process(model="mistral-ocr", document=_DOCUMENT)),
    "async chat": _async_mistral(lambda it: it.chat.complete_async(model="mistral-large", messages=CHAT)),
    "async chat stream": _async_mistral(_mistral_stream),
}


def _cohere(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        import cohere

        with cohere.ClientV2(api_key="k", base_url=url) as client:
            call(client)

    return run


def _async_cohere(call: Callable[[Any], Coroutine[Any, Any, object]]) -> Call:
    async def run(url: str) -> None:
        import cohere

        async with cohere.AsyncClientV2(api_key="k", base_url=url) as client:
            await call(client)

    return lambda url: asyncio.run(run(url))


_EMBED: Final[Any] = {"texts": ["x"], "input_type": "search_query", "embedding_types": ["float"]}

COHERE: Final[dict[str, Call]] = {
    "chat": _cohere(lambda it: it.chat(model="command-a", messages=CHAT)),
    "chat stream": _cohere(lambda it: list(it.chat_stream(model="command-a", messages=CHAT))),
    "embeddings": _cohere(lambda it: it.embed(model="embed-v4", **_EMBED)),
    "rerank": _cohere(lambda it: it.rerank(model="rerank-v4", query="x", documents=["y"])),
    "async chat": _async_cohere(lambda it: it.chat(model="command-a", messages=CHAT)),
    "async chat stream": _async_cohere(lambda it: _read(it.chat_stream(model="command-a", messages=CHAT))),
}


def _groq(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        import groq

        with groq.Groq(api_key="k", base_url=url, max_retries=2) as client:
            call(client)

    return run


async def _async_groq(url: str, *, stream: bool) -> None:
    import groq

    async with groq.AsyncGroq(api_key="k", base_url=url) as client:
        create: Any = client.chat.completions.create
        answer = await create(model="llama-4", messages=CHAT, stream=stream)
        if stream:
            await _read(answer)


GROQ: Final[dict[str, Call]] = {
    "chat": _groq(lambda it: it.chat.completions.create(model="llama-4", messages=CHAT)),
    "chat stream": _groq(lambda it: list(it.chat.completions.create(model="llama-4", messages=CHAT, stream=True))),
    "async chat": lambda url: asyncio.run(_async_groq(url, stream=False)),
    "async chat stream": lambda url: asyncio.run(_async_groq(url, stream=True)),
}


def _bedrock(call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        import boto3
        from botocore.config import Config

        make: Any = boto3.client
        client = make(
            "bedrock-runtime",
            region_name="eu-central-1",
            endpoint_url=url,
            aws_access_key_id="k",
            aws_secret_access_key="s",
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        call(client)
        client.close()

    return run


BEDROCK: Final[dict[str, Call]] = {
    "converse": _bedrock(lambda it: it.converse(modelId=_BEDROCK, messages=_PARTS)),
    "converse stream": _bedrock(lambda it: list(it.converse_stream(modelId=_BEDROCK, messages=_PARTS)["stream"])),
    "invoke": _bedrock(lambda it: it.invoke_model(modelId=_BEDROCK, body=_INVOKED)["body"].read()),
    "invoke stream": _bedrock(
        lambda it: list(it.invoke_model_with_response_stream(modelId=_BEDROCK, body=_INVOKED)["body"])
    ),
}
