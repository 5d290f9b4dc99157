"""ClickHouse's own compressed frames (`compress=1`), which its Java client asks for unless told otherwise. Pure.

A frame is the CityHash128 (of version 1.0.2) of what follows: a byte for the method, two lengths, the data.
"""

import struct
from importlib import import_module
from typing import Final, Protocol, cast

from spanledger.exporter.failures import TooLarge
from spanledger.ledger.clickhouse_http.cityhash import cityhash128

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""Hashing takes 0.2 s a MiB."""
_BLOCK_BYTES: Final = 1024 * 1024
_LZ4: Final = 0x82
_PLAIN: Final = 0x02
_HEAD_BYTES: Final = 9


class _Lz4Block(Protocol):
    def compress(self, source: memoryview, *, store_size: bool) -> bytes: ...


def _library() -> _Lz4Block | None:
    try:
        return cast("_Lz4Block", import_module("lz4.block"))
    except ModuleNotFoundError:
        return None


_LIBRARY: Final = _library()


def framed(body: bytes) -> bytes:
    """The body in frames; nothing, of nothing. Raises `TooLarge`."""
    if len(body) > ANSWER_BYTES_MAX:
        msg = f"an answer in frames (compress=1) is at most {ANSWER_BYTES_MAX} bytes: ask for HTTP compression instead"
        raise TooLarge(msg)
    view = memoryview(body)
    return b"".join(_frame(view[at : at + _BLOCK_BYTES]) for at in range(0, len(body), _BLOCK_BYTES))


def _frame(block: memoryview) -> bytes:
    method, data = _PLAIN, bytes(block)
    if _LIBRARY is not None:
        method, data = _LZ4, _LIBRARY.compress(block, store_size=False)
    content = struct.pack("<BII", method, len(data) + _HEAD_BYTES, len(block)) + data
    return struct.pack("<QQ", *cityhash128(content)) + content
