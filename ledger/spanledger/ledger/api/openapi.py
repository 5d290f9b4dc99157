"""The OpenAPI 3.1 document of a list of routes: nothing in it is written twice, so it cannot say otherwise."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

from spanledger.ledger.api.asking import keys_of
from spanledger.ledger.api.route import JSON, AnyRoute, Context, Lane, Nothing, Raw, Route
from spanledger.ledger.failures import Failure

_Json: TypeAlias = dict[str, Any]

_REFUSALS: Final = {
    "400": "The question is wrong: a sentence says what",
    "401": "No credential that is known",
    "403": "The credential's role or tenants do not reach so far",
    "404": "Nothing has this name, or nothing that this credential may know of",
    "413": "The body is larger than a question may be",
    "422": "The store refused",
    "429": "Too many wait, or failed: come again after the seconds of Retry-After",
    "503": "The store cannot be reached now: come again",
}
_REF: Final = "#/components/schemas/{name}"
_PART: Final = re.compile(r"\{(\w+)\}")


def describing(routes: Iterable[AnyRoute]) -> AnyRoute:
    """The route that answers the document of these routes, and of itself."""
    rest = tuple(routes)

    def answer(context: Context, asked: Nothing) -> Raw:
        del context, asked
        return Raw(JSON, body)

    route = Route(
        method="GET",
        path="/v1/openapi.json",
        summary="This document",
        asked=Nothing,
        answers=Raw,
        answer=answer,
        role=None,
        lane=Lane.LOOP,
    )
    body = msgspec.json.encode(document((*rest, route)))
    return route


def document(routes: Sequence[AnyRoute]) -> _Json:
    """The document of those routes that are not hidden."""
    shown = [route for route in routes if not route.hidden]
    forms = [form for route in shown for form in (route.asked, route.answers) if form is not Raw]
    schemas, components = msgspec.json.schema_components([*forms, Failure], ref_template=_REF)
    schema_of: dict[object, _Json] = dict(zip([*forms, Failure], schemas, strict=True))
    paths: dict[str, _Json] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of, components)
    used = _referred(paths, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "spanledger",
            "version": "1",
            "description": "Reports, events, prices, budgets and reservations of a ledger. Money is decimal text; times"
            " are ISO 8601 with an offset; bounds are half-open.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name in used},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: AnyRoute, schema_of: Mapping[object, _Json], components: Mapping[str, _Json]) -> _Json:
    operation: _Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
            for part in _PART.findall(route.path)
        ],
        "responses": {"200": _good(route, schema_of), **_refusals(route, schema_of)},
    }
    if route.role is None:
        operation["security"] = []
    else:
        operation["description"] = f"Takes the role {route.role}{' for all tenants' if route.all_tenants else ''}."
    if route.method in {"GET", "DELETE"}:
        operation["parameters"] += _parameters(route, components[_name_of(schema_of[route.asked])])
    else:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of[route.asked]}}}
    return operation


def _parameters(route: AnyRoute, form: _Json) -> list[_Json]:
    """The fields of a question, each a parameter; of a mapping each of its keys."""
    required, mappings = form.get("required", []), keys_of(route.asked)
    found: list[_Json] = []
    for name, schema in cast("Mapping[str, _Json]", form.get("properties", {})).items():
        plain = {word: said for word, said in schema.items() if word != "description"}
        said = {"description": schema["description"]} if "description" in schema else {}
        if name in mappings:
            values = cast("_Json", schema["additionalProperties"])
            found += [{"name": f"{name}.{key}", "in": "query", **said, "schema": values} for key in mappings[name]]
        else:
            found.append({"name": name, "in": "query", "required": name in required, **said, "schema": plain})
    return found


def _good(route: AnyRoute, schema_of: Mapping[object, _Json]) -> _Json:
    if route.answers is Raw:
        return {"description": route.summary}
    content: _Json = {JSON: {"schema": schema_of[route.answers]}}
    if "format" in route.asked.__struct_encode_fields__:
        content["text/csv"] = {"schema": {"type": "string"}}
    return {"description": route.summary, "content": content}


def _refusals(route: AnyRoute, schema_of: Mapping[object, _Json]) -> _Json:
    without = {"401", "403"} if route.role is None else set[str]()
    if "{" not in route.path:
        without.add("404")
    if route.method in {"GET", "DELETE"}:
        without.add("413")
    content = {JSON: {"schema": schema_of[Failure]}}
    return {
        status: {"description": about, "content": content}
        for status, about in _REFUSALS.items()
        if status not in without
    }


def _operation_id(route: AnyRoute) -> str:
    words = [route.method.lower(), *re.findall(r"\w+", route.path.removeprefix("/v1"))]
    return "_".join(words)


def _referred(value: object, components: Mapping[str, _Json]) -> set[str]:
    """The names of the components that something refers to, and that those refer to."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += cast("_Json", each).values()
            name = _name_of(cast("_Json", each))
            if name and name not in found:
                found.add(name)
                waiting.append(components[name])
        elif isinstance(each, list):
            waiting += cast("list[object]", each)
    return found


def _name_of(schema: _Json) -> str:
    """The component that a schema refers to; empty if it refers to none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]
