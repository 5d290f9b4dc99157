import gzip
import zlib
from typing import cast

import backports.zstd
import lz4.frame
import pytest

from spanledger.exporter.failures import Permanent, TooLarge
from spanledger.ledger.clickhouse_http.encodings import COMPRESSORS, accepted, body_decoding

BODY = b"SELECT 1 -- " + b"x" * 5_000
COMPRESSED: dict[str, bytes] = {
    "gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "zstd": backports.zstd.compress(BODY),
    "lz4": cast("bytes", lz4.frame.compress(BODY)),
}


def read(coding: str, body: bytes, limit: int = 10_000, piece: int = 7) -> bytes:
    """A body that arrives in pieces."""
    decoding = body_decoding(coding, limit)
    told = b"".join(decoding.feed(body[at : at + piece]) for at in range(0, len(body), piece))
    decoding.finish()
    return told


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_body_is_read_as_it_arrives(coding: str) -> None:
    """In whatever pieces; cut short or spoilt it is refused."""
    assert read(coding, COMPRESSED[coding]) == BODY
    assert read(coding, COMPRESSED[coding], piece=100_000) == BODY
    for spoilt in (COMPRESSED[coding][:-1], b"\0" * 50, COMPRESSED[coding] + b"x"):
        with pytest.raises(Permanent):
            read(coding, spoilt)


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_body_never_grows_beyond_its_limit(coding: str) -> None:
    """However small it is when it arrives."""
    with pytest.raises(TooLarge):
        read(coding, COMPRESSED[coding], limit=len(BODY) - 1)


def test_an_unknown_coding_is_refused_with_those_that_are_known() -> None:
    """Also several at once."""
    assert read("", b"a") == read("identity", b"a") == b"a"
    for coding in ("br", "gzip, gzip", "snappy"):
        with pytest.raises(Permanent, match="zstd, lz4, gzip, deflate"):
            body_decoding(coding, 1)


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("deflate, gzip, br, zstd", "zstd"),
        ("lz4,zstd;q=0,gzip", "lz4"),
        ("GZIP ; q=0.5", "gzip"),
        ("br", ""),
        ("gzip;q=0.0", ""),
        ("identity", ""),
        (",,;", ""),
    ],
)
def test_the_best_coding_that_is_accepted(header: str, coding: str) -> None:
    """As it is, when none is."""
    assert accepted(header) == coding


@pytest.mark.parametrize("coding", COMPRESSORS)
def test_what_is_compressed_is_read_back(coding: str) -> None:
    """By the way that reads bodies, which is each library's own."""
    assert read(coding, COMPRESSORS[coding](BODY)) == BODY
