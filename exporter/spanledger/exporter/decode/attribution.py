"""Who is charged: the span's attributes, then the resource's, then the credential's default. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.decode.plan import Plan, plan_for
from spanledger.exporter.sift import Resource
from spanledger.schemas.attributes import LEDGER_PREFIX
from spanledger.schemas.claim import Attribution

# A dimension is a name, not a document; one that is longer is cut.
TEXT_CHARS_MAX: Final = 1_024

Stated = tuple[tuple[str, str], ...]
"""Attribution fields and metadata keys (with their prefix) as a span or resource states them."""


def attribute(
    resource: Resource, attributes: Mapping[str, bytes], plan: Plan, credential: Credential
) -> tuple[Attribution, bool]:
    """The attribution of one span, and whether it named a tenant that its credential may not charge.

    Such usage is booked to the credential's default, and the claimed tenant kept as metadata.
    """
    return _attribution(resource, _stated(attributes, plan), credential)


# The same tenants, users and features come again and again.
@lru_cache(maxsize=16_384)
def _attribution(resource: Resource, stated: Stated, credential: Credential) -> tuple[Attribution, bool]:
    above = _stated(resource.attributes, plan_for(resource.scope_name, frozenset(resource.attributes)))
    values = dict((*above, *stated))
    metadata = {
        name.removeprefix(LEDGER_PREFIX): value for name, value in values.items() if name.startswith(LEDGER_PREFIX)
    }
    fields = {name: value for name, value in values.items() if not name.startswith(LEDGER_PREFIX)}
    claimed = fields.get("tenant") or credential.tenant
    conflict = not credential.admits(claimed)
    if conflict:
        metadata["claimed_tenant"] = claimed
    tenant = credential.tenant if conflict else claimed
    return msgspec.convert({**fields, "tenant": tenant, "metadata": metadata}, Attribution), conflict


def _stated(attributes: Mapping[str, bytes], plan: Plan) -> Stated:
    """What is stated, without the empty."""
    stated: list[tuple[str, str]] = []
    for field, keys in plan.fields:
        for key in keys:
            if value := text(attributes[key])[:TEXT_CHARS_MAX]:
                stated.append((field, value))
                break
    for key in plan.metadata:
        if value := text(attributes[key])[:TEXT_CHARS_MAX]:
            stated.append((key, value))
    return tuple(stated)
