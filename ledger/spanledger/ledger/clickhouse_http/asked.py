"""What a request asks, read from its URL, its headers and its body as ClickHouse's own server reads them. Pure."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Final
from urllib.parse import parse_qsl

from spanledger.ledger.clickhouse_http.errors import AskedWronglyError

FIELDS_MAX: Final = 1_000
"""Parameters of a statement, and settings; the length of all is bounded by the head and the body."""
_FIELD_HEAD_BYTES_MAX: Final = 1_000
_NO_FORM: Final = f"the form cannot be read, or has more than {FIELDS_MAX} fields"
_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
"""What can go back in a header."""
_SESSION_S_DEFAULT: Final = 60
_SESSION_S_MAX: Final = 3_600
_PARAMETER: Final = "param_"
_SAYS_NOTHING: Final = ("buffer_size", "quota_key", "stacktrace", "wait_end_of_query")
"""Of the way of an answer, which here is always made whole before it is sent."""
_BAD_ARGUMENTS: Final = (36, "BAD_ARGUMENTS")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSession:
    """Which session a statement belongs to."""

    name: str
    seconds: int
    """How long it is remembered without a statement."""
    must_be: bool
    """Whether it has to be there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One statement, with everything that is told beside it."""

    sql: str
    """Bytes that are no UTF-8 are kept as surrogates."""
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    default_format: str
    query_id: str
    session: AskedSession | None
    revision: int
    """The client's; 0 for one that did not say."""
    framed: bool
    """Whether the answer is wanted in ClickHouse's own compressed frames."""


def credential_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers by which `Authenticator` knows who asks: a key is the password, whatever the user is called."""
    authorization = headers.get("authorization", "")
    scheme, _, told = authorization.partition(" ")
    if authorization and scheme.lower() != "basic":
        return {"authorization": authorization}
    key = _password(told) if authorization else headers.get("x-clickhouse-key", "")
    if key:
        return {"authorization": f"Bearer {key}"}
    return {name: headers[name] for name in ("x-api-key", "api-key") if name in headers}


def query_fields(query: bytes) -> dict[str, str]:
    """The parameters of a URL; of those that stand twice the last. Raises `AskedWronglyError`."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="surrogateescape", max_num_fields=FIELDS_MAX
        )
    except ValueError as error:
        msg = f"the URL must be percent-encoded, with at most {FIELDS_MAX} parameters"
        raise AskedWronglyError(*_BAD_ARGUMENTS, msg) from error
    return dict(pairs)


def asked_of(fields: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Asked:
    """Read a request. Raises `AskedWronglyError`."""
    kind = headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        # Parameters too long for a URL come as fields of a form, and the statement with them.
        fields = {**fields, **_form(kind, body)}
        body = b""
    told = dict(fields)
    statement = told.pop("query", "")
    try:
        "".join((*told, *told.values())).encode()
    except UnicodeEncodeError as error:
        msg = "only a statement may have bytes that are no UTF-8: parameters and settings are text"
        raise AskedWronglyError(*_BAD_ARGUMENTS, msg) from error
    text = body.decode("utf-8", "surrogateescape")
    for name in ("user", "password"):
        if told.pop(name, ""):
            msg = f"{name} is not taken from a URL, which others log: send the key as the password of a header"
            raise AskedWronglyError(*_BAD_ARGUMENTS, msg)
    for name in _SAYS_NOTHING:
        told.pop(name, None)
    session = _session(told)
    return Asked(
        sql=f"{statement}\n{text}" if statement else text,
        parameters={name.removeprefix(_PARAMETER): told.pop(name) for name in [*told] if name.startswith(_PARAMETER)},
        database=told.pop("database", "") or headers.get("x-clickhouse-database", ""),
        default_format=told.pop("default_format", "") or headers.get("x-clickhouse-format", ""),
        query_id=_query_id(told.pop("query_id", "")),
        session=session,
        revision=_number(told, "client_protocol_version", 0),
        framed=_switch(told, "compress") and not _switch(told, "decompress"),
        settings=told,
    )


def accepts_compression(fields: Mapping[str, str]) -> bool:
    """Whether `Accept-Encoding` counts; it does unless the client said otherwise."""
    return fields.get("enable_http_compression", "1") not in {"0", "false"}


def _password(told: str) -> str:
    """The password of Basic credentials; `?`, which nobody has, if there is no reading them."""
    try:
        pair = b64decode(told.strip(), validate=True).decode()
    except (Base64Error, ValueError):
        return "?"
    return pair.partition(":")[2]


def _form(kind: str, body: bytes) -> dict[str, str]:
    """The fields of a form. What email's parser would nest without end, and line by line, is split at its boundary."""
    boundary = HeaderParser().parsestr(f"Content-Type: {kind}").get_boundary("").encode("latin-1", "replace")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, FIELDS_MAX + 1)
    if not boundary or not parts or not parts.pop().startswith(b"--"):
        raise AskedWronglyError(*_BAD_ARGUMENTS, _NO_FORM)
    fields: dict[str, str] = {}
    for part in parts:
        head, blank, value = part.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n") or len(head) > _FIELD_HEAD_BYTES_MAX:
            raise AskedWronglyError(*_BAD_ARGUMENTS, _NO_FORM)
        told = HeaderParser().parsestr(head[2:].decode("utf-8", "replace"))
        if told.get_filename() is not None:
            msg = "tables sent along with a statement are not taken here: only fields of a form are"
            raise AskedWronglyError(48, "NOT_IMPLEMENTED", msg)
        name = str(told.get_param("name", header="content-disposition") or "")
        fields[name] = value.decode("utf-8", "surrogateescape")
    return fields


def _session(told: dict[str, str]) -> AskedSession | None:
    name = told.pop("session_id", "")
    seconds = _number(told, "session_timeout", _SESSION_S_DEFAULT)
    must_be = _switch(told, "session_check")
    if not name:
        return None
    if not _ID.fullmatch(name):
        msg = "session_id must be at most 256 printable ASCII characters"
        raise AskedWronglyError(*_BAD_ARGUMENTS, msg)
    return AskedSession(name=name, seconds=min(seconds, _SESSION_S_MAX), must_be=must_be)


def _query_id(text: str) -> str:
    if text and not _ID.fullmatch(text):
        msg = "query_id must be at most 256 printable ASCII characters"
        raise AskedWronglyError(*_BAD_ARGUMENTS, msg)
    return text


def _number(told: dict[str, str], name: str, default: int) -> int:
    text = told.pop(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 10):
        msg = f"{name} must be a whole number"
        raise AskedWronglyError(*_BAD_ARGUMENTS, msg)
    return int(text) if text else default


def _switch(told: dict[str, str], name: str) -> bool:
    return told.pop(name, "0") in {"1", "true"}
