"""Anthropic's own SDKs, which trace every request themselves: `com.anthropic.sdk.python` 2.x, `.typescript` 1.x.

The provider's client states what the provider returned, all of it, with explicit zeros: nobody is more precise. Input
is the sum of uncached, read and written tokens. Compaction is billed on top of the totals of a response and stated
apart (`anthropic/_tracing.py`; `types/beta/beta_usage.py`: iterations of a compaction are not in the usage).
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas import units as u
from spanledger.schemas.dialects.dialect import Doubt
from spanledger.schemas.dialects.semconv import SEMCONV

ANTHROPIC_SDK: Final = replace(
    SEMCONV,
    name="anthropic-sdk",
    scopes=("com.anthropic.sdk.",),
    marks=(),
    mark_prefixes=(),
    added={
        u.INPUT_TOKENS: ("anthropic.usage.compaction.input_tokens",),
        u.OUTPUT_TOKENS: ("anthropic.usage.compaction.output_tokens",),
    },
    basis="declared",
    account=(a.ANTHROPIC_ORGANIZATION,),
    # Of an aborted stream the output is left out: the only count that was seen is a placeholder.
    doubts=(Doubt(flag="output_not_stated", operations=frozenset({"chat"}), unless=frozenset({u.OUTPUT_TOKENS})),),
    precision=2,
)
