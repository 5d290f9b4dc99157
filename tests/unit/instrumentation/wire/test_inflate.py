import gzip

import pytest

from spanledger.instrumentation.wire.inflate import inflater


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("padding", [b"", bytes(8)])
def test_several_members_are_one_text(size: int, padding: bytes) -> None:
    """However the bytes are cut; zeros behind the last one are nothing."""
    data = gzip.compress(b"one ") + gzip.compress(b"two") + padding
    inflate = inflater("gzip")
    assert inflate is not None
    pieces = [piece for at in range(0, len(data), size) for piece in inflate(data[at : at + size])]
    assert b"".join(pieces) == b"one two"
