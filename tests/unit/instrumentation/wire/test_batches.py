"""A file's lines as its bytes pass, and the results that they hold."""

import json
import tracemalloc
from collections.abc import Generator, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from support.batch_files import CHAT, EMBEDDINGS, anthropic_file, google_batch, openai_background, openai_file
from support.sdk import Ended

from spanledger.instrumentation.wire.apis.batch import NoBatchError, anthropic_result, google_result, openai_result
from spanledger.instrumentation.wire.attempt import Attempt
from spanledger.instrumentation.wire.batches import HEAD_BYTES, Download, ResultLines, download, may_be_results
from spanledger.instrumentation.wire.endpoints import Endpoints
from spanledger.instrumentation.wire.guard import FAILURES
from spanledger.instrumentation.wire.meter import Meter
from spanledger.instrumentation.wire.streams import EVENT_BYTES_MAX, UNREADABLE
from spanledger.schemas import attributes as a

MARKS = (b'"custom_id"',)
BYTE_ORDER = b"\xef\xbb\xbf"
FILE = openai_file(CHAT, EMBEDDINGS)[0].body


def read(*chunks: bytes) -> tuple[list[bytes], int]:
    """The lines taken of these bytes, and how many could not be."""
    lines: list[bytes] = []

    def take(line: bytes) -> None:
        openai_result(line)
        lines.append(line)

    reader = ResultLines(MARKS, take)
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


@pytest.mark.parametrize("begins", [b'{"a":"', b'{"a":1}\n{"custom_id":"', b"%PDF", b"", b"\xef\xbb{"])
def test_of_another_file_nothing_is_kept(begins: bytes) -> None:
    """However long it is, and though it looks like JSON: what comes first decides."""
    reader = ResultLines(MARKS, lambda line: pytest.fail(str(line)))
    for _ in range(9):
        reader.feed(begins.ljust(HEAD_BYTES, b"x" if begins else b" "))
    assert reader.kept_bytes == 0
    reader.end()
    assert reader.faults == 0


@pytest.mark.parametrize("size", [1, 2, 9_999_999])
@pytest.mark.parametrize("before", [BYTE_ORDER, b"\n", b"\r\n \n", b" \t", BYTE_ORDER + b"\n "])
def test_what_says_nothing_before_the_first_line_is_passed_over(before: bytes, size: int) -> None:
    """A byte order mark and blanks, whole or cut: the lines behind them are read."""
    content = before + FILE
    lines, faults = read(*(content[at : at + size] for at in range(0, len(content), size)))
    assert ([line.strip() for line in lines], faults) == (FILE.splitlines(), 0)


class _Counted(tuple[bytes, ...]):
    """Marks that count how often they are looked for."""

    __slots__ = ()
    looked = 0

    def __iter__(self) -> Iterator[bytes]:
        type(self).looked += 1
        return super().__iter__()


def test_what_a_file_is_is_decided_once() -> None:
    """However many pieces its first line comes in: it is not searched, nor put together, for each of them."""
    lines: list[bytes] = []
    reader = ResultLines(_Counted(MARKS), lines.append)
    pieces = [b'{"custom', b'_id":"', *[b"x" * 9] * 1_000, b'"}\n', *[b"{}\n"] * 9]
    for piece in pieces:
        reader.feed(piece)
    assert _Counted.looked == 2
    assert lines == b"".join(pieces).splitlines()


def test_a_line_that_is_too_long_is_counted_and_the_next_one_read() -> None:
    """Memory is bounded by one line, and a fault costs that line only."""
    first, second, *others = FILE.splitlines(keepends=True)
    reader_bytes: list[int] = []
    lines: list[bytes] = []
    reader = ResultLines(MARKS, lambda line: (openai_result(line), lines.append(line))[1])
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
    with pytest.raises(NoBatchError):
        openai_result(json.dumps({"custom_id": "r", "method": "POST", "url": CHAT, "body": {}}).encode())


def test_a_line_may_say_only_why_it_has_no_answer() -> None:
    """With or without a `response` that is none."""
    expired = {"id": "b", "custom_id": "r", "error": {"code": "batch_expired"}}
    for line in (expired, {**expired, "response": None}):
        assert openai_result(json.dumps(line).encode()) is None


@pytest.fixture
def ended() -> Generator[Ended]:
    """What is metered; our failures are counted anew."""
    FAILURES.clear()
    yield Ended()
    FAILURES.clear()


def _download(ended: Ended, host: str, path: str) -> Download:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ended)
    found = download(Meter(Endpoints(), provider), "GET", ("https", host, None, path))
    assert found is not None
    return found


def _ids(ended: Ended) -> list[object]:
    return [(span.attributes or {}).get(a.RESPONSE_ID) for span in ended.spans]


@pytest.mark.parametrize(
    ("host", "path", "content", "others"),
    [
        ("api.openai.com", "/v1/files/f-1/content", FILE, 1),
        ("generativelanguage.googleapis.com", "/v1beta/batches/b-1", google_batch(3)[0].body, 2),
    ],
)
@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError])
def test_an_answer_that_cannot_be_metered_costs_no_other(  # noqa: PLR0917 (what varies, and what is shared)
    ended: Ended,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    path: str,
    content: bytes,
    others: int,
    error: type[Exception],
) -> None:
    """The first one's failure says nothing of what the file is: the others are read, and it is counted."""
    begin, calls = Meter.begin, iter([error])

    def begin_later(*args: object) -> Attempt | None:
        for kind in calls:
            raise kind
        return begin(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(Meter, "begin", begin_later)
    _download(ended, host, path).answered(200, {}, content)
    assert len(ended.spans) == others
    assert dict(FAILURES) == {"meter an answer of a batch": 1}


def _events(*events: object) -> bytes:
    return b"".join(b"event: e\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


RESPONSE = json.loads(openai_background(done=True)[0].body)
DONE = {"type": "response.completed", "response": RESPONSE}
BEGUN = {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "usage": None}}


@pytest.mark.parametrize(
    ("content", "metered", "failures"),
    [
        (_events(BEGUN, DONE), 1, 0),
        (_events(BEGUN, {**DONE, "type": "response.incomplete"}), 1, 0),
        (_events(BEGUN, {**DONE, "type": "response.failed"}), 1, 0),
        (_events(DONE, DONE), 1, 0),
        (_events(BEGUN, {"type": "response.in_progress", "response": RESPONSE}), 0, 0),
        (_events(BEGUN, {**DONE, "response": {**RESPONSE, "background": False}}), 0, 0),
        (_events(BEGUN) + b'data: {"type":"response.completed","response":{broken}}\n\n', 0, 1),
    ],
    ids=["completed", "incomplete", "failed", "twice", "unfinished", "waited for", "unreadable"],
)
def test_a_response_in_the_background_ends_once_in_its_stream(
    ended: Ended, content: bytes, metered: int, failures: int
) -> None:
    """By the event that ends it, if nobody waited for it; an event of ours to read that cannot be read is counted."""
    found = _download(ended, "api.openai.com", "/v1/responses/resp_1")
    reader = found.read_by("text/event-stream; charset=utf-8")
    for at in range(0, len(content), 7):
        reader.feed(content[at : at + 7])
    found.end()
    assert _ids(ended) == [RESPONSE["id"]] * metered
    assert FAILURES["read a batch"] == failures


def test_of_a_stream_in_the_background_nothing_is_kept(ended: Ended) -> None:
    """Its pieces pass: memory does not grow with what was said."""
    reader = _download(ended, "api.openai.com", "/v1/responses/resp_1").read_by("text/event-stream")
    tracemalloc.start()
    try:
        for number in range(20):
            reader.feed(_events({"type": "response.output_text.delta", "delta": f"{number}".ljust(2**20)}))
        assert tracemalloc.get_traced_memory()[0] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_a_response_that_cannot_be_read_is_counted(ended: Ended) -> None:
    """As a document too, and the application has it all the same."""
    _download(ended, "api.openai.com", "/v1/responses/resp_1").answered(200, {}, b"{broken")
    assert (dict(FAILURES), ended.spans) == ({"read a batch": 1}, [])


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
