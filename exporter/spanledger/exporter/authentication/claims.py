"""What the claims of a verified token mean here: a role by a stated table, and the tenants that it names. Pure.

A claim never widens itself: `*` among its tenants is nobody's, and only a row of the table gives all tenants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from spanledger.exporter.authentication.principal import Principal, Role, credential_for
from spanledger.exporter.credential import ANY_SCOPE
from spanledger.exporter.failures import Denied
from spanledger.schemas import ConfigurationError

TENANTS_MAX: Final = 1_000
"""A scope travels in every journal record."""
_NAME_CHARS_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Grant:
    """What a value of the role claim allows."""

    role: Role
    all_tenants: bool


def grants(stated: Sequence[str]) -> dict[str, Grant]:
    """Read `VALUE=ROLE` and `VALUE=ROLE:*`; without any, each role is called by its own name.

    Raises `ConfigurationError`.
    """
    if not stated:
        return {role.value: Grant(role, all_tenants=False) for role in (Role.INGEST, Role.READ)}
    table: dict[str, Grant] = {}
    for text in stated:
        value, _, given = text.rpartition("=")
        role, _, scope = given.partition(":")
        if not value or role not in Role.__members__.values() or scope not in {"", ANY_SCOPE}:
            msg = f"SPANLEDGER_OIDC_ROLES {text!r} must be VALUE=ROLE or VALUE=ROLE:*, with a role of {', '.join(Role)}"
            raise ConfigurationError(msg)
        if role == Role.ADMIN and not scope:
            msg = f"SPANLEDGER_OIDC_ROLES {text!r}: an admin changes every tenant's part, so write {value}=admin:*"
            raise ConfigurationError(msg)
        table[value] = Grant(Role(role), all_tenants=bool(scope))
    return table


class ClaimReader:
    """Reads the claims of tokens that are known to be true."""

    def __init__(self, tenant_claim: str, role_claim: str, table: Mapping[str, Grant], default_tenant: str) -> None:
        self._tenant_claim = tenant_claim
        self._role_claim = role_claim
        self._table = table
        self._default_tenant = default_tenant

    def principal(self, claims: Mapping[str, object]) -> Principal:
        """Who this is. Raises `Denied` when the token gives no role, or no tenant that could be one."""
        held = [self._table[value] for value in _texts(claims.get(self._role_claim)) if value in self._table]
        # Of several, the one that allows most.
        grant = max(held, key=lambda grant: (_ORDER[grant.role], grant.all_tenants), default=None)
        if grant is None:
            msg = f"the token's claim {self._role_claim} gives no role here"
            raise Denied(msg)
        name = f"subject {str(claims.get('sub', ''))[:_NAME_CHARS_MAX]!r}"
        if grant.all_tenants:
            return Principal(name, grant.role, credential_for([ANY_SCOPE], self._default_tenant))
        tenants = _texts(claims.get(self._tenant_claim))
        if not tenants or len(tenants) > TENANTS_MAX:
            msg = f"the token's claim {self._tenant_claim} names no tenant, or more than may be named"
            raise Denied(msg)
        try:
            return Principal(name, grant.role, credential_for(tenants, tenants[0]))
        except ConfigurationError as error:
            msg = f"the token's claim {self._tenant_claim} is not to be used: {error}"
            raise Denied(msg) from error


_ORDER: Final = {Role.READ: 0, Role.INGEST: 1, Role.ADMIN: 2}


def _texts(claim: object) -> list[str]:
    """A claim's texts: one, or a list of them."""
    if isinstance(claim, str):
        return [claim]
    if isinstance(claim, list):
        return [item for item in cast("list[object]", claim) if isinstance(item, str)]
    return []
