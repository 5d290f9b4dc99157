"""What kind of call a span tells of, worked out once for all spans that say the same. Pure.

Whatever a dialect's table needs to be asked is asked here and remembered: the rules may grow, and a span of a kind
that was seen before costs one look-up.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from spanledger.exporter.decode.anyvalue import text
from spanledger.exporter.decode.plan import Keys, Plan
from spanledger.exporter.sift import Resource
from spanledger.schemas import attributes as a
from spanledger.schemas.claim import ACCOUNT_ASSUMED, Call, Inclusivity, Role
from spanledger.schemas.dialects import Dialect, Doubt

EXPLICIT: Final = "explicit"
"""The dialect of work that the application states itself with `ledger.units`."""

CONTINUATION: Final = "continuation"
"""The flag of a claim that is one with the claim of an earlier span."""

# A dimension is a name, not a document; one that is longer is cut.
TEXT_CHARS_MAX: Final = 1_024

# Providers whose own counts exclude the cache, so that an emitter who says nothing may be either.
_EXCLUSIVE_PROVIDERS: Final = frozenset({"anthropic", "aws.bedrock"})
_NEW_NAMES: Final = frozenset({a.USAGE_CACHE_WRITE})
"""Names that only emitters of conventions that declare inclusion use."""

_OWN_SERVICES: Final = {"aws": "aws.bedrock", "azure": "azure.", "gcp": "gcp."}
"""Cloud (`cloud.provider`) → how the names of its own model services begin. Others have accounts of their own."""


class Home(NamedTuple):
    """What a resource says of accounts."""

    stated: str
    """The account that its application names for its calls."""
    cloud: str
    account: str
    """The account of the cloud that it runs in."""


class Reading(msgspec.Struct, frozen=True, eq=False):
    """A kind of call, and how its spans are to be read. Shared by all of them."""

    call: Call
    known: bool
    """Whether the span is surely a call or a roll-up; one that is not counts only if it states usage."""
    doubts: tuple[Doubt, ...]
    inclusivity: Inclusivity
    """Why the stated inclusion is believed, where something was cached."""
    exclusive: bool = False
    """Whether the stated input leaves the cache counts out."""
    flags: tuple[str, ...] = ()
    """What is to be known of every such span."""
    failed: bool = False
    """Whether its name says that the call failed."""


def reading_of(plan: Plan, resource: Resource, said: tuple[bytes, ...], span_name: bytes) -> Reading | None:
    """How to read a span whose `plan.calling` attributes have these raw values. None: it says nothing of a call."""
    if plan.remembered:
        return _reading(plan, resource.scope_name, said, span_name, _home_of(resource))
    return _reading.__wrapped__(plan, resource.scope_name, said, span_name, _home_of.__wrapped__(resource))


# Resources are few: services times instances.
@lru_cache(maxsize=4_096)
def _home_of(resource: Resource) -> Home:
    """Where a resource's calls come from."""
    stated, cloud, account = (
        _name(text(resource.attributes.get(key, b""))[:TEXT_CHARS_MAX])
        for key in (a.LEDGER_ACCOUNT, a.CLOUD_PROVIDER, a.CLOUD_ACCOUNT_ID)
    )
    return Home(stated, cloud, account)


# Kinds of calls: services times models times features. A hostile sender of ever new names only makes us read again.
@lru_cache(maxsize=4_096)
def _reading(plan: Plan, emitter: str, said: tuple[bytes, ...], span_name: bytes, home: Home) -> Reading | None:
    values = {key: _name(text(value)[:TEXT_CHARS_MAX]) for key, value in zip(plan.calling, said, strict=True)}
    values[a.LEDGER_ACCOUNT] = values.get(a.LEDGER_ACCOUNT) or home.stated
    reading: Reading | None = None
    if plan.explicit:
        call = _call(plan, values, emitter, ("work", EXPLICIT, _first(values, plan.operation)))
        reading = Reading(call, True, (), "")  # noqa: FBT003
    elif plan.dialect is not None:
        reading = _of_dialect(plan, plan.dialect, values, emitter, span_name.decode(errors="replace"))
    return None if reading is None else _at_home(reading, home)


def _at_home(reading: Reading, home: Home) -> Reading:
    """Where nobody names the account, a call to the caller's own cloud is taken to be made under the caller's."""
    own = _OWN_SERVICES.get(home.cloud)
    if own is None or not home.account or reading.call.account or not reading.call.provider.startswith(own):
        return reading
    call = msgspec.structs.replace(reading.call, account=home.account)
    return msgspec.structs.replace(reading, call=call, flags=(*reading.flags, ACCOUNT_ASSUMED))


def _of_dialect(
    plan: Plan, dialect: Dialect, values: Mapping[str, str], emitter: str, span_name: str
) -> Reading | None:
    stated = _first(values, plan.operation)
    operation = _named(dialect.operations, stated, stated) or _named(dialect.span_names, span_name)
    if operation in dialect.ignored:
        return None
    is_rollup = operation in dialect.rollups
    is_call = operation in dialect.inference or (
        not operation and bool(_first(values, (*plan.request_model, *plan.response_model)))
    )
    call = _call(plan, values, emitter, ("rollup" if is_rollup else "inference", dialect.name, operation))
    return Reading(
        call=call,
        known=is_rollup or is_call,
        doubts=tuple(doubt for doubt in dialect.doubts if _holds(doubt, values, call)),
        inclusivity=_basis(plan, dialect, call),
        exclusive=dialect.inclusion == "exclusive" or call.provider in dialect.exclusive_for,
        flags=(CONTINUATION,) if _named(dict.fromkeys(dialect.continuations, CONTINUATION), span_name) else (),
        failed=span_name in dialect.failures,
    )


def _call(plan: Plan, values: Mapping[str, str], emitter: str, kind: tuple[Role, str, str]) -> Call:
    role, dialect, operation = kind
    named = (*(values[key] for key in plan.provider), *(_prefix(values[key]) for key in plan.prefixed))
    providers = (_provider(plan.dialect, name) for name in named if name)
    default = plan.dialect.default_provider if plan.dialect and not plan.explicit else ""
    return Call(
        role=role,
        dialect=dialect,
        emitter=emitter[:TEXT_CHARS_MAX],
        operation=operation,
        provider=next((name for name in providers if name), default),
        request_model=_first(values, plan.request_model),
        response_model=_first(values, plan.response_model),
        region=values.get(a.CLOUD_REGION, ""),
        account=values[a.LEDGER_ACCOUNT] or _first(values, plan.account),
        service_tier=_first(values, plan.service_tier),
    )


def _prefix(name: str) -> str:
    """The provider of `provider/model`; empty for a model alone."""
    provider, slash, _ = name.partition("/")
    return provider if slash else ""


def _first(values: Mapping[str, str], keys: Keys) -> str:
    return next((value for key in keys if (value := values[key])), "")


def _provider(dialect: Dialect | None, name: str) -> str:
    """The conventions' name of a provider; empty for what is none."""
    if dialect is None:
        return name
    known = _named(dialect.providers, name, name)
    if known != name or not dialect.provider_cut:
        return known
    cut = name.partition(dialect.provider_cut)[0]
    return _named(dialect.providers, cut, cut)


def _named(table: Mapping[str, str], stated: str, unknown: str = "") -> str:
    """What a table calls something: by its name, else by the first pattern that fits."""
    if stated in table:
        return table[stated]
    patterns: Iterable[tuple[str, str]] = table.items()
    return next(
        (
            known
            for pattern, known in patterns
            if stated
            and (
                (pattern.endswith("*") and stated.startswith(pattern[:-1]))
                or (pattern.startswith("*") and stated.endswith(pattern[1:]))
            )
        ),
        unknown,
    )


def _name(stated: str) -> str:
    """A name; Micrometer writes `none` where it has none."""
    return "" if stated == "none" else stated


def _holds(doubt: Doubt, values: Mapping[str, str], call: Call) -> bool:
    present = not doubt.attribute or doubt.attribute in values
    models = (call.request_model, call.response_model)
    return (
        present
        and (not doubt.values or values.get(doubt.attribute, "") in doubt.values)
        and (not doubt.providers or call.provider in doubt.providers)
        and (not doubt.operations or call.operation in doubt.operations)
        and (not doubt.models or any(part in name for part in doubt.models for name in models))
    )


def _basis(plan: Plan, dialect: Dialect, call: Call) -> Inclusivity:
    if dialect.basis != "assumed" or call.provider in dialect.exclusive_for:
        return dialect.basis
    stated = {key for _, keys in plan.usage for key in keys}
    sure = call.provider not in _EXCLUSIVE_PROVIDERS or not stated.isdisjoint(_NEW_NAMES)
    return "declared" if sure else "assumed"
