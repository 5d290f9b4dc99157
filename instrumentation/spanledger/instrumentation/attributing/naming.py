"""Attributes as a message or a header carries them → the fields they stand for. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from spanledger.schemas.attributes import LEDGER_PREFIX

BAGGAGE: Final = "baggage"
"""The header."""

# W3C Baggage, "Limits".
BAGGAGE_CHARS_MAX: Final = 8_192


def names_of(said: Mapping[str, object]) -> dict[str, object]:
    """Of what is said under `ledger.…` the fields; nothing else."""
    names = ((str(name), value) for name, value in said.items())
    return {name.removeprefix(LEDGER_PREFIX): value for name, value in names if name.startswith(LEDGER_PREFIX)}


def fields_in(baggage: str) -> dict[str, object]:
    """The fields that a `baggage` header states; one over the limit states none."""
    if len(baggage) > BAGGAGE_CHARS_MAX:
        return {}
    members = (member.partition(";")[0].partition("=") for member in baggage.split(","))
    return names_of({unquote_plus(name).strip(): unquote_plus(value).strip() for name, _, value in members})


def is_ledgers(member: str) -> bool:
    """Whether a member of a `baggage` header is a field."""
    return unquote_plus(member.partition("=")[0]).strip().startswith(LEDGER_PREFIX)
