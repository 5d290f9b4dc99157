"""What a caller says of whom work is for → attributes as they are stamped. Pure; never raises.

A name that stands for explicit work (`units`, `service`, …) would turn every span into a charge: it is left out.
"""

from collections.abc import Mapping
from typing import Final

from spanledger.instrumentation.attributing.failing import failed
from spanledger.schemas import attributes as a
from spanledger.schemas.agents import agents, path_of

# The ledger keeps no more of either (`decode`): what is over is cut here, where the spans are still small.
TEXT_CHARS_MAX: Final = 1_024
NAME_CHARS_MAX: Final = 64
FIELDS_MAX: Final = 64

_RESERVED: Final = frozenset(
    (a.LEDGER_UNITS, a.LEDGER_UNIT_TYPE, a.LEDGER_OPERATION, a.LEDGER_SERVICE, a.LEDGER_STATUS, a.LEDGER_COST)
)


def attributes_of(fields: Mapping[str, object]) -> dict[str, str]:
    """Fields as attributes. One without a value says nothing; one that cannot be said is counted and left out."""
    said: dict[str, str] = {}
    for name, value in fields.items():
        try:
            stated = _text(value)
            key = f"{a.LEDGER_PREFIX}{name}"
            if not stated:
                continue
            if key in _RESERVED or not name or len(name) > NAME_CHARS_MAX or len(said) >= FIELDS_MAX:
                failed("an attribution cannot be kept", name[:NAME_CHARS_MAX])
                continue
            said[key] = stated
        except Exception as error:  # noqa: BLE001 (an object of the application's that has no text)
            failed("an attribution has no text", error)
    return said


def joined(outer: Mapping[str, str], inner: Mapping[str, str]) -> Mapping[str, str]:
    """An inner attribution inside an outer one: the inner wins, and its agent works below the outer's agents."""
    both = {**outer, **inner}
    if a.LEDGER_AGENT in inner and a.LEDGER_AGENT_PATH not in inner:
        both[a.LEDGER_AGENT_PATH] = path_of((*agents(outer.get(a.LEDGER_AGENT_PATH, "")), inner[a.LEDGER_AGENT]))
    if len(both) <= FIELDS_MAX:
        return both
    failed("attributions nest to more fields than are kept", len(both))
    return dict(list(both.items())[:FIELDS_MAX])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:TEXT_CHARS_MAX].strip()
