"""Usage spans and log records as plain data: what the sift hands to `decode`."""

import msgspec

from spanledger.schemas.claim import Signal


class Resource(msgspec.Struct, frozen=True, eq=False):
    """What emitted a span: allow-listed resource attributes (raw AnyValue bytes) and the scope's name.

    Equal senders share one object (see `_resource`), so what follows from it can be remembered by identity.
    """

    attributes: dict[str, bytes]
    scope_name: str
    scope_version: str
    signal: Signal = "traces"
    remembered: bool = True
    """Whether the next equal sender will share this object."""


class UsageRecord(msgspec.Struct, frozen=True):
    """A span or log record that may state usage. Attribute values are raw AnyValues; times are ns since 1970 UTC."""

    resource: Resource
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start_ns: int
    end_ns: int
    status_code: int
    dropped_attributes: int
    conflicting: tuple[str, ...]
    """Keys that the span states twice with different values."""
    attributes: dict[str, bytes]
    raw: bytes
    """The span as it is kept, for the quarantine."""
    remark: str = ""
    """What its sender should be told of it, though it is kept."""
