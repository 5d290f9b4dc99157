"""Whose part of the ledger a reader may know of, as conditions and words. Every route takes it from here.

A sender's scope names every tenant it may charge: who may not know of them all does not see it, sort or filter by it.
"""

from collections.abc import Iterable
from typing import Final

from spanledger.exporter.credential import ANY_SCOPE
from spanledger.exporter.store.statements import literal
from spanledger.schemas import ConfigurationError

SCOPE: Final = "scope"


def only(tenants: frozenset[str] | None, column: str = "tenant") -> list[str]:
    """The conditions on a row that keep everybody else's out: one, or none for a reader of all tenants."""
    if tenants is None:
        return []
    # No tenant has an empty name: a reader of nobody sees nothing.
    return [f"{column} IN ({', '.join(map(literal, sorted(tenants) or ['']))})"]


def check_words(tenants: frozenset[str] | None, names: Iterable[str]) -> None:
    """Raise `ConfigurationError` for a word that tells of others."""
    if tenants is not None and SCOPE in names:
        msg = f"{SCOPE} names the tenants that a sender may charge: only a reader of all tenants may ask by it"
        raise ConfigurationError(msg)


def scope_shown(tenants: frozenset[str] | None, scope: str) -> str:
    """A sender's scope, if this reader may know of all it names."""
    known = tenants is None or scope == ANY_SCOPE or tenants.issuperset(scope.split(","))
    return scope if known else ""
