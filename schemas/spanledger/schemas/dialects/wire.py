"""Our own wire instrumentors: what the provider's answer said, in the names of today's conventions.

Nothing is more precise than the answer itself. Where the provider did not say (an abandoned stream), the span says that
its counts are an estimate. The instrumentors write by the same table from which this dialect is read.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

_OWN: Final = (
    u.WEB_SEARCHES,
    u.WEB_FETCHES,
    u.CODE_EXECUTIONS,
    u.INPUT_CHARACTERS,
    u.INPUT_AUDIO_SECONDS,
    u.INPUT_DOCUMENT_PAGES,
    u.OUTPUT_IMAGES,
    u.RERANK_SEARCHES,
)

UNIT_ATTRIBUTES: Final[Mapping[str, str]] = {
    **{unit: names[0] for unit, names in SEMCONV.usage.items()},
    **{unit: a.LEDGER_USAGE_PREFIX + unit for unit in _OWN},
}
"""Unit → the attribute that states it."""

ESTIMATED: Final = "estimated"
MISSING: Final = "missing"

WIRE: Final = replace(
    SEMCONV,
    name="wire",
    scopes=(a.WIRE_SCOPE,),
    marks=(),
    mark_prefixes=(),
    usage={unit: (attribute,) for unit, attribute in UNIT_ATTRIBUTES.items()},
    total=(),
    basis="declared",
    service_tier=(a.OPENAI_RESPONSE_TIER, a.ANTHROPIC_RESPONSE_TIER, a.LEDGER_SERVICE_TIER, a.OPENAI_REQUEST_TIER),
    doubts=(Doubt(flag=ESTIMATED, attribute=a.LEDGER_USAGE_SOURCE, values=frozenset({ESTIMATED})),),
    precision=2,
)
