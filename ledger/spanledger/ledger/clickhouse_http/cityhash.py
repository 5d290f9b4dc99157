"""CityHash128 as of version 1.0.2, which ClickHouse's frames are checked by; later versions hash otherwise. Pure.

Written for what is at least eight bytes long, as every frame is: some 5 MB/s.
"""

import struct
from typing import Final

LENGTH_MIN: Final = 8

_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_K3: Final = 0xC949D7C7509E6557
_MUL: Final = 0x9DDFEA08EB382D69
_M: Final = 0xFFFFFFFFFFFFFFFF
_ROUND_BYTES: Final = 128


def cityhash128(data: bytes) -> tuple[int, int]:
    """The low and the high half of the hash of at least eight bytes."""
    length = len(data)
    if length < LENGTH_MIN:
        msg = f"what is hashed has at least {LENGTH_MIN} bytes"
        raise ValueError(msg)
    if length < 16:
        return _short(b"", _word(data, 0) ^ length * _K0 & _M, _word(data, length - 8) ^ _K1)
    low, high = _word(data, 0) ^ _K3, _word(data, 8)
    rest = data[16:]
    return _short(rest, low, high) if len(rest) < _ROUND_BYTES else _long(rest, low, high)


def _short(data: bytes, a: int, b: int) -> tuple[int, int]:
    """Less than one round."""
    length = len(data)
    if length <= 16:
        a = _mixed(a * _K1 & _M) * _K1 & _M
        c = b * _K1 + _upto16(data) & _M
        d = _mixed(a + (_word(data, 0) if length >= 8 else c) & _M)
    else:
        c = _both(_word(data, length - 8) + _K1 & _M, a)
        d = _both(b + length & _M, c + _word(data, length - 16) & _M)
        a = a + d & _M
        for at in range(0, (length - 1) // 16 * 16, 16):
            a = (a ^ _mixed(_word(data, at) * _K1 & _M) * _K1 & _M) * _K1 & _M
            b ^= a
            c = (c ^ _mixed(_word(data, at + 8) * _K1 & _M) * _K1 & _M) * _K1 & _M
            d ^= c
    a = _both(a, c)
    b = _both(d, b)
    return a ^ b, _both(b, a)


def _long(data: bytes, x: int, y: int) -> tuple[int, int]:
    length = len(data)
    z = length * _K1 & _M
    v0 = (_turned(y ^ _K1, 49) * _K1 + _word(data, 0)) & _M
    v1 = (_turned(v0, 42) * _K1 + _word(data, 8)) & _M
    w0 = (_turned(y + z & _M, 35) * _K1 + x) & _M
    w1 = _turned(x + _word(data, 88) & _M, 53) * _K1 & _M
    rounds = length // _ROUND_BYTES
    for words in struct.iter_unpack("<8Q", data[: rounds * _ROUND_BYTES]):
        x = _turned(x + y + v0 + words[2] & _M, 37) * _K1 & _M
        y = _turned(y + v1 + words[6] & _M, 42) * _K1 & _M
        x ^= w1
        y ^= v0
        z = _turned(z ^ w0, 33)
        v0, v1 = _weak(words[:4], v1 * _K1, x + w0)
        w0, w1 = _weak(words[4:], z + w1, y)
        z, x = x, z
    y = y + _turned(w0, 37) * _K0 + z & _M
    x = x + _turned(v0 + z & _M, 49) * _K0 & _M
    # What is left, in pieces of 32 bytes from the end; the last one may reach into what was hashed.
    left = length - rounds * _ROUND_BYTES
    for behind in range(32, left + 32, 32):
        words = struct.unpack_from("<4Q", data, length - behind)
        y = _turned(y - x & _M, 42) * _K0 + v1 & _M
        w0 = w0 + words[2] & _M
        x = _turned(x, 49) * _K0 + w0 & _M
        w0 = w0 + v0 & _M
        v0, v1 = _weak(words, v0, v1)
    x = _both(x, v0)
    y = _both(y, w0)
    return _both(x + v1 & _M, w1) + y & _M, _both(x + w1 & _M, y + v1 & _M)


def _upto16(data: bytes) -> int:
    length = len(data)
    if length > 8:
        last = _word(data, length - 8)
        return _both(_word(data, 0), _turned(last + length & _M, length)) ^ last
    if length >= 4:
        first, last = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, length - 4)[0]
        return _both(length + (first << 3), last)
    if length:
        y = data[0] + (data[length >> 1] << 8)
        z = length + (data[-1] << 2)
        return _mixed(y * _K2 & _M ^ z * _K3 & _M) * _K2 & _M
    return _K2


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _turned(word: int, by: int) -> int:
    """To the right."""
    return (word >> by | word << 64 - by) & _M


def _mixed(word: int) -> int:
    return word ^ word >> 47


def _both(low: int, high: int) -> int:
    a = _mixed((low ^ high) * _MUL & _M)
    return _mixed((high ^ a) * _MUL & _M) * _MUL & _M


def _weak(words: tuple[int, ...], a: int, b: int) -> tuple[int, int]:
    a = a + words[0] & _M
    b = _turned(b + a + words[3] & _M, 21)
    c = a
    a = a + words[1] + words[2] & _M
    return a + words[3] & _M, b + _turned(a, 44) + c & _M
