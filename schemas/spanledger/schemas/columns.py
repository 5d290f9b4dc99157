"""How a field of a record becomes a ClickHouse column: declared once, beside the field."""

from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints


class Column(NamedTuple):
    """What a table says of a field: its ClickHouse type, what it means, whether it is personal data."""

    type: str
    doc: str
    personal: bool = False


def columns_of(record: type[Any]) -> dict[str, Column]:
    """The columns of a record class, in the order of its fields. Raises `TypeError` on a field without one."""
    columns: dict[str, Column] = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        marks = (
            [mark for mark in get_args(hint)[1:] if isinstance(mark, Column)] if get_origin(hint) is Annotated else []
        )
        if not marks:
            msg = f"{record.__name__}.{name} declares no Column"
            raise TypeError(msg)
        columns[name] = marks[0]
    return columns
