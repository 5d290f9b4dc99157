"""What is set aside: its identity, made of its content, and the request that brings it again. Pure.

The same content under the same credential is one thing set aside, however often it is sent. Its id does not begin with
its time, as a claim's does: an impossible time is one of the reasons.
"""

from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

import msgspec

from spanledger.exporter.journal import Entry
from spanledger.exporter.sift.records import UsageRecord
from spanledger.exporter.sift.wire import REQUEST, RESOURCE, RESOURCE_SPANS, SCOPE, SCOPE_SPANS

_ID_BYTES: Final = 16

Place: TypeAlias = tuple[str, int]
"""A record of a journal: its shard and its number there."""


class Aside(NamedTuple):
    """What the store knows of something set aside."""

    brought: Place
    """The record that it came with."""
    received_ns: int
    """When that was received."""
    replayed: Place | None
    """The record that took it into the ledger, if one did."""


def aside_id(entry: Entry) -> bytes:
    """The id of what an entry brings, as a whole."""
    content = msgspec.msgpack.encode((entry.scope, entry.tenant, int(entry.signal), entry.payload))
    return blake2b(content, digest_size=_ID_BYTES).digest()


def alone(entry: Entry, span: UsageRecord) -> Entry:
    """The entry that brings one element of an entry, and nothing else."""
    resource = span.resource
    # A map has no order of its own: sorted, the same element is the same bytes.
    attributes = b"".join(
        RESOURCE(attributes={key: resource.attributes[key]}).SerializeToString() for key in sorted(resource.attributes)
    )
    scope = SCOPE(name=resource.scope_name, version=resource.scope_version).SerializeToString()
    scope_spans = SCOPE_SPANS(scope=scope, spans=[span.raw]).SerializeToString()
    resource_spans = RESOURCE_SPANS(resource=attributes, scope_spans=[scope_spans]).SerializeToString()
    payload = REQUEST(resource_spans=[resource_spans]).SerializeToString()
    return Entry(payload, entry.signal, entry.scope, entry.tenant, 1)
