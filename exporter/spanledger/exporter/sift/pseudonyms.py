"""Who used something → the same stranger each time: names of persons replaced by keyed digests. Pure.

`p:` and 32 hex digits of HMAC-SHA-256 under a key of the tenant's own, which is made of one secret. Equal names of one
tenant stay equal, so sums by user are what they were; nobody without the secret can tell, or guess, whose they are,
and nobody can once it is destroyed. What is a pseudonym already is left alone, so each may pass any number of times.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from spanledger.exporter.credential import Credential
from spanledger.exporter.sift.wire import ANY_VALUE
from spanledger.schemas.allowlist import AGENT_KEYS, AGENT_PATH_KEYS, SYSTEM_KEYS, TENANT_KEYS, USER_KEYS

MARK: Final = "p:"
_DIGITS: Final = 32
_PSEUDONYM: Final = re.compile(rf"{MARK}[0-9a-f]{{{_DIGITS}}}")
_ADDRESS: Final = re.compile(r"[^\s@/<>\"'(),;:]+@[^\s@/<>\"'(),;:]+\.[^\s@/<>\"'(),;:]+")
"""An e-mail address, wherever a name was expected."""
_LABEL: Final = b"spanledger pseudonyms 1\0"
_STRING, _INT = 0x0A, b"\x18"


class Pseudonyms:
    """Makes pseudonyms under a secret; with `agents` also of agents' names."""

    def __init__(self, secret: bytes, *, agents: bool = False) -> None:
        self._secret = secret
        self.names = USER_KEYS | AGENT_KEYS if agents else USER_KEYS
        self.paths = AGENT_PATH_KEYS if agents else frozenset[str]()
        # Tenants and users come again and again; nothing of it leaves the process.
        self.of = lru_cache(maxsize=16_384)(self._of)
        self._key_of = lru_cache(maxsize=1_024)(self._tenant_key)

    def __repr__(self) -> str:
        return "Pseudonyms(***)"

    def _of(self, tenant: str, name: str) -> str:
        """The pseudonym of a name within a tenant."""
        digest = hmac.digest(self._key_of(tenant), name.encode("utf-8", "replace"), "sha256")
        return MARK + digest.hex()[:_DIGITS]

    def _tenant_key(self, tenant: str) -> bytes:
        return hmac.digest(self._secret, _LABEL + tenant.encode("utf-8", "replace"), "sha256")


def pseudonyms_under(secret: bytes, *, agents: bool) -> Pseudonyms | None:
    """The pseudonyms under a secret; None without one."""
    return Pseudonyms(secret, agents=agents) if secret else None


@dataclass(frozen=True, slots=True)
class Mask:
    """The pseudonyms of what arrives under one credential."""

    pseudonyms: Pseudonyms
    credential: Credential

    def tenant_of(self, *stated: Mapping[str, bytes]) -> str:
        """Whom usage is for, as it will be charged unless another claim of the call says otherwise."""
        named = (_text(values[key]) for values in stated for key in TENANT_KEYS if key in values)
        claimed = next(filter(None, named), "")
        return claimed if claimed and self.credential.admits(claimed) else self.credential.tenant

    def masked(self, key: str, value: bytes, tenant: str) -> bytes:
        """A raw value as it may be kept; the same object if it names nobody."""
        pseudonyms = self.pseudonyms
        if key in pseudonyms.names:
            return self._whole(value, tenant)
        if key in pseudonyms.paths:
            return _value("/".join(self._name(each, tenant) for each in _text(value).split("/")))
        if b"@" in value and value[0] == _STRING and key not in SYSTEM_KEYS and key not in TENANT_KEYS:
            text = _text(value)
            hidden = _ADDRESS.sub(lambda found: pseudonyms.of(tenant, found[0]), text)
            return value if hidden == text else _value(hidden)
        return value

    def all_masked(self, stated: Mapping[str, bytes]) -> dict[str, bytes]:
        """The attributes of a resource."""
        tenant = self.tenant_of(stated)
        return {key: self.masked(key, value, tenant) for key, value in stated.items()}

    def _whole(self, value: bytes, tenant: str) -> bytes:
        name = _text(value)
        hidden = self._name(name, tenant)
        return value if hidden == name else _value(hidden)

    def _name(self, name: str, tenant: str) -> str:
        return name if not name or _PSEUDONYM.fullmatch(name) else self.pseudonyms.of(tenant, name)


def _text(value: bytes) -> str:
    """A string value, one in quotes being what it quotes, or a whole number's digits: as when it is decoded."""
    read = ANY_VALUE.FromString(value)
    text = str(read.int_value) if value[:1] == _INT else read.string_value
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _value(text: str) -> bytes:
    return ANY_VALUE(string_value=text).SerializeToString()
