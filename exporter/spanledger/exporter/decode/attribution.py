"""Who is charged: the span's attributes, then the resource's, then the credential's default. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.sift import Resource
from spanledger.schemas.allowlist import ATTRIBUTION_KEYS, CALL_KEYS
from spanledger.schemas.attributes import LEDGER_PREFIX
from spanledger.schemas.claim import Attribution

# A dimension is a name, not a document; one that is longer is cut and shows it.
TEXT_CHARS_MAX: Final = 1_024
METADATA_KEYS_MAX: Final = 64

_FIELD_OF: Final = {key: field for field, keys in ATTRIBUTION_KEYS.items() for key in keys}
_KEYS: Final = frozenset(_FIELD_OF)
_NOT_METADATA: Final = _KEYS.union(CALL_KEYS)


def attribute(resource: Resource, attributes: Mapping[str, bytes], credential: Credential) -> tuple[Attribution, bool]:
    """The attribution of one span, and whether it named a tenant that its credential may not charge.

    Such usage is booked to the credential's default, and the claimed tenant kept as metadata.
    """
    if _KEYS.isdisjoint(attributes) and not any(key.startswith(LEDGER_PREFIX) for key in attributes):
        return _inherited(resource, credential)
    fields, metadata = _stated(attributes)
    above, metadata_above = _of_resource(resource)
    return _bound({**above, **fields}, {**metadata_above, **metadata}, credential)


@lru_cache(maxsize=4_096)
def _inherited(resource: Resource, credential: Credential) -> tuple[Attribution, bool]:
    return _bound(*_of_resource(resource), credential)


@lru_cache(maxsize=4_096)
def _of_resource(resource: Resource) -> tuple[dict[str, str], dict[str, str]]:
    return _stated(resource.attributes)


def _bound(fields: dict[str, str], metadata: dict[str, str], credential: Credential) -> tuple[Attribution, bool]:
    claimed = fields.get("tenant") or credential.tenant
    conflict = not credential.admits(claimed)
    if conflict:
        metadata = {**metadata, "claimed_tenant": claimed}
    fields = {**fields, "tenant": credential.tenant if conflict else claimed}
    return msgspec.convert({**fields, "metadata": metadata}, Attribution), conflict


def _stated(attributes: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and the metadata that some attributes state."""
    fields: dict[str, str] = {}
    for key in _KEYS & attributes.keys():
        field = _FIELD_OF[key]
        if key == next(name for name in ATTRIBUTION_KEYS[field] if name in attributes) and (
            value := text(attributes[key])
        ):
            fields[field] = value[:TEXT_CHARS_MAX]
    extra = sorted(key for key in attributes if key.startswith(LEDGER_PREFIX) and key not in _NOT_METADATA)
    metadata = {
        key.removeprefix(LEDGER_PREFIX): text(attributes[key])[:TEXT_CHARS_MAX] for key in extra[:METADATA_KEYS_MAX]
    }
    return fields, metadata
