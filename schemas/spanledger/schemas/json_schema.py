"""The JSON schema of a ledger event, made from `LedgerEvent`; `python -m spanledger.schemas` prints it.

In JSON, ids are lowercase hex, times are RFC 3339 with nanoseconds, and money is a decimal string: no reader's float
may touch it. The printed text is kept as `ledger_event.schema.json` and tested equal.
"""

import json
from typing import Final, Literal, get_args, get_origin, get_type_hints

from spanledger.schemas.columns import Column
from spanledger.schemas.event import COLUMNS, LedgerEvent, column_name

_TEXT: Final[dict[str, object]] = {"type": "string"}
_INT64: Final[dict[str, object]] = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_MONEY: Final = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"

_TYPES: Final[dict[str, dict[str, object]]] = {
    "FixedString(16)": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "String": _TEXT,
    "LowCardinality(String)": _TEXT,
    "DateTime64(9, 'UTC')": {"type": "string", "format": "date-time"},
    "Int64": _INT64,
    "UInt16": {"type": "integer", "minimum": 0, "maximum": 2**16 - 1},
    "Nullable(Int64)": {**_INT64, "type": ["integer", "null"]},
    "Nullable(Decimal(38, 18))": {"type": ["string", "null"], "pattern": _MONEY},
    "Array(LowCardinality(String))": {"type": "array", "items": _TEXT},
    "Array(Int64)": {"type": "array", "items": _INT64},
    "Array(Nullable(Decimal(38, 18)))": {"type": "array", "items": {"type": ["string", "null"], "pattern": _MONEY}},
    "Map(LowCardinality(String), String)": {"type": "object", "additionalProperties": _TEXT},
}


def ledger_event_schema() -> dict[str, object]:
    """The schema of one event (JSON Schema 2020-12), its properties in the table's order."""
    allowed = _allowed_values()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "LedgerEvent",
        "description": "One append-only row of ledger_events; plain sums over events are right.",
        "type": "object",
        "properties": {name: _property(column, allowed.get(name, ())) for name, column in COLUMNS.items()},
        "required": list(COLUMNS),
        "additionalProperties": False,
    }


def rendered() -> str:
    """The schema as the text of `ledger_event.schema.json`."""
    return json.dumps(ledger_event_schema(), indent=2) + "\n"


def _property(column: Column, allowed: tuple[str, ...]) -> dict[str, object]:
    description = {"description": column.doc}
    values = {"enum": list(allowed)} if allowed else {}
    personal = {"x-personal": True} if column.personal else {}
    return {**_TYPES[column.type], **values, **description, **personal}


def _allowed_values() -> dict[str, tuple[str, ...]]:
    """Column → the values its `Literal` names."""
    hints = get_type_hints(LedgerEvent)
    return {column_name(field): get_args(hint) for field, hint in hints.items() if get_origin(hint) is Literal}
