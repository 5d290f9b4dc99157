"""Where the next page of an answer begins, as text that only we read: for the question it came with, and no other."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

from spanledger.schemas import ConfigurationError

_QUESTION_BYTES: Final = 8

_Place = TypeVar("_Place", bound=msgspec.Struct)


def cursor_of(place: msgspec.Struct, asked: msgspec.Struct) -> str:
    """The cursor at a place in the answer to a question."""
    return urlsafe_b64encode(_digest(asked) + msgspec.json.encode(place)).decode().rstrip("=")


def place_of(form: type[_Place], asked: msgspec.Struct) -> _Place | None:
    """The place that the question's own cursor names; None where it has none. Raises `ConfigurationError`."""
    text = str(getattr(asked, "cursor", ""))
    if not text:
        return None
    try:
        known = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        place = msgspec.json.decode(known[_QUESTION_BYTES:], type=form)
    except ValueError as error:
        msg = "the cursor is not one that was given here: take it from next_cursor as it is, or leave it out"
        raise ConfigurationError(msg) from error
    if known[:_QUESTION_BYTES] != _digest(asked):
        msg = "the cursor was given with another question: only limit may change from page to page"
        raise ConfigurationError(msg)
    return place


def _digest(asked: msgspec.Struct) -> bytes:
    """What the question asks, without the size and the place of its page."""
    rest = {name: value for name, value in msgspec.structs.asdict(asked).items() if name not in {"cursor", "limit"}}
    return blake2b(msgspec.json.encode(rest, order="deterministic"), digest_size=_QUESTION_BYTES).digest()
