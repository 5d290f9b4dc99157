"""Which requests are calls to a model: by the provider's URL, or by the host that the user named. Pure.

A host nobody knows is never looked at further, and a path nobody knows on a known host is left alone.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from spanledger.instrumentation.wire.paths import Path, understood
from spanledger.schemas import attributes as a
from spanledger.schemas.provider_urls import PROVIDER_URLS

# The conventions' names (`gen_ai.provider.name`) where they differ from the catalogue's ids.
_NAMES: Final[Mapping[str, str]] = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshotai": "moonshot_ai",
    "x-ai": "x_ai",
}
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("anthropic", "openai"),
    "aws": ("bedrock", "openai", "anthropic"),
    "cohere": ("cohere", "openai"),
    "cursor": (),
    "google": ("google", "anthropic", "openai"),
    "mistral": ("mistral", "openai"),
}
_FAMILIES_ELSE: Final = ("openai", "anthropic")
"""What everybody else speaks, where they speak anything we understand."""

_PROVIDER_OF: Final[Mapping[str, str]] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gcp.gemini",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "mistral": "mistral_ai",
}
"""Whose API a host speaks → the provider that is stated of a host the user named: whoever is behind it, it is paid as
this one unless the model's name says otherwise."""

_PATH_ENDS: Final = ("(?:/|$)", "(/|$)")
_BEDROCK_REGION: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")

# Stainless writes the SDKs of OpenAI, Anthropic, Groq and others; botocore counts from 1.
_STAINLESS_RETRIES: Final = "x-stainless-retry-count"
_AMAZON_ATTEMPT: Final = "amz-sdk-request"

# Hosts times paths of one application; Azure deployments and Bedrock models are part of the path.
KNOWN_MAX: Final = 1_024


class Endpoint(msgspec.Struct, frozen=True):
    """One kind of call at one place."""

    api: str
    operation: str
    provider: str
    family: str
    address: str
    port: int
    model: str = ""
    """The model that the path names."""
    region: str = ""
    streams: bool = False
    asks_usage: bool = False
    """Whether a stream that would state no usage is asked to."""
    resends: str = _STAINLESS_RETRIES
    """The header in which an SDK says how often it has sent this before."""
    stated: Mapping[str, str | int] = {}
    """What every span of it states."""


class Site(msgspec.Struct, frozen=True):
    """What is known of a host."""

    provider: str
    families: tuple[str, ...]
    region: str = ""
    asks_usage: bool = False
    named: bool = False
    """Whether the user named it."""


class Endpoints:
    """Recognises calls, at public hosts and at those the user named."""

    def __init__(self, named: Mapping[str, Site] | None = None, *, asks_usage: bool = True) -> None:
        self._named = dict(named or {})
        self._asks_usage = asks_usage
        # Per instance, so that settings of one do not answer for another.
        self.recognise = lru_cache(maxsize=KNOWN_MAX)(self._recognise)
        self._site = lru_cache(maxsize=KNOWN_MAX)(self._find_site)

    def _recognise(self, scheme: str, host: str, port: int | None, path: str) -> Endpoint | None:
        """The endpoint of a POST to this URL (`path` without its query); None if it is no call to a model."""
        host = host.lower()
        site = self._site(scheme, host, port) or _by_path(scheme, host, path)
        if site is None:
            return None
        found = understood(path, site.families)
        if found is None:
            return None
        shape = found.shape
        provider, region = _provider(site, found, path), found.region or site.region
        port = port or (443 if scheme == "https" else 80)
        stated = {
            a.OPERATION_NAME: shape.operation,
            a.PROVIDER_NAME: provider,
            a.SERVER_ADDRESS: host,
            a.SERVER_PORT: port,
        }
        return Endpoint(
            api=shape.api,
            operation=shape.operation,
            provider=provider,
            family=shape.family,
            address=host,
            port=port,
            model=found.model,
            region=region,
            streams=shape.streams,
            asks_usage=self._asks_usage and site.asks_usage,
            resends=_AMAZON_ATTEMPT if shape.family == "bedrock" else _STAINLESS_RETRIES,
            stated={**stated, a.CLOUD_REGION: region} if region else stated,
        )

    def knows(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether a host may be an endpoint at all: what most requests of an application are asked first."""
        return scheme == "https" or self._site(scheme, host, port) is not None

    def _find_site(self, scheme: str, host: str, port: int | None) -> Site | None:
        named = self._named.get(f"{host}:{port or (443 if scheme == 'https' else 80)}") or self._named.get(host)
        return named or _public(_HOSTS, f"{scheme}://{host}", f"{scheme}://{host}/")


def named_site(families: Iterable[str], *, asks_usage: bool = False) -> Site:
    """A host that the user says speaks these families."""
    families = tuple(families)
    return Site(provider="", families=families, asks_usage=asks_usage, named=True)


def _has_path(pattern: str) -> bool:
    for end in _PATH_ENDS:
        pattern = pattern.replace(end, "")
    return "/" in pattern.replace("(https?://)?", "").removeprefix("https://")


_HOSTS: Final = tuple((identity, re.compile(pattern)) for identity, pattern in PROVIDER_URLS if not _has_path(pattern))
_PATHS: Final = tuple((identity, re.compile(pattern)) for identity, pattern in PROVIDER_URLS if _has_path(pattern))


def _by_path(scheme: str, host: str, path: str) -> Site | None:
    return _public(_PATHS, f"{scheme}://{host}", f"{scheme}://{host}{path}")


def _public(patterns: Iterable[tuple[str, re.Pattern[str]]], origin: str, url: str) -> Site | None:
    if not origin.startswith("https:"):
        return None
    for identity, pattern in patterns:
        found = pattern.match(url)
        # `api.openai.com.example.org` begins like OpenAI's host and is not it.
        if found and (found.end() >= len(origin) or found.group().endswith(".")):
            return Site(
                provider=_NAMES.get(identity, identity),
                families=_FAMILIES.get(identity, _FAMILIES_ELSE),
                region=_region(origin),
                asks_usage=identity == "openai",
            )
    return None


def _region(origin: str) -> str:
    found = _BEDROCK_REGION.search(origin)
    return found.group(1) if found else ""


def _provider(site: Site, found: Path, path: str) -> str:
    if site.named:
        return _PROVIDER_OF[found.shape.family]
    if site.provider == "gcp.gemini" and ("/publishers/" in path or "/projects/" in path):
        return "gcp.vertex_ai"
    if site.provider == "azure.ai.openai" and path.startswith("/models/"):
        return "azure.ai.inference"
    return site.provider
