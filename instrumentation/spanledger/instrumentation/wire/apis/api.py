"""What the core must be told of one API."""

from collections.abc import Callable

import msgspec

from spanledger.instrumentation.wire.answer import Answer


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """How one API states what a call used. The readers raise `msgspec.MsgspecError` for what is not theirs."""

    body: Callable[[bytes, Answer], None]
    """Reads a whole answer."""
    event: Callable[[bytes, Answer], None]
    """Reads one event of a stream."""
    marks: tuple[bytes, ...] = ()
    """Bytes without any of which an event after the first says nothing that matters."""
    delta: bytes = b'"delta"'
    """Bytes that an event with a piece of content has, once: about a token each."""
    cumulative: bool = False
    """Whether every event repeats the counts so far: then only the last is read."""
    free: bool = False
    """Whether calls cost nothing, so that no usage is missing."""
    characters: bool = False
    """Whether what the request asks to be spoken is what is paid."""
