from base64 import b64encode

import pytest

from spanledger.ledger.clickhouse_http.asked import (
    Asked,
    AskedSession,
    accepts_compression,
    asked_of,
    credential_headers,
    query_fields,
)
from spanledger.ledger.clickhouse_http.errors import AskedWronglyError

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xc3\xa4\r\n--x--\r\n'
)
NESTED = b"--x\r\n" + b"".join(b"Content-Type: multipart/x; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5_000))
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def asked(url: str = "", body: bytes = b"", **headers: str) -> Asked:
    """Read a request."""
    return asked_of(
        query_fields(url.encode()), {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


def test_a_statement_comes_in_the_url_in_the_body_or_in_both() -> None:
    """The body goes on where the URL ended, on a line of its own."""
    assert asked("query=SELECT+1").sql == "SELECT 1\n"
    assert asked(body=b"SELECT 1").sql == "SELECT 1"
    assert asked("query=SELECT", b"1").sql == "SELECT\n1"
    assert asked(body="SELECT 'ä'".encode()).sql == "SELECT 'ä'"


def test_bytes_that_are_no_utf8_survive() -> None:
    """A text may be any bytes."""
    assert asked(body=b"SELECT '\xff'").sql.encode("utf-8", "surrogateescape") == b"SELECT '\xff'"


def test_what_is_told_beside_a_statement_is_told_apart() -> None:
    """Parameters, what the way of the answer is, and settings."""
    found = asked(
        "database=d&param_x=1&param_y=&client_protocol_version=54460&query_id=q-1&compress=1&default_format=JSON"
        "&wait_end_of_query=1&buffer_size=3&max_execution_time=5&session_id=s&session_timeout=9999&session_check=1"
    )
    assert found == Asked(
        sql="",
        parameters={"x": "1", "y": ""},
        settings={"max_execution_time": "5"},
        database="d",
        default_format="JSON",
        query_id="q-1",
        session=AskedSession(name="s", seconds=3600, must_be=True),
        revision=54_460,
        framed=True,
    )


def test_headers_name_a_database_and_a_format_too() -> None:
    """The URL goes first."""
    found = asked("default_format=JSON", x_clickhouse_format="CSV", x_clickhouse_database="d")
    assert (found.default_format, found.database) == ("JSON", "d")
    assert asked("database=e", x_clickhouse_database="d").database == "e"
    assert asked(x_clickhouse_format="CSV").default_format == "CSV"


def test_a_form_has_what_is_too_long_for_a_url() -> None:
    """The statement and its parameters."""
    found = asked_of({"param_b": "2"}, MULTIPART, FORM)
    assert (found.sql, found.parameters) == ("SELECT {a:String}\n", {"a": "ä", "b": "2"})


def test_a_form_of_a_megabyte_of_lines_is_read_at_once() -> None:
    """As it is: nothing of a value is looked at."""
    text = b"a\n\r\n--" * 100_000
    assert asked_of({}, MULTIPART, FORM.replace("ä".encode(), text)).parameters["a"] == text.decode()


@pytest.mark.parametrize(
    ("url", "body", "headers", "code"),
    [
        ("query_id=a%0d%0ab", b"", {}, 36),
        ("query_id=" + "a" * 257, b"", {}, 36),
        ("session_id=%00", b"", {}, 36),
        ("client_protocol_version=-1", b"", {}, 36),
        ("session_timeout=1e9&session_id=a", b"", {}, 36),
        ("user=a", b"", {}, 36),
        ("password=a", b"", {}, 36),
        ("database=%ff", b"", {}, 36),
        ("param_a=%ff", b"", {}, 36),
        ("session_timezone=%ff", b"", {}, 36),
        ("&".join(f"param_{number}=1" for number in range(1_001)), b"", {}, 36),
        ("", b"no form", MULTIPART, 36),
        ("", FORM[:-4], MULTIPART, 36),
        ("", FORM.replace(b"\r\n\r\n", b"\r\nx: " + b"x" * 1_000 + b"\r\n\r\n"), MULTIPART, 36),
        ("", NESTED, MULTIPART, 36),
        ("", FORM.replace(b'name="param_a"', b'name="t"; filename="t"'), MULTIPART, 48),
    ],
)
def test_what_cannot_be_read_is_refused(url: str, body: bytes, headers: dict[str, str], code: int) -> None:
    """With the code that a server has for it."""
    with pytest.raises(AskedWronglyError) as refused:
        asked_of(query_fields(url.encode()), headers, body)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"authorization": "Basic " + b64encode(b"anybody:slk_x:y").decode()}, {"authorization": "Bearer slk_x:y"}),
        ({"authorization": "basic " + b64encode(b"default:").decode()}, {}),
        ({"authorization": "Basic %"}, {"authorization": "Bearer ?"}),
        ({"authorization": "Bearer slk"}, {"authorization": "Bearer slk"}),
        ({"x-clickhouse-user": "u", "x-clickhouse-key": "slk"}, {"authorization": "Bearer slk"}),
        ({"authorization": "Bearer a", "x-clickhouse-key": "b"}, {"authorization": "Bearer a"}),
        ({"x-api-key": "slk"}, {"x-api-key": "slk"}),
        ({"x-clickhouse-user": "u"}, {}),
    ],
)
def test_a_key_is_the_password(headers: dict[str, str], shown: dict[str, str]) -> None:
    """Of any user, in either way that clients show one; and as the API takes it."""
    assert credential_headers(headers) == shown


def test_compression_is_on_unless_refused() -> None:
    """As on a server."""
    assert accepts_compression({})
    assert not accepts_compression({"enable_http_compression": "0"})
