"""A claim: what one usage span says, normalised. Plain frozen data; no clock, no network, no SDK."""

from hashlib import blake2b
from typing import Final, Literal

import msgspec

UNATTRIBUTED: Final = "unattributed"
"""The tenant of usage nobody named. A value that is shown, never a row that is dropped."""

ENVIRONMENT_DEFAULT: Final = "dev"
"""The environment of what a process records which names none: what is meant to be billed says so."""

ACCOUNT_ASSUMED: Final = "account_assumed"
"""Flag: nobody names the account; it is the one that the caller runs in, of the same cloud."""

DENIED: Final = "denied"
"""Flag: a budget or a policy did not let the call go, so nothing was sent and nothing was used."""

Signal = Literal["traces", "logs"]
Role = Literal["inference", "rollup", "work"]
UsageSource = Literal["provider", "estimated", "missing", "manual"]
Status = Literal["ok", "error", "fallback"]
Inclusivity = Literal["", "declared", "table", "inferred", "assumed"]


class Attribution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who caused the usage, and on whose behalf. Empty means the telemetry did not say."""

    tenant: str = ""
    environment: str = ""
    service_name: str = ""
    service_instance: str = ""
    user_id: str = ""
    session_id: str = ""
    organization_id: str = ""
    feature: str = ""
    team: str = ""
    project: str = ""
    cost_center: str = ""
    agent: str = ""
    agent_path: tuple[str, ...] = ()
    workflow_id: str = ""
    conversation_id: str = ""
    tools: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is alike in every call of one kind: what was asked of whom, and who told of it. Shared between claims."""

    role: Role
    dialect: str
    emitter: str = ""
    """The instrumentation scope's name."""
    operation: str = ""
    provider: str = ""
    request_model: str = ""
    response_model: str = ""
    region: str = ""
    account: str = ""
    """The account with the provider that is billed: an AWS account, an Azure subscription, an organisation."""
    service_tier: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one usage span (or agent log record) states about one call. Several may describe the same call.

    `usage` maps a unit of `spanledger.schemas.units` (or an explicit `ledger.unit_type`) to a whole
    number; a unit that is absent is unknown, not zero. Times are nanoseconds since 1970 UTC.
    """

    scope: str
    """The credential's scope: keys never match across scopes."""
    signal: Signal
    trace_id: str
    """32 lowercase hex digits; empty on a log record without one."""
    span_id: str
    """16 lowercase hex digits; of a log record the digest of its allow-listed content, 32 digits."""
    parent_span_id: str = ""
    start_ns: int
    end_ns: int
    call: Call
    attribution: Attribution
    response_id: str = ""
    usage: dict[str, int] = {}
    usage_source: UsageSource
    inclusivity: Inclusivity = ""
    """How it was decided whether input counts contain the cache counts; empty when nothing was cached."""
    reported_cost: str = ""
    """A decimal string in `reported_currency`, as the sender stated it; empty when it did not."""
    reported_currency: str = ""
    status: Status = "ok"
    error_type: str = ""
    attempt: int = 0
    time_to_first_token_ns: int | None = None
    """From the start of the request to the first piece of a streamed answer; None where nobody says."""
    flags: tuple[str, ...] = ()
    """What a reader should know: `duration_clamped`, `tenant_conflict`, `inconsistent`, `interrupted`, …"""


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Claim).decode


def seal(claim: Claim) -> tuple[bytes, bytes]:
    """Give a claim its identity: `(claim_id, payload)`.

    `payload` is the claim as JSON with sorted map keys, as it is stored. `claim_id` is 16 bytes that
    sort by time: the start in big-endian nanoseconds, then 8 bytes of the payload's BLAKE2b digest.
    The same content always has the same id, so a redelivered span is the same claim; the same span
    with other content is another claim.
    """
    payload = _encode(claim)
    return claim.start_ns.to_bytes(8, "big") + blake2b(payload, digest_size=8).digest(), payload


def payload_of(claim: Claim) -> bytes:
    """The claim as it is stored: the payload that `seal` gives."""
    return _encode(claim)


def unseal(payload: bytes | str) -> Claim:
    """Read a stored claim back. Raises `msgspec.DecodeError` on a payload no `seal` made."""
    return _decode(payload)
