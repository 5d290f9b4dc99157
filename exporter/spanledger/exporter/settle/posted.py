"""What of a charge its open event must say for the charge to count as posted. Pure.

It is asked when claims come back from the store: a crash between their rows and the event leaves an event that says
what was true before, or none. Prices are left out: a new price book does not make an old event wrong.
"""

from spanledger.exporter.settle.charge import Charge
from spanledger.schemas import units as u

Posted = tuple[str | int | None, ...]
"""Values of an event's `COLUMNS`."""

COUNTS = (u.INPUT_TOKENS, u.CACHE_READ_TOKENS, u.CACHE_WRITE_TOKENS, u.OUTPUT_TOKENS, u.REASONING_TOKENS)
COLUMNS = ("kind", "quality", "usage_source", "tenant", "span_id", *COUNTS)


def posted_of(charge: Charge) -> Posted:
    """What the event of a charge says."""
    claim = charge.claim
    stated = (charge.kind, charge.quality, claim.usage_source, claim.attribution.tenant, claim.span_id)
    return (*stated, *(claim.usage.get(unit) for unit in COUNTS))
