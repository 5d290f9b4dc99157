import re
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from spanledger.ledger.api.openapi import document
from spanledger.ledger.api.routes import ROUTES
from spanledger.ledger.api.wire import Event
from spanledger.schemas.event import COLUMNS

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(ROUTES)))
"""As it is served."""
SHOWN = [route for route in ROUTES if not route.hidden]


def test_the_document_is_valid_openapi() -> None:
    """By the specification's own schema, and each schema in it by that of JSON Schema 2020-12."""
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_route_is_described_and_no_other() -> None:
    """But for those of this version's own commands."""
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in SHOWN}
    assert {route.path for route in ROUTES if route.hidden} & set(DOCUMENT["paths"]) == set()
    identifiers = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("route", SHOWN, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_says_what_it_takes_and_who_may_ask(route: Any) -> None:  # noqa: ANN401 (a route of any types)
    """Each part of the path and each field of the question is a parameter, each filter by its name."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    named = {(each["in"], each["name"]) for each in operation["parameters"]}
    assert {name for where, name in named if where == "path"} == set(re.findall(r"\{(\w+)\}", route.path))
    if route.method == "GET":
        fields = set(route.asked.__struct_encode_fields__) - {"where"}
        assert {name for where, name in named if where == "query" and "." not in name} == fields
        assert (("query", "where.tenant") in named) == ("where" in route.asked.__struct_encode_fields__)
    assert (operation.get("security") == []) == (route.role is None)
    assert ("401" in operation["responses"]) == (route.role is not None)


def test_an_event_has_every_column_of_the_ledger() -> None:
    """In their order; the nested lines as one list."""
    expected = [name for name in COLUMNS if not name.startswith("lines.")]
    expected.insert([*COLUMNS].index("lines.unit"), "lines")
    assert list(Event.__struct_fields__) == expected
