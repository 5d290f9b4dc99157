"""The text of an API key: `slk_ID_SECRET`. The id is looked up; of the secret only the SHA-256 is ever kept.

The prefix is for scanners that look for leaked secrets: `slk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}`. The secret has 256 bits
of chance, so its digest needs no salt and no slow hash.
"""

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

PREFIX: Final = "slk_"
_ID_BYTES: Final = 8
_ID_CHARS: Final = 12
_SECRET_BYTES: Final = 32
_KEY: Final = re.compile(rf"{PREFIX}([a-z2-7]{{{_ID_CHARS}}})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it. It is never printed but once, where it is made."""

    id: str
    secret: str

    @property
    def text(self) -> str:
        """What a sender puts into its header."""
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is kept of the secret."""
        return sha256(self.secret.encode()).digest()

    def __repr__(self) -> str:
        return f"ApiKey({self.id})"


def new_id() -> str:
    """A name that says nothing and is nobody else's: 60 bits of chance."""
    return b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()[:_ID_CHARS]


def new_key() -> ApiKey:
    """A key nobody has seen."""
    return ApiKey(new_id(), secrets.token_urlsafe(_SECRET_BYTES))


def parsed(text: str) -> ApiKey | None:
    """The key of this text; None if it is none."""
    match = _KEY.fullmatch(text)
    return ApiKey(match[1], match[2]) if match else None
