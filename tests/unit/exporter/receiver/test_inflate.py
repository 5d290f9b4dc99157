"""Bounded decompression, without a socket."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.exporter.receiver.inflate import MEMBERS_MAX, RATIO_FREE_BYTES, decoding

MEBIBYTE = 1024 * 1024


def _inflated(body: bytes, coding: str, bytes_max: int = 16 * MEBIBYTE, chunk_bytes: int = 65536) -> bytes:
    codec = decoding(coding, bytes_max)
    assert codec is not None
    inflated = b"".join(codec.feed(body[at : at + chunk_bytes]) for at in range(0, len(body), chunk_bytes))
    codec.finish()
    return inflated


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(min_value=1, max_value=50))
def test_members_and_chunks_may_fall_anywhere(members: list[bytes], chunk_bytes: int) -> None:
    """C01: what was compressed comes back, however it was appended and however it arrives."""
    body = b"".join(gzip.compress(member) for member in members)
    assert _inflated(body, "gzip", chunk_bytes=chunk_bytes) == b"".join(members)


@pytest.mark.parametrize("size", [MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE])
def test_output_that_fills_a_piece_exactly_is_not_lost(size: int) -> None:
    """The limit is checked piece by piece; the seams lose no byte."""
    raw = zlib.decompress(zlib.compress(bytes(range(256)))) * (size // 256 + 1)
    stored = zlib.compress(raw[:size], 0)
    for chunk_bytes in (65536, 16 * MEBIBYTE):
        assert _inflated(stored, "deflate", chunk_bytes=chunk_bytes) == raw[:size]


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_the_limit_holds_after_inflation(coding: str, compress: "type[bytes]") -> None:
    """C07: exactly the limit is taken, one byte more is not."""
    assert len(_inflated(compress(bytes(1000)), coding, bytes_max=1000)) == 1000
    with pytest.raises(TooLarge):
        _inflated(compress(bytes(1001)), coding, bytes_max=1000)


def test_a_ratio_is_a_bomb_only_above_a_mebibyte() -> None:
    """H01: zeros shrink a thousandfold; a mebibyte of them is let through, more is not."""
    assert len(_inflated(gzip.compress(bytes(RATIO_FREE_BYTES)), "gzip")) == RATIO_FREE_BYTES
    with pytest.raises(TooLarge, match="200 times"):
        _inflated(gzip.compress(bytes(RATIO_FREE_BYTES + 1)), "gzip")


def test_members_are_counted() -> None:
    """H01: empty members cost time, not bytes."""
    member = gzip.compress(b"")
    assert _inflated(member * MEMBERS_MAX, "gzip") == b""
    with pytest.raises(Permanent):
        _inflated(member * (MEMBERS_MAX + 1), "gzip")


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"", "gzip"),
        (b"plain", "gzip"),
        (gzip.compress(b"text")[:-1], "gzip"),
        (gzip.compress(b"text") + b"more", "gzip"),
        (gzip.compress(b"text")[:-8] + bytes(8), "gzip"),
        (zlib.compress(b"text")[:-1], "deflate"),
        (zlib.compress(b"text") + zlib.compress(b"text"), "deflate"),
        (gzip.compress(b"text"), "deflate"),
    ],
    ids=[
        "empty",
        "not gzip",
        "cut",
        "trailing bytes",
        "wrong checksum",
        "cut zlib",
        "two zlib streams",
        "gzip as zlib",
    ],
)
def test_a_broken_stream_is_refused(body: bytes, coding: str) -> None:
    """C55: cut, padded, corrupt or of another kind."""
    with pytest.raises(Permanent):
        _inflated(body, coding)


def test_identity_is_limited_as_well() -> None:
    """C07: a chunked body has no declared length."""
    assert _inflated(bytes(1000), "identity", bytes_max=1000) == bytes(1000)
    with pytest.raises(TooLarge):
        _inflated(bytes(1001), "", bytes_max=1000)
