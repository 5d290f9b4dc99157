from typing import cast

import lz4.block
import pytest

from spanledger.exporter.failures import TooLarge
from spanledger.ledger.clickhouse_http.cityhash import cityhash128
from spanledger.ledger.clickhouse_http.frames import ANSWER_BYTES_MAX, framed

BYTES = bytes((number * 7 + number // 3) & 255 for number in range(700))


@pytest.mark.parametrize(
    ("length", "low", "high"),
    [
        (8, 0x3DD77A9813A59F8F, 0xF849B293654627CB),
        (9, 0x19960D97000B4745, 0x22DA43139BF998A7),
        (15, 0x2107F24BBDC1F19B, 0x3E47953C6A12FB3B),
        (16, 0x91C9CAA926F31DFD, 0xA5B5BA0DE188ED05),
        (17, 0xDE1B8A44DA7B7616, 0x582994CA1D90AEAF),
        (20, 0x188FD1F7826ED46C, 0x887CA14A7F7520F1),
        (24, 0xE14F5744ACA6978A, 0x4A94E7D86B519FB6),
        (25, 0x4886E6499D5A8D3B, 0x51F5E2526FD03254),
        (31, 0xCBA0F5E1C5FA855A, 0xFA8D095C6D65D9AE),
        (32, 0x9E6DD6AB1DC7B5F3, 0x2F4C35666F355D58),
        (33, 0x8E91C9C051B53ACD, 0x4CF7F186F0B88CA7),
        (40, 0x9F56E560F847598A, 0x71BE8D90161F45AC),
        (48, 0xFD5F0C1BE3F47322, 0xEE8FC79E905E12BA),
        (49, 0x62D76693518F3D1A, 0x6B49387853E1485D),
        (127, 0xEA40BB15FC1170E4, 0x27FB04BEE08E91B5),
        (128, 0x916FD053EDDC50F5, 0x570C978BD8824E08),
        (143, 0x3C11AADB21D96507, 0x9BB500E98C75C4E5),
        (144, 0xBBF4C92F63478130, 0xA9F10941FCE0FE1A),
        (145, 0xABE17547491673CE, 0x23A9963A167F8457),
        (160, 0x55B2A55C7436683E, 0x242321BCE8FE91E9),
        (200, 0x79666E628B84A4CA, 0x71AB007F1E14B10E),
        (272, 0xE126681046966323, 0xBEC1DF9691D7B359),
        (273, 0x55E675EC8776084C, 0xABCB57F884E263EF),
        (300, 0xDD131C16E55B583C, 0x8547BCAA5BAE797B),
        (400, 0x743CB3E1B303D77F, 0x9DD24AE60ADFF35D),
        (700, 0x3BB9C34AB167F46A, 0x0A4674CC62A07EF5),
    ],
)
def test_the_hash_is_that_of_version_1_0_2(length: int, low: int, high: int) -> None:
    """As another implementation, the one in ClickHouse's driver for Go, has it: of every way that a length takes."""
    assert cityhash128(BYTES[:length]) == (low, high)


def test_less_than_a_head_is_not_hashed() -> None:
    """No frame is so short."""
    with pytest.raises(ValueError, match="at least"):
        cityhash128(BYTES[:7])


@pytest.mark.parametrize("length", [1, 10, 100, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024])
def test_frames_are_read_back(length: int) -> None:
    """One for each MiB: the hash, the method, both lengths, the data."""
    body = (BYTES * (length // len(BYTES) + 1))[:length]
    left, told = framed(body), bytearray()
    while left:
        packed, plain = int.from_bytes(left[17:21], "little"), int.from_bytes(left[21:25], "little")
        content, rest = left[16 : 16 + packed], left[16 + packed :]
        low, high = cityhash128(content)
        assert left[:16] == low.to_bytes(8, "little") + high.to_bytes(8, "little")
        assert (content[0], plain <= 1024 * 1024) == (0x82, True)
        told += cast("bytes", lz4.block.decompress(content[9:], uncompressed_size=plain))
        left = rest
    assert told == body


def test_no_answer_is_no_frame_and_a_large_one_is_refused() -> None:
    """Hashing takes time that others wait."""
    assert framed(b"") == b""
    with pytest.raises(TooLarge, match="HTTP compression"):
        framed(bytes(ANSWER_BYTES_MAX + 1))
