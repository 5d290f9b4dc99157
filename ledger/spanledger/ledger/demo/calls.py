"""The demonstration's fifty calls: three services, three tenants, one fixed seed.

Pure data. Times and ids never change, so that sending them again adds nothing to a ledger.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from spanledger.schemas import attributes as a

SEED: Final = 20_261_102
EVENTS: Final = 50
DAY: Final = "2026-11-02"
"""All calls start on this day, UTC."""
DAY_AFTER: Final = "2026-11-03"
_FIRST_START_NS: Final = 1_793_606_400 * 10**9
"""2026-11-02T08:00:00Z."""
_APART_NS: Final = 600 * 10**9
_SECOND_NS: Final = 10**9

TENANTS: Final = ("acme", "globex", "initech")
ENVIRONMENT: Final = "demo"

AttributeValue = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Calls of one sort: how many, by whom, and the ranges their token counts are drawn from."""

    calls: int
    service: str
    feature: str
    provider: str = ""
    model: str = ""
    operation: str = "chat"
    input_tokens: tuple[int, int] = (0, 0)
    output_tokens: tuple[int, int] = (0, 0)
    cache_read_percent: int = 0
    cache_write_percent: int = 0
    reasoning_percent: int = 0
    pages: tuple[int, int] = (0, 0)
    """Explicit work: pages scanned instead of tokens."""
    error_type: str = ""
    agent: str = ""
    """The calls of one sort run below one span of this agent, which repeats what they used."""


KINDS: Final = (
    Kind(
        calls=14,
        service="support-chat",
        feature="answers",
        provider="openai",
        model="gpt-5-mini",
        input_tokens=(600, 2_400),
        output_tokens=(80, 400),
        cache_read_percent=50,
    ),
    Kind(
        calls=4,
        service="support-chat",
        feature="escalation",
        provider="openai",
        model="gpt-5",
        input_tokens=(1_500, 4_000),
        output_tokens=(500, 1_500),
        reasoning_percent=60,
        agent="escalation-agent",
    ),
    Kind(
        calls=10,
        service="document-search",
        feature="indexing",
        provider="openai",
        model="text-embedding-3-small",
        operation="embeddings",
        input_tokens=(200, 900),
    ),
    Kind(
        calls=6,
        service="document-search",
        feature="summaries",
        provider="gcp.gemini",
        model="gemini-2.5-flash",
        operation="generate_content",
        input_tokens=(2_000, 9_000),
        output_tokens=(150, 600),
    ),
    Kind(
        calls=2, service="document-search", feature="scanning", provider="page-scanner", operation="scan", pages=(3, 40)
    ),
    Kind(
        calls=9,
        service="report-writer",
        feature="reports",
        provider="anthropic",
        model="claude-sonnet-4-5",
        input_tokens=(3_000, 12_000),
        output_tokens=(400, 1_800),
        cache_read_percent=60,
        cache_write_percent=20,
    ),
    Kind(
        calls=1,
        service="report-writer",
        feature="reports",
        provider="anthropic",
        model="claude-sonnet-4-5",
        error_type="overloaded_error",
    ),
    Kind(
        calls=4,
        service="report-writer",
        feature="drafts",
        provider="self-hosted",
        model="house-model-13b",
        input_tokens=(800, 3_000),
        output_tokens=(200, 900),
    ),
)
"""A model no catalogue prices, a failed attempt, cached and reasoning tokens, and work that is no model call."""


@dataclass(frozen=True, slots=True)
class Call:
    """One usage span to send. Times are nanoseconds since 1970 UTC."""

    service: str
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, AttributeValue]
    error_type: str = ""
    agent: str = ""


def calls() -> list[Call]:
    """All fifty, in the order of their start."""
    chance = random.Random(SEED)  # noqa: S311 (reproducible on purpose)
    tenants = cycle(TENANTS)
    return [
        _call(number, kind, TENANTS[0] if kind.agent else next(tenants), chance) for number, kind in enumerate(_sorts())
    ]


def agent_totals(below: list[Call]) -> dict[str, AttributeValue]:
    """What an agent's own span says of the calls below it: their sums, which must not be charged again."""
    sums = {key: sum(int(call.attributes.get(key, 0)) for call in below) for key in _COUNTED}
    first = below[0].attributes
    return {
        a.OPERATION_NAME: "invoke_agent",
        a.AGENT_NAME: below[0].agent,
        a.PROVIDER_NAME: first[a.PROVIDER_NAME],
        a.REQUEST_MODEL: first[a.REQUEST_MODEL],
        a.LEDGER_TENANT: first[a.LEDGER_TENANT],
        **sums,
    }


_COUNTED: Final = (a.USAGE_INPUT_TOKENS, a.USAGE_OUTPUT_TOKENS, a.USAGE_REASONING)


def _sorts() -> Iterator[Kind]:
    return (kind for kind in KINDS for _ in range(kind.calls))


def _call(number: int, kind: Kind, tenant: str, chance: random.Random) -> Call:
    start_ns = _FIRST_START_NS + number * _APART_NS
    attributes: dict[str, AttributeValue] = {a.LEDGER_TENANT: tenant, a.LEDGER_FEATURE: kind.feature}
    if kind.pages[1]:
        attributes |= {
            a.LEDGER_UNITS: chance.randint(*kind.pages),
            a.LEDGER_UNIT_TYPE: "pages",
            a.LEDGER_OPERATION: kind.operation,
            a.LEDGER_SERVICE: kind.provider,
        }
    else:
        attributes |= {a.OPERATION_NAME: kind.operation, a.PROVIDER_NAME: kind.provider, a.REQUEST_MODEL: kind.model}
        if not kind.error_type:
            attributes |= {
                a.RESPONSE_MODEL: kind.model,
                a.RESPONSE_ID: f"demo-response-{number:02d}",
                **_usage(kind, chance),
            }
    return Call(
        service=kind.service,
        name=f"{kind.operation} {kind.model or kind.provider}",
        start_ns=start_ns,
        end_ns=start_ns + chance.randint(1, 9) * _SECOND_NS,
        attributes=attributes,
        error_type=kind.error_type,
        agent=kind.agent,
    )


def _usage(kind: Kind, chance: random.Random) -> dict[str, AttributeValue]:
    """Token counts as the semantic conventions state them: wholes contain their parts."""
    whole = chance.randint(*kind.input_tokens)
    usage: dict[str, AttributeValue] = {a.USAGE_INPUT_TOKENS: whole}
    if kind.cache_read_percent:
        usage[a.USAGE_CACHE_READ] = whole * kind.cache_read_percent // 100
    if kind.cache_write_percent:
        usage[a.USAGE_CACHE_WRITE] = whole * kind.cache_write_percent // 100
    if kind.output_tokens[1]:
        usage[a.USAGE_OUTPUT_TOKENS] = output = chance.randint(*kind.output_tokens)
        if kind.reasoning_percent:
            usage[a.USAGE_REASONING] = output * kind.reasoning_percent // 100
    return usage
