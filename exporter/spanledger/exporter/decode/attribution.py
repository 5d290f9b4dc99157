"""Who is charged: the span's attributes, then the resource's, then the credential's default. Pure."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from spanledger.exporter.credential import Credential
from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.decode.call import TEXT_CHARS_MAX
from spanledger.exporter.decode.plan import Plan, plan_for, plan_once
from spanledger.exporter.sift import Resource
from spanledger.schemas.agents import agents
from spanledger.schemas.attributes import LEDGER_PREFIX
from spanledger.schemas.claim import Attribution


def attribute(
    resource: Resource, attributes: Mapping[str, bytes], plan: Plan, credential: Credential
) -> tuple[Attribution, bool]:
    """The attribution of one span, and whether it named a tenant that its credential may not charge.

    Such usage is booked to the credential's default, and the claimed tenant kept as metadata.
    """
    raw = tuple([attributes[key] for key in plan.attributing])
    read = _attribution if plan.remembered else _attribution.__wrapped__
    return read(resource, plan, raw, credential.scope, credential.tenant)


# The same tenants, users and features come again and again.
@lru_cache(maxsize=8_192)
def _attribution(
    resource: Resource, plan: Plan, raw: tuple[bytes, ...], scope: str, default: str
) -> tuple[Attribution, bool]:
    planned = plan_for if resource.remembered else plan_once
    above, metadata = _stated(
        resource.attributes, planned(resource.signal, resource.scope_name, frozenset(resource.attributes))
    )
    own, own_metadata = _stated(dict(zip(plan.attributing, raw, strict=True)), plan)
    fields, metadata = {**above, **own}, {**metadata, **own_metadata}
    claimed = fields.get("tenant") or default
    conflict = not Credential(scope, default).admits(claimed)
    if conflict:
        metadata["claimed_tenant"] = claimed
    fields["tenant"] = default if conflict else claimed
    path = agents(fields.pop("agent_path", ""))
    return msgspec.convert({**fields, "agent_path": path, "metadata": metadata}, Attribution), conflict


def _stated(attributes: Mapping[str, bytes], plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """The fields and the metadata that are stated; what is empty is not."""
    fields: dict[str, str] = {}
    for field, keys in plan.fields:
        if value := next((value for key in keys if (value := text(attributes[key]))), ""):
            fields[field] = value[:TEXT_CHARS_MAX]
    metadata = {
        key.removeprefix(LEDGER_PREFIX): value[:TEXT_CHARS_MAX]
        for key in plan.metadata
        if (value := text(attributes[key]))
    }
    return fields, metadata
