"""What passes of a stream is the stream without the events that only came because we asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.instrumentation.wire.included_usage import UsageKeeper
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
USAGES = [
    USAGE,
    b"event: chunk\n" + USAGE,
    b": a comment\r\n" + USAGE,
    USAGE + b"\nid: 7",
    b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}',
    b'event: chunk\rdata: {"choices":[],\rdata: "usage":{"prompt_tokens":1}}',
]
OTHERS = [
    b'data: {"choices":[{"delta":{"content":"x"}}]}',
    b'data: {"choices":[{"delta":{"content":"my_tokens\\""}}],"note":{"my_tokens":1}}',
    b'data: {"choices":[{}],"usage":{"prompt_tokens":1}}',
    b'data: {"choices":[],"prompt_tokens":',
    b": ping",
    b"data: [DONE]",
    b"",
]
ENDS = [
    (b"\n\n", b""),
    (b"\r\n\r\n", b""),
    (b"\n\r\n", b""),
    (b"\r\n\n", b""),
    (b"\r\r", b""),
    (b"\n\r", b""),
    (b"\r\n\r", b""),
    (b"\r\r\n", b""),
    (b"\n\n", b"\n"),
    (b"\r\n\r\n", b"\r\n"),
    (b"\r\r", b"\r"),
]
"""How an event ends, and another end of a line after it."""


def _passed(chunks: list[bytes]) -> bytes:
    keeper = UsageKeeper()
    return b"".join([*map(keeper.passed, chunks), keeper.rest()])


@given(
    events=st.lists(st.tuples(st.sampled_from(USAGES + OTHERS), st.sampled_from(ENDS)), max_size=8),
    last=st.sampled_from([b"", *USAGES, *OTHERS]),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=20),
)
def test_however_it_is_cut_all_but_the_usage_passes(
    events: list[tuple[bytes, tuple[bytes, bytes]]], last: bytes, sizes: list[int]
) -> None:
    """Whichever line ends, wherever it is cut, with a last blank line or without: the input minus the usage events."""
    stream, expected = b"", b""
    for event, (ended, loose) in events:
        # Between a return and a newline there is nothing: the two are one end.
        end, stray = (ended, loose) if event or not stream.endswith(b"\r") else (b"\r\r", b"")
        stream += event + end + stray
        # A third line end is not of the event that the first two ended.
        expected += stray if event in USAGES else event + end + stray
    stream += last
    expected += b"" if last in USAGES else last
    chunks: list[bytes] = []
    rest = stream
    for size in sizes * (len(stream) // sum(sizes) + 1):
        chunks.append(rest[:size])
        rest = rest[size:]
    assert _passed(chunks) == expected
    assert _passed([stream]) == expected


@pytest.mark.parametrize("usage", USAGES)
def test_a_usage_event_does_not_pass(usage: bytes) -> None:
    """Whatever lines it has beside its data."""
    assert _passed([usage + b"\n\n"]) == b""


def test_what_is_too_long_to_wait_passes_whole() -> None:
    """An event beyond the bound is given up to the application, with all that it has so far."""
    long = b'data: {"my_tokens":1,"x":"' + b"x" * EVENT_BYTES_MAX
    assert _passed([USAGE + b"\n\n" + long, b'"}\n\n']) == long + b'"}\n\n'


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_a_whole_event_waits_for_nothing(end: bytes) -> None:
    """However its lines end; and what only came because we asked has no trace, not even half of an end of line."""
    keeper = UsageKeeper()
    for event in OTHERS:
        assert keeper.passed(event + end) == event + end
    assert keeper.passed(USAGE + end) == b""
    assert keeper.passed(b"\ndata: after" + end) == (b"" if end.endswith(b"\r") else b"\n") + b"data: after" + end


def test_a_long_event_is_joined_once() -> None:
    """What a piece costs does not grow with what waits: nothing that waits is touched before its end is there."""
    keeper = UsageKeeper()
    pieces = [b'data: {"x":"', *[b"y" * 1000 + b"%d" % number for number in range(2000)]]
    for piece in pieces:
        assert keeper.passed(piece) == b""
    assert all(kept is piece for kept, piece in zip(keeper.held, pieces, strict=True))
    assert keeper.passed(b'"}\n\n') == b"".join(pieces) + b'"}\n\n'
