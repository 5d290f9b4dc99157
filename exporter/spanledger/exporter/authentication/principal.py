"""Who was recognised: a name for our own records, one role, and the tenants it stands for. Plain data."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from spanledger.exporter.credential import ANY_SCOPE, Credential
from spanledger.exporter.failures import Denied
from spanledger.schemas import ConfigurationError

TENANT_CHARS_MAX = 255
"""A name, not a text; what telemetry states is cut at a length of its own."""


class Role(StrEnum):
    """What a principal may do; nothing is implied but by `ADMIN`, which may do everything."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who showed that it is who it says."""

    name: str
    """Such as a key's id: never a secret."""
    role: Role
    credential: Credential

    def require(self, role: Role, *, all_tenants: bool = False) -> None:
        """Raise `Denied` unless this role, for all tenants if that is what it takes, is among what it may do."""
        if self.role not in (role, Role.ADMIN):
            msg = f"this needs the role {role}, and {self.name} has the role {self.role}"
            raise Denied(msg)
        if all_tenants and self.credential.scope != ANY_SCOPE:
            msg = f"this needs the scope {ANY_SCOPE} (all tenants), and {self.name} stands for {self.credential.scope}"
            raise Denied(msg)


def credential_for(tenants: Iterable[str], default: str | None = None) -> Credential:
    """The credential of a list of tenants, or of `*`; their order does not matter.

    Raises `ConfigurationError` for a name that cannot be one, and when there is no telling who is charged by default.
    """
    names = sorted(set(tenants))
    for name in names:
        if not name or name != name.strip() or "," in name or not name.isprintable() or len(name) > TENANT_CHARS_MAX:
            msg = f"the tenant {name[:TENANT_CHARS_MAX]!r} must be printable, without commas or blanks around it"
            raise ConfigurationError(msg)
    if not names or (ANY_SCOPE in names and len(names) > 1):
        msg = f"name one tenant, several, or {ANY_SCOPE} alone"
        raise ConfigurationError(msg)
    if default is None and (len(names) > 1 or names == [ANY_SCOPE]):
        msg = "say which tenant is charged when the telemetry names none"
        raise ConfigurationError(msg)
    credential = Credential(",".join(names), names[0] if default is None else default)
    if not credential.admits(credential.tenant) or credential.tenant in {"", ANY_SCOPE}:
        msg = f"the default tenant {credential.tenant!r} must be one of {credential.scope}"
        raise ConfigurationError(msg)
    return credential
