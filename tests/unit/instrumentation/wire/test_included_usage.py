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
ENDS = [b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n", b"\n\n\n", b"\r\n\r\n\r\n"]


def _passed(chunks: list[bytes]) -> bytes:
    keeper = UsageKeeper()
    return b"".join([*map(keeper.passed, chunks), keeper.rest()])


@given(
    events=st.lists(st.tuples(st.sampled_from(USAGES + OTHERS), st.sampled_from(ENDS)), max_size=8),
    last=st.sampled_from([b"", *USAGES, *OTHERS]),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=20),
)
def test_however_it_is_cut_all_but_the_usage_passes(
    events: list[tuple[bytes, bytes]], last: bytes, sizes: list[int]
) -> None:
    """Whichever line ends, wherever it is cut, with a last blank line or without: the input minus the usage events."""
    stream, expected = b"", b""
    for event, end in events:
        stream += event + end
        # A third line end is not of the event that the first two ended.
        ended = end if end.count(b"\n") == 2 else end[: len(end) * 2 // 3]
        expected += end.removeprefix(ended) if event in USAGES else event + end
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
