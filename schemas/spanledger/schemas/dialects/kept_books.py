"""Usage out of books that others kept: rows of a `token_ledger_events` table, records of an `llm_usage.json`.

What an application wrote down after a call is its own statement, and was not read off the provider's answer. The
importers and `UsageLedger` write by these tables. TokenLedger copied a provider's counts: Anthropic's input leaves the
cache out, all others' contains it.
"""

from typing import Final

from msgspec.structs import replace

from spanledger.schemas import attributes as a
from spanledger.schemas.dialects.semconv import SEMCONV

TOKENLEDGER: Final = replace(
    SEMCONV,
    name="tokenledger",
    scopes=(a.TOKENLEDGER_SCOPE,),
    marks=(),
    mark_prefixes=(),
    basis="table",
    exclusive_for=frozenset({"anthropic"}),
    providers={**SEMCONV.providers, "google": "gcp.gemini"},
    operations={"completion": "text_completion", "embedding": "embeddings"},
    source="manual",
)
USAGE_LEDGER: Final = replace(
    SEMCONV, name="371os", scopes=(a.USAGE_LEDGER_SCOPE,), marks=(), mark_prefixes=(), basis="table", source="manual"
)

KEPT_BOOKS: Final = (TOKENLEDGER, USAGE_LEDGER)
