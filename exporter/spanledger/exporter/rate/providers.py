"""Names of providers and models as telemetry spells them, told apart without guessing. Pure text.

One table maps every provider spelling to the catalogue's id; a model's prefix counts only if it names a provider.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

# A longer model reference is no model's name; it also bounds what the catalogue's patterns are matched against.
MODEL_CHARS_MAX: Final = 256

ANY: Final = ""
"""The provider of a reference that names none: whoever knows the model."""

SPELLINGS: Final[Mapping[str, str]] = {
    # Semantic conventions, today's and older names.
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gcp.vertex.agent": "google",
    "gemini": "google",
    "vertex_ai": "google",
    "groq": "groq",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "openai": "openai",
    "perplexity": "perplexity",
    "x_ai": "x-ai",
    # LiteLLM's and LangChain's prefixes, and the AI SDK's where the part before the dot is not the id.
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon_bedrock": "aws",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "google_ai_studio": "google",
    "google_genai": "google",
    "google_vertex": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "perplexity_ai": "perplexity",
    "together_ai": "together",
    "vertex": "google",
    "voyage": "voyageai",
    # Frameworks and routers that put their own name where the provider belongs: the model says who it is.
    "_other": ANY,
    "langchain": ANY,
    "litellm": ANY,
    "litellm_proxy": ANY,
    "microsoft.agent_framework": ANY,
    "spring_ai": ANY,
    "strands_agents": ANY,
}

_ARN: Final = "arn:aws:bedrock:"
_MODELS: Final = "models/"


class Reference(NamedTuple):
    """A model name to look up at a provider (its catalogue id, or `ANY`)."""

    provider: str
    model: str


class Providers:
    """The provider table, completed by the ids of one catalogue (each names itself)."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        self._table = {_squashed(identity): identity for identity in self._ids}
        self._table.update({_squashed(spelling): identity for spelling, identity in SPELLINGS.items()})

    def identify(self, provider: str) -> str | None:
        """The catalogue's id of a provider as telemetry names it, `ANY` for none; None if the name is unknown.

        A dotted name we do not know as a whole is cut at its first dot (`openai.chat`, `anthropic.messages`).
        """
        name = provider.strip().lower()
        if not name:
            return ANY
        known = self._table.get(_squashed(name))
        if known is None:
            known = self._table.get(_squashed(name.partition(".")[0]))
        return known if known == ANY or known in self._ids else None

    def references(self, provider: str, model: str) -> list[tuple[Reference, ...]]:
        """What a model name can stand for, most literal first; the members of one group are equally plausible.

        `provider` is a catalogue id or `ANY`. Only written-out structure is taken away: a resource path up to
        `models/`, and a prefix that names a provider. A family is never guessed.
        """
        groups: list[tuple[Reference, ...]] = [(Reference(provider, model),)]
        head, path, tail = model.rpartition(_MODELS)
        if path and (not head or head.endswith("/")):
            groups.append((Reference(provider, tail),))
        if model.lower().startswith(_ARN):
            groups.append((Reference("aws", model.rpartition("/")[2]),))
            return groups
        prefix, slash, rest = model.partition("/")
        routed = self.identify(prefix) if slash and prefix and rest else None
        if routed == ANY:
            groups += self.references(provider, rest)
        elif routed is not None:
            groups.append(tuple(dict.fromkeys((Reference(routed, rest), Reference(provider or routed, rest)))))
        return groups


def _squashed(name: str) -> str:
    """Spellings differ in hyphens and underscores only (`x-ai`, `x_ai`, `xai`)."""
    return name.lower().replace("-", "").replace("_", "")
