"""Calls by libraries that stand on top of SDKs (LiteLLM, LangChain), and by HTTP clients without any."""

# ruff: noqa: PLC0415
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The libraries differ in how much of themselves they type.

import asyncio
import inspect
import itertools
import os
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, Final

from support.sdk_calls import CHAT, Call

_WHOLE: Final = {"model": "gpt-4o", "messages": CHAT}
_STREAM: Final = {**_WHOLE, "stream": True, "stream_options": {"include_usage": True}}
_PATH: Final = "/v1/chat/completions"
_places: Final = itertools.count()


def _litellm(model: str, suffix: str = "", **options: Any) -> Call:  # noqa: ANN401
    def run(url: str) -> None:
        litellm = _module()
        answer = litellm.completion(
            model=model, messages=CHAT, api_base=url + suffix, api_key="k", max_retries=2, **options
        )
        if options.get("stream"):
            list(answer)
        asyncio.run(_close_kept(litellm))

    return run


def _async_litellm(model: str, suffix: str = "", **options: Any) -> Call:  # noqa: ANN401
    async def run(url: str) -> None:
        litellm = _module()
        answer = await litellm.acompletion(
            model=model, messages=CHAT, api_base=url + suffix, api_key="k", max_retries=2, **options
        )
        if options.get("stream"):
            await _read(answer)
        await _close_kept(litellm)

    return lambda url: asyncio.run(run(url))


async def _close_kept(litellm: Any) -> None:  # noqa: ANN401
    """Close the clients that LiteLLM keeps for the next call, of both kinds after either; it shall make them anew."""
    cache = litellm.in_memory_llm_clients_cache
    for client in [each for each in cache.cache_dict.values() if hasattr(each, "close")]:
        if inspect.isawaitable(closing := client.close()):
            await closing
    cache.flush_cache()


def _module() -> Any:  # noqa: ANN401
    # It would fetch its price list from the internet when it is imported.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.disable_aiohttp_transport = False
    return litellm


def let_go() -> None:
    """Have LangChain forget the clients that it keeps for its places."""
    from langchain_openai.chat_models import _client_utils

    for name in ("_cached_sync_httpx_client", "_cached_async_httpx_client"):
        getattr(_client_utils, name).cache_clear()


async def _read(stream: AsyncIterable[object]) -> int:
    return len([each async for each in stream])


_USAGE: Final = {"stream": True, "stream_options": {"include_usage": True}}

LITELLM: Final[dict[str, Call]] = {
    "openai": _litellm("openai/gpt-4o", "/v1"),
    "openai stream": _litellm("openai/gpt-4o", "/v1", **_USAGE),
    "async openai": _async_litellm("openai/gpt-4o", "/v1"),
    "async openai stream": _async_litellm("openai/gpt-4o", "/v1", **_USAGE),
    "anthropic": _litellm("anthropic/claude-sonnet-5"),
    "anthropic stream": _litellm("anthropic/claude-sonnet-5", stream=True),
    "async anthropic": _async_litellm("anthropic/claude-sonnet-5"),
    "async anthropic stream": _async_litellm("anthropic/claude-sonnet-5", stream=True),
}


def _own(url: str) -> str:
    """A place of its own: LangChain keeps a client a place, and with it the loop of the call before."""
    return f"{url}/{next(_places)}"


def _openai_model(url: str) -> Any:  # noqa: ANN401
    from langchain_openai import ChatOpenAI

    make: Any = ChatOpenAI
    return make(model="gpt-4o", base_url=f"{_own(url)}/v1", api_key="k", stream_usage=True, max_retries=2)


def _anthropic_model(url: str) -> Any:  # noqa: ANN401
    from langchain_anthropic import ChatAnthropic

    make: Any = ChatAnthropic
    return make(model_name="claude-sonnet-5", base_url=_own(url), api_key="k", max_tokens=9, max_retries=2)


def _langchain(make: Callable[[str], Any], client: str, call: Callable[[Any], object]) -> Call:
    def run(url: str) -> None:
        model = make(url)
        call(model)
        getattr(model, client).close()

    return run


def _async_langchain(make: Callable[[str], Any], client: str, call: Callable[[Any], Awaitable[object]]) -> Call:
    async def run(url: str) -> None:
        model = make(url)
        await call(model)
        await getattr(model, client).close()

    return lambda url: asyncio.run(run(url))


_OPENAI: Final = (_openai_model, "root_client")
_ASYNC_OPENAI: Final = (_openai_model, "root_async_client")
_ANTHROPIC: Final = (_anthropic_model, "_client")
_ASYNC_ANTHROPIC: Final = (_anthropic_model, "_async_client")

LANGCHAIN: Final[dict[str, Call]] = {
    "openai": _langchain(*_OPENAI, lambda it: it.invoke("count")),
    "openai stream": _langchain(*_OPENAI, lambda it: list(it.stream("count"))),
    "async openai": _async_langchain(*_ASYNC_OPENAI, lambda it: it.ainvoke("count")),
    "async openai stream": _async_langchain(*_ASYNC_OPENAI, lambda it: _read(it.astream("count"))),
    "anthropic": _langchain(*_ANTHROPIC, lambda it: it.invoke("count")),
    "anthropic stream": _langchain(*_ANTHROPIC, lambda it: list(it.stream("count"))),
    "async anthropic": _async_langchain(*_ASYNC_ANTHROPIC, lambda it: it.ainvoke("count")),
    "async anthropic stream": _async_langchain(*_ASYNC_ANTHROPIC, lambda it: _read(it.astream("count"))),
}


def _httpx(url: str) -> None:
    import httpx

    httpx.post(url + _PATH, json=_WHOLE)


def _httpx_stream(url: str) -> None:
    import httpx

    with httpx.Client() as client, client.stream("POST", url + _PATH, json=_STREAM) as response:
        list(response.iter_lines())


async def _async_httpx(url: str) -> None:
    import httpx

    async with httpx.AsyncClient() as client, client.stream("POST", url + _PATH, json=_STREAM) as response:
        await _read(response.aiter_lines())


def _requests(url: str) -> None:
    import requests

    requests.post(url + _PATH, json=_WHOLE, timeout=9)


def _requests_stream(url: str) -> None:
    import requests

    with requests.post(url + _PATH, json=_STREAM, stream=True, timeout=9) as response:
        list(response.iter_lines())


async def _aiohttp(url: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.post(url + _PATH, json=_WHOLE) as response:
        await response.json()


async def _aiohttp_stream(url: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.post(url + _PATH, json=_STREAM) as response:
        await _read(response.content)


RAW: Final[dict[str, Call]] = {
    "httpx": _httpx,
    "httpx stream": _httpx_stream,
    "async httpx stream": lambda url: asyncio.run(_async_httpx(url)),
    "requests": _requests,
    "requests stream": _requests_stream,
    "async aiohttp": lambda url: asyncio.run(_aiohttp(url)),
    "async aiohttp stream": lambda url: asyncio.run(_aiohttp_stream(url)),
}
