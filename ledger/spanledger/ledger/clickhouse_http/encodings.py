"""How bodies and answers are compressed: what HTTP names, the client accepts, and this Python can do. Pure.

A body is decompressed as it arrives, within the limit of what it may become.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, Protocol, cast

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.receiver.inflate import Decoding, decoding

WORTH_BYTES: Final = 1_024
"""An answer that is smaller is sent as it is."""
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
# Answers are read once, and most go over loopback.
_LEVEL: Final = 1
_ACCEPTED: Final = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([\d.]+)\s*)?")


class _Decompressor(Protocol):
    """What the libraries of zstd and lz4 have in common with each other."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zstd(Protocol):
    def compress(self, data: bytes, level: int) -> bytes: ...
    def ZstdDecompressor(self) -> _Decompressor: ...  # noqa: N802 (the library names it so)


class _Lz4(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def LZ4FrameDecompressor(self) -> _Decompressor: ...  # noqa: N802 (the library names it so)


def _library(*names: str) -> object | None:
    """The first of these modules that is there: they come with ClickHouse's client, on the Pythons that need them."""
    for name in names:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    return None


_ZSTD: Final = cast("_Zstd | None", _library("compression.zstd", "backports.zstd"))
_LZ4: Final = cast("_Lz4 | None", _library("lz4.frame"))


def _deflated(window: int) -> Callable[[bytes], bytes]:
    def compress(body: bytes) -> bytes:
        compressing = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)
        return compressing.compress(body) + compressing.flush()

    return compress


def _compressors() -> dict[str, Callable[[bytes], bytes]]:
    found: dict[str, Callable[[bytes], bytes]] = {}
    if (zstd := _ZSTD) is not None:
        found["zstd"] = lambda body: zstd.compress(body, _LEVEL)
    if (lz4 := _LZ4) is not None:
        found["lz4"] = lz4.compress
    return found | {"gzip": _deflated(_GZIP_WINDOW), "deflate": _deflated(zlib.MAX_WBITS)}


COMPRESSORS: Final[Mapping[str, Callable[[bytes], bytes]]] = _compressors()
"""By the name of the coding, the best first."""


def accepted(accept_encoding: str) -> str:
    """The best coding that an `Accept-Encoding` header allows; empty: as it is."""
    found = (_ACCEPTED.match(part) for part in accept_encoding.lower().split(","))
    names = {match[1] for match in found if match and (match[2] or "1").strip("0.")}
    return next((name for name in COMPRESSORS if name in names), "")


def body_decoding(content_encoding: str, bytes_max: int) -> Decoding:
    """How a body of this `Content-Encoding` is read. Raises `Permanent` for one that is not known."""
    if known := decoding(content_encoding, bytes_max):
        return known
    match content_encoding.strip().lower():
        case "zstd" if _ZSTD is not None:
            return _Framed(_ZSTD.ZstdDecompressor(), bytes_max)
        case "lz4" if _LZ4 is not None:
            return _Framed(_LZ4.LZ4FrameDecompressor(), bytes_max)
        case _:
            msg = f"Content-Encoding must be one of {', '.join(COMPRESSORS)}, or identity"
            raise Permanent(msg)


class _Framed:
    """A body of one zstd or lz4 frame."""

    def __init__(self, decompressor: _Decompressor, bytes_max: int) -> None:
        self._decompressor = decompressor
        self._left = bytes_max

    def feed(self, chunk: bytes) -> bytes:
        """Decompress a chunk, never producing more than the limit plus one byte."""
        behind = self._decompressor.eof and chunk
        try:
            told = b"" if behind else self._decompressor.decompress(chunk, self._left + 1)
        except Exception as error:
            # Each library has an exception of its own.
            msg = "the body is not what its Content-Encoding says"
            raise Permanent(msg) from error
        if behind or (self._decompressor.eof and self._decompressor.unused_data):
            msg = "the compressed body does not end where its frame does"
            raise Permanent(msg)
        self._left -= len(told)
        if self._left < 0:
            msg = "the body is larger than the limit"
            raise TooLarge(msg)
        return told

    def finish(self) -> None:
        """Check that the frame has its end."""
        if not self._decompressor.eof:
            msg = "the compressed body is cut short"
            raise Permanent(msg)
