from importlib.resources import files
from typing import cast

from spanledger.schemas.event import COLUMNS
from spanledger.schemas.json_schema import ledger_event_schema, rendered


def test_the_kept_json_schema_is_the_class() -> None:
    """`ledger_event.schema.json` is what `python -m spanledger.schemas` prints today."""
    kept = files("spanledger.schemas").joinpath("ledger_event.schema.json").read_text()
    assert kept == rendered()


def test_every_column_is_required_and_described() -> None:
    """A reader finds each column of the table, in its order, with its meaning; personal ones are marked."""
    properties = _properties()
    assert list(properties) == ledger_event_schema()["required"] == list(COLUMNS)
    assert [properties[name]["description"] for name in COLUMNS] == [column.doc for column in COLUMNS.values()]
    personal = [name for name, column in COLUMNS.items() if column.personal]
    assert [name for name in properties if properties[name].get("x-personal")] == personal
    assert "user_id" in personal


def test_money_is_a_string_and_words_are_listed() -> None:
    """No float can carry a cost, and a closed set of words names its members."""
    properties = _properties()
    assert properties["cost"]["type"] == ["string", "null"]
    assert properties["kind"]["enum"] == ["charge", "attempt", "reversal", "adjustment", "credit", "denial"]


def _properties() -> dict[str, dict[str, object]]:
    return cast("dict[str, dict[str, object]]", ledger_event_schema()["properties"])
