"""Who sends, and whom they may charge. It travels inside every journal record."""

from dataclasses import dataclass
from typing import Final

ANY_SCOPE: Final = "*"
"""The scope of the open loopback: any tenant."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A scope (`*`, one tenant, or several separated by commas) and the tenant charged by default."""

    scope: str
    tenant: str

    def admits(self, tenant: str) -> bool:
        """Whether usage of `tenant` may arrive under this credential."""
        return self.scope == ANY_SCOPE or tenant in self.scope.split(",")
