"""What repricing is asked and what it answers, as plain data; it travels between a command and a running `serve`."""

import msgspec


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which charges to rate again; empty and None bound nothing."""

    tenant: str = ""
    model: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    """Bounds of the time the work ended: included, and excluded."""
    everything: bool = False
    """Also charges that have a price."""


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of the ledger in the order of its key: from a tenant and time (included) to another (excluded)."""

    tenant: str
    from_hex: str
    """8 bytes of an event's id as hex digits: nanoseconds."""
    until_tenant: str = ""
    until_hex: str = ""
    """Empty: to the end."""
    charges: int = 0


class Difference(msgspec.Struct, frozen=True):
    """What repricing moves for one tenant, model and currency. Decimal text; None is unknown."""

    tenant: str
    model: str
    currency: str
    charges: int
    before: str | None
    after: str | None


class Repriced(msgspec.Struct, frozen=True):
    """What repricing a stretch did, or would do."""

    seen: int
    """Charges that were looked at."""
    adjusted: int
    newly_priced: int
    still_unpriced: int
    kept: int
    """Charges that have a price and would have none by today's book: they keep it."""
    without_claims: int
    """Charges whose claims are not in the store: nothing says what was used."""
    differences: list[Difference]
