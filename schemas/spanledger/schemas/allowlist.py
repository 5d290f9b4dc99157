"""What may leave a span: the sift keeps these attributes and no others, so prompts never reach a disk.

The list is the union of what the dialects read and what attributes usage to somebody. A *mark* is a byte
string without which a batch holds no usage span; a batch with none is dropped by one substring search each.
"""

from typing import Final

from spanledger.schemas import attributes as a
from spanledger.schemas.claim import Signal
from spanledger.schemas.dialects import DIALECTS, Dialect

ATTRIBUTION_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "tenant": (a.LEDGER_TENANT, a.TENANT_ID),
    "environment": (a.LEDGER_ENVIRONMENT, a.ENVIRONMENT_NAME, a.ENVIRONMENT_OLD),
    "service_name": (a.SERVICE_NAME,),
    "service_instance": (a.SERVICE_INSTANCE_ID,),
    "user_id": (a.LEDGER_USER_ID, a.USER_ID, a.ENDUSER_ID, a.GEN_AI_USER),
    "session_id": (a.LEDGER_SESSION_ID, a.SESSION_ID),
    "organization_id": (a.LEDGER_ORGANIZATION_ID,),
    "feature": (a.LEDGER_FEATURE,),
    "team": (a.LEDGER_TEAM,),
    "project": (a.LEDGER_PROJECT,),
    "cost_center": (a.LEDGER_COST_CENTER,),
    "agent": (a.LEDGER_AGENT, a.AGENT_NAME, a.AGENT_ID),
    "agent_path": (a.LEDGER_AGENT_PATH,),
    "workflow_id": (a.LEDGER_WORKFLOW_ID, a.WORKFLOW_NAME),
    "conversation_id": (a.LEDGER_CONVERSATION_ID, a.CONVERSATION_ID),
}
"""Field of `Attribution` → attributes that state it, most preferred first; the span's before the resource's."""


def _keys_of(field: str) -> frozenset[str]:
    own = ATTRIBUTION_KEYS.get(field, ())
    return frozenset(own).union(*(dialect.attribution.get(field, ()) for dialect in DIALECTS))


TENANT_KEYS: Final = tuple(dict.fromkeys((*ATTRIBUTION_KEYS["tenant"], *sorted(_keys_of("tenant")))))
"""Attributes that name who is charged, most preferred first."""
USER_KEYS: Final = _keys_of("user_id")
"""Attributes that name a person."""
AGENT_KEYS: Final = _keys_of("agent")
AGENT_PATH_KEYS: Final = _keys_of("agent_path")
SYSTEM_KEYS: Final = _keys_of("service_name") | _keys_of("service_instance") | _keys_of("environment")
"""Attributes that name what runs, and never who."""

CALL_KEYS: Final = (
    a.ERROR_TYPE,
    a.HTTP_RESEND_COUNT,
    a.CLOUD_REGION,
    a.CLOUD_PROVIDER,
    a.CLOUD_ACCOUNT_ID,
    a.LEDGER_ACCOUNT,
    a.LEDGER_UNITS,
    a.LEDGER_UNIT_TYPE,
    a.LEDGER_OPERATION,
    a.LEDGER_SERVICE,
    a.LEDGER_STATUS,
    a.LEDGER_COST,
    a.EVENT_NAME,
)

ALLOWED_KEYS: Final = frozenset(
    key for keys in (*(dialect.keys() for dialect in DIALECTS), *ATTRIBUTION_KEYS.values(), CALL_KEYS) for key in keys
)
ALLOWED_PREFIXES: Final = (a.LEDGER_PREFIX,)
"""Whatever an application attributes under `ledger.…` is kept as metadata."""

TEXT_PATHS: Final = {
    text: tuple(sorted(key.removeprefix(f"{text}.") for key in ALLOWED_KEYS if key.startswith(f"{text}.")))
    for dialect in DIALECTS
    for text in dialect.texts
}
"""Attribute whose value is JSON text → the paths read of it; the sift replaces it by one attribute a path."""

TEXT_TYPES: Final = {text: kind for dialect in DIALECTS for text, kind in dialect.text_types.items()}
"""Text → attribute with its media type: a text that has one is read only where that says JSON."""


EVENT_NAMES: Final = frozenset(
    name for dialect in DIALECTS if dialect.signal == "logs" for name in dialect.span_names if "*" not in name
)
"""The names of events that the dialects know: a log record's body that is one of them is a name, and not content."""


def _marks(signal: Signal) -> tuple[bytes, ...]:
    """The fewest byte strings of which every dialect's marks contain one. Each costs a search of every batch."""
    found = {a.LEDGER_UNITS}
    for dialect in DIALECTS:
        if dialect.signal == signal:
            marks = (*(_searched(mark, dialect) for mark in dialect.marks), *dialect.mark_prefixes)
            found |= {*(dialect.found_by or marks)}
    if signal == "traces":
        found.add(a.GEN_AI_PREFIX)
    return tuple(mark.encode() for mark in sorted(found) if not any(other != mark and other in mark for other in found))


def _searched(mark: str, dialect: Dialect) -> str:
    """What a batch holds of a mark: of a path into a text, which is made when that is opened, the text's name."""
    return next((text for text in dialect.texts if mark.startswith(f"{text}.")), mark)


MARKS: Final[dict[Signal, tuple[bytes, ...]]] = {"traces": _marks("traces"), "logs": _marks("logs")}
