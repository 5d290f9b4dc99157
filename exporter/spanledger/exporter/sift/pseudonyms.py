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
from spanledger.schemas.allowlist import (
    AGENT_KEYS,
    AGENT_PATH_KEYS,
    ATTRIBUTION_KEYS,
    SYSTEM_KEYS,
    TENANT_KEYS,
    USER_KEYS,
)

MARK: Final = "p:"
_DIGITS: Final = 32
_PSEUDONYM: Final = re.compile(rf"{MARK}[0-9a-f]{{{_DIGITS}}}")
_ADDRESS: Final = re.compile(r"[^\s@/<>\"'(),;:]+@[^\s@/<>\"'(),;:]+\.[^\s@/<>\"'(),;:]+")
"""An e-mail address, wherever a name was expected."""
_ELSEWHERE: Final = SYSTEM_KEYS.union(TENANT_KEYS)
"""Attributes in which an address is no person's."""
_LABEL: Final = b"spanledger pseudonyms 1\0"
_STRING, _INT, _DOUBLE = 0x0A, 0x18, 0x21
# What is worth remembering; a longer name is worked out each time.
_REMEMBERED_BYTES_MAX: Final = 128


class Pseudonyms:
    """Makes pseudonyms under a secret; with `agents` also of agents' names."""

    def __init__(self, secret: bytes, *, agents: bool = False) -> None:
        self._secret = secret
        self._paths = AGENT_PATH_KEYS if agents else frozenset[str]()
        self.named = USER_KEYS | AGENT_KEYS | self._paths if agents else USER_KEYS
        """Attributes that are renamed whatever they say."""
        # Tenants and users come again and again; nothing of it leaves the process.
        self._remembered = lru_cache(maxsize=16_384)(self._hidden)
        self._key_of = lru_cache(maxsize=1_024)(self._tenant_key)

    def __repr__(self) -> str:
        return "Pseudonyms(***)"

    def hidden(self, key: str, value: bytes, tenant: str) -> bytes:
        """A raw value as it may be kept."""
        worked_out = self._remembered if len(value) <= _REMEMBERED_BYTES_MAX else self._hidden
        return worked_out(key, value, tenant)

    def words(self, call: Mapping[str, str]) -> dict[str, str]:
        """What is stated of a call in the ledger's words, as the ledger will name it."""
        tenant = call.get("tenant", "")
        return {word: self._word(ATTRIBUTION_KEYS.get(word, (word,))[0], said, tenant) for word, said in call.items()}

    def _word(self, key: str, said: str, tenant: str) -> str:
        if key in self.named:
            return self._renamed(tenant, said)
        return said if key in _ELSEWHERE else _ADDRESS.sub(lambda found: self._renamed(tenant, found[0]), said)

    def _hidden(self, key: str, value: bytes, tenant: str) -> bytes:
        said = _text(value)
        if key in self._paths:
            hidden = "/".join(self._renamed(tenant, each) for each in said.split("/"))
        elif key in self.named:
            hidden = self._renamed(tenant, said)
        else:
            hidden = _ADDRESS.sub(lambda found: self._renamed(tenant, found[0]), said)
        return value if hidden == said else ANY_VALUE(string_value=hidden).SerializeToString()

    def _renamed(self, tenant: str, name: str) -> str:
        if not name or _PSEUDONYM.fullmatch(name):
            return name
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

    def renamed(self, stated: Mapping[str, bytes], above: Mapping[str, bytes]) -> dict[str, bytes]:
        """Of the attributes of a span those that name somebody, as they may be kept; `above` is its resource's."""
        named = self.pseudonyms.named
        personal = [
            key
            for key, value in stated.items()
            if key in named or (b"@" in value and value[0] == _STRING and key not in _ELSEWHERE)
        ]
        if not personal:
            return {}
        tenant, hidden = self._tenant_of(stated, above), self.pseudonyms.hidden
        return {key: hidden(key, stated[key], tenant) for key in personal}

    def _tenant_of(self, *stated: Mapping[str, bytes]) -> str:
        """Whom usage is for, as it will be charged unless another claim of the call says otherwise."""
        named = (_text(values[key]) for values in stated for key in TENANT_KEYS if key in values)
        claimed = next(filter(None, named), "")
        return claimed if claimed and self.credential.admits(claimed) else self.credential.tenant


def _text(value: bytes) -> str:
    """A text, one in quotes being what it quotes, or a number's digits: as when it is decoded."""
    if len(value) > 1 and value[0] == _STRING and value[1] == len(value) - 2 < 0x80:
        text = value[2:].decode(errors="replace")
    else:
        read = ANY_VALUE.FromString(value)
        kind = value[0] if value else 0
        number = str(read.int_value) if kind == _INT else repr(read.double_value)
        text = number if kind in {_INT, _DOUBLE} else read.string_value
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
