"""A file's lines as its bytes pass, and the results that they hold."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.batch_files import CHAT, EMBEDDINGS, anthropic_file, openai_file

from spanledger.instrumentation.wire.apis.batch import NoBatchError, anthropic_result, google_result, openai_result
from spanledger.instrumentation.wire.batches import HEAD_BYTES, ResultLines, download, may_be_results
from spanledger.instrumentation.wire.endpoints import Endpoints
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, UNREADABLE

MARK = b'"custom_id"'
FILE = openai_file(CHAT, EMBEDDINGS)[0].body


def read(*chunks: bytes) -> tuple[list[bytes], int]:
    """The lines taken of these bytes, and how many could not be."""
    lines: list[bytes] = []

    def take(line: bytes) -> None:
        openai_result(line)
        lines.append(line)

    reader = ResultLines(MARK, take)
    for chunk in chunks:
        reader.feed(chunk)
    reader.end()
    return lines, reader.faults


@given(st.lists(st.integers(1, len(FILE) - 1), max_size=9))
def test_a_file_may_be_cut_anywhere(cuts: list[int]) -> None:
    """Every line is taken once and whole, the last one with or without its end."""
    edges = [0, *sorted(cuts), len(FILE)]
    chunks = [FILE[begin:end] for begin, end in pairwise(edges)]
    assert read(*chunks) == read(*chunks[:-1], chunks[-1][:-1]) == (FILE.splitlines(), 0)


@pytest.mark.parametrize("begins", [b'{"a":"', b'{"a":1}\n{"custom_id":"', b"%PDF", b' {"custom_id":'])
def test_of_another_file_nothing_is_kept(begins: bytes) -> None:
    """However long it is, and though it looks like JSON: what comes first decides."""
    reader = ResultLines(MARK, lambda line: pytest.fail(str(line)))
    for _ in range(9):
        reader.feed(begins.ljust(HEAD_BYTES, b"x"))
    assert reader.kept_bytes == 0
    reader.end()
    assert reader.faults == 0


def test_a_line_that_is_too_long_is_counted_and_the_next_one_read() -> None:
    """Memory is bounded by one line, and a fault costs that line only."""
    first, second, *others = FILE.splitlines(keepends=True)
    reader_bytes: list[int] = []
    lines: list[bytes] = []
    reader = ResultLines(MARK, lambda line: (openai_result(line), lines.append(line))[1])
    reader.feed(first + b'{"custom_id":"')
    for _ in range(EVENT_BYTES_MAX // 2**20 + 2):
        reader.feed(b"x" * 2**20)
        reader_bytes.append(reader.kept_bytes)
    reader.feed(b'"}\n' + second + b"{broken}\n" + b"".join(others))
    assert max(reader_bytes) <= EVENT_BYTES_MAX
    assert reader.kept_bytes == 0
    assert (lines, reader.faults) == (FILE.splitlines(), 2)


def test_what_is_no_line_of_results_says_so() -> None:
    """An input of a batch, another provider's results, and any other JSON."""
    message = anthropic_file(1)[0].body.splitlines()[1]
    for read_line in (openai_result, google_result):
        with pytest.raises((*UNREADABLE, NoBatchError)):
            read_line(message)
    with pytest.raises(UNREADABLE):
        anthropic_result(FILE.splitlines()[0])
    with pytest.raises(UNREADABLE):
        openai_result(json.dumps({"custom_id": "r", "method": "POST", "url": CHAT, "body": {}}).encode())


def test_most_requests_are_not_looked_at() -> None:
    """A search of the URL is all that a request costs which is no call to a model."""
    assert not may_be_results("https://api.openai.com/v1/models?content=1")
    assert may_be_results("https://api.openai.com/v1/files/f/content")


@pytest.mark.parametrize(
    ("host", "path", "provider"),
    [
        ("api.openai.com", "/v1/files/f-1/content", "openai"),
        ("mine.openai.azure.com", "/openai/files/f-1/content", "azure.ai.openai"),
        ("api.groq.com", "/openai/v1/files/f-1/content", "groq"),
        ("api.mistral.ai", "/v1/files/f-1/content", "mistral_ai"),
        ("api.anthropic.com", "/v1/messages/batches/b-1/results", "anthropic"),
        ("generativelanguage.googleapis.com", "/v1beta/files/f-1:download", "gcp.gemini"),
        ("generativelanguage.googleapis.com", "/v1beta/batches/b-1", "gcp.gemini"),
        ("api.openai.com", "/v1/batches/b-1", None),
        ("api.openai.com", "/v1/files/f-1", None),
        ("api.anthropic.com", "/v1/messages/batches/b-1", None),
        ("files.example.com", "/v1/files/f-1/content", None),
    ],
)
def test_downloads_are_known_by_provider_and_path(host: str, path: str, provider: str | None) -> None:
    """The public hosts and their ways to hand out results; what else they give is not looked at."""
    found = download(Meter(Endpoints()), "GET", ("https", host, None, path))
    assert (found and found.endpoint.provider) == provider
    assert download(Meter(Endpoints()), "DELETE", ("https", host, None, path)) is None
