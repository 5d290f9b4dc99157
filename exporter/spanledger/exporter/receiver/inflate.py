"""Bodies inflated as they arrive, within a size limit and a ratio limit, over all members of a stream. No I/O."""

import zlib
from typing import Final, Protocol

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.receiver.gate import too_large

# Telemetry compresses 5 to 20 times. Beyond 200 times it is a bomb, unless it is small enough not to matter.
RATIO_MAX: Final = 200
RATIO_FREE_BYTES: Final = 1024 * 1024
# Writers that append make members; each one costs a decompressor and a copy of what follows it.
MEMBERS_MAX: Final = 1024

# The limits are checked after each piece: small enough that a bomb costs nothing, large enough for any real batch.
_PIECE_BYTES: Final = 1024 * 1024

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_ZLIB_WINDOW: Final = zlib.MAX_WBITS


class Decoding(Protocol):
    """How the chunks of a body become its bytes."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes that a chunk brings. Raises `TooLarge`, or `Permanent` when it cannot be decoded."""
        ...

    def finish(self) -> None:
        """Check that the body is whole. Raises `Permanent` when it is cut short."""
        ...


class Identity:
    """A body that is sent as it is."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return the chunk itself, within the limit."""
        self._bytes += len(chunk)
        if self._bytes > self._bytes_max:
            raise TooLarge(too_large(self._bytes_max))
        return chunk

    def finish(self) -> None:
        """Accept: the framing of HTTP already says where a body ends."""


class Inflation:
    """A gzip stream of one or more members, or one zlib stream (what HTTP calls `deflate`)."""

    def __init__(self, window: int, bytes_max: int) -> None:
        self._window = window
        self._bytes_max = bytes_max
        self._member = zlib.decompressobj(window)
        self._members = 1
        self._in_bytes = 0
        self._out_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Inflate a chunk, a piece at a time, never producing more than the limit plus one byte."""
        self._in_bytes += len(chunk)
        inflated: list[bytes] = []
        full = False
        while chunk or full:
            if self._member.eof:
                self._next_member()
            room = min(_PIECE_BYTES, self._bytes_max - self._out_bytes + 1)
            out = self._decompressed(chunk, room)
            # A full piece may leave output inside zlib even when all input is consumed.
            full = len(out) == room and not self._member.eof
            self._out_bytes += len(out)
            self._check_bomb()
            inflated.append(out)
            chunk = self._member.unconsumed_tail or self._member.unused_data
        return b"".join(inflated)

    def finish(self) -> None:
        """Check that the last member has its end and its checksum."""
        if not self._member.eof:
            msg = "the compressed body is cut short"
            raise Permanent(msg)

    def _decompressed(self, chunk: bytes, room: int) -> bytes:
        try:
            return self._member.decompress(chunk, room)
        except zlib.error as error:
            msg = "the body is not what its Content-Encoding says"
            raise Permanent(msg) from error

    def _next_member(self) -> None:
        if self._window != _GZIP_WINDOW or self._members == MEMBERS_MAX:
            msg = "the compressed body does not end where its stream does"
            raise Permanent(msg)
        self._members += 1
        self._member = zlib.decompressobj(self._window)

    def _check_bomb(self) -> None:
        if self._out_bytes > self._bytes_max:
            raise TooLarge(too_large(self._bytes_max))
        if self._out_bytes > RATIO_FREE_BYTES and self._out_bytes > self._in_bytes * RATIO_MAX:
            msg = f"the body inflates to more than {RATIO_MAX} times its size"
            raise TooLarge(msg)


def decoding(content_encoding: str, bytes_max: int) -> Decoding | None:
    """Return how to decode a `Content-Encoding`, or None for one that is not known. Nested ones are not."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return Identity(bytes_max)
        case "gzip" | "x-gzip":
            return Inflation(_GZIP_WINDOW, bytes_max)
        case "deflate":
            return Inflation(_ZLIB_WINDOW, bytes_max)
        case _:
            return None
