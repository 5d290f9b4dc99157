"""Compressed bodies, inflated for us beside the application, piece by piece, with a bound on what one piece may become.

Where a codec is not installed the application's client cannot have asked for it.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Final, cast

# What is inflated is read and dropped at once; a piece that becomes more than this is a bomb, not an answer.
PIECE_BYTES_MAX: Final = 64 * 1024 * 1024
_STEP_BYTES: Final = 1024 * 1024


class UnreadableEncodingError(ValueError):
    """A body whose encoding we cannot undo."""


Inflate = Callable[[bytes], Iterator[bytes]]
_Decompress = Callable[[bytes], bytes]


_GZIP: Final = 0x1F
"""The first byte of a member."""


def inflater(encoding: str) -> Inflate | None:
    """How to undo a `content-encoding`; None where there is nothing to undo. Raises `UnreadableEncodingError`."""
    names = [name for part in encoding.lower().split(",") if (name := part.strip()) not in {"", "identity"}]
    if not names:
        return None
    if len(names) > 1:
        raise UnreadableEncodingError(encoding)
    match names[0]:
        case "gzip" | "x-gzip":
            return _zlib(zlib.MAX_WBITS | 16)
        case "deflate":
            return _deflate()
        case "br":
            return _foreign(_brotli())
        case "zstd":
            return _foreign(_zstd())
        case _:
            raise UnreadableEncodingError(encoding)


def inflated(encoding: str, body: bytes) -> bytes:
    """A whole body as it was before a `content-encoding`. Raises `UnreadableEncodingError`, or what the codec does."""
    inflate = inflater(encoding)
    return body if inflate is None else b"".join(inflate(body))


def _zlib(bits: int) -> Inflate:
    inflating = zlib.decompressobj(bits)

    def inflate(data: bytes) -> Iterator[bytes]:
        nonlocal inflating
        made = 0
        while data:
            if inflating.eof:
                if data[0] != _GZIP:
                    # What follows the end is padding, and no reader minds it.
                    return
                # RFC 1952: several members are one text.
                inflating = zlib.decompressobj(bits)
            piece = inflating.decompress(data, _STEP_BYTES)
            made += len(piece)
            if made > PIECE_BYTES_MAX:
                raise UnreadableEncodingError
            if piece:
                yield piece
            data = inflating.unconsumed_tail or inflating.unused_data

    return inflate


def _deflate() -> Inflate:
    """With zlib's header as the standard has it, or without as some servers send it."""
    chosen: list[Inflate] = []

    def inflate(data: bytes) -> Iterator[bytes]:
        if not chosen and data:
            # RFC 1950: compression method 8 in the low bits of the first byte.
            chosen.append(_zlib(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS))
        return chosen[0](data) if chosen else iter(())

    return inflate


def _foreign(decompress: _Decompress) -> Inflate:
    def inflate(data: bytes) -> Iterator[bytes]:
        piece = decompress(data)
        if len(piece) > PIECE_BYTES_MAX:
            raise UnreadableEncodingError
        yield piece

    return inflate


def _brotli() -> _Decompress:
    for name in ("brotli", "brotlicffi"):
        with suppress(ImportError):
            inflating = import_module(name).Decompressor()
            # Two packages of one name and another method.
            return cast("_Decompress", getattr(inflating, "process", None) or inflating.decompress)
    raise UnreadableEncodingError


def _zstd() -> _Decompress:
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        with suppress(ImportError):
            inflating = import_module(name).ZstdDecompressor()
            return cast("_Decompress", (inflating.decompressobj() if name == "zstandard" else inflating).decompress)
    raise UnreadableEncodingError
