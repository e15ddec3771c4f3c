"""The OpenAPI 3.1 description of the HTTP API, made from its routes and structs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from tonari import __version__
from tonari.contract.answers import JSON, PROBLEM, Problem
from tonari.contract.parameters import MOST_ID_BYTES, PICTURE_TYPES, SOLE_QUERIES
from tonari.contract.routes import ROUTES, Route
from tonari.errors import TonariError

DESCRIPTION = (
    "Search a catalogue by picture or text, and predict attributes. On AWS the routes that write need requests "
    "signed by IAM. Every path that takes GET also takes HEAD. Bodies may be packed by gzip. A parameter that is null "
    "is not given. Any answer may gain fields: ignore those you do not know."
)
status_of = attrgetter("status")
LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
"""A link in Markdown."""
Json = dict[str, Any]
PATH_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The item's id, percent-encoded.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_ID_BYTES},
}
FORM: Json = {
    "type": "object",
    "description": "Exactly one file, of any name; all other parts are parameters, written as in the query string.",
    "required": ["image"],
    "properties": {"image": {"type": "string", "contentMediaType": "application/octet-stream"}},
    "additionalProperties": {"type": "string"},
}


def openapi() -> Json:
    """Describe all routes [OpenAPI Specification 3.1.1]."""
    structs = {
        one
        for route in ROUTES
        for one in (*route.answers, *route.bodies, *((route.query,) if route.query else ()), Problem)
        if one is not dict
    }
    schemas = schemas_of(structs)
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tonari",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def schemas_of(structs: Iterable[type[Any]]) -> Json:
    """Give the JSON Schema of structs, and of all structs that they hold, by name."""
    in_order = sorted(structs, key=lambda one: str(one.__name__))
    _, found = msgspec.json.schema_components(in_order, ref_template="#/components/schemas/{name}")
    schemas: Json = msgspec.json.decode(msgspec.json.encode(found))
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = schema["description"].partition("\n\n")[0]
        if not schema.get("required", True):
            del schema["required"]
    return dict(sorted(schemas.items()))


def _operation(route: Route, schemas: Json) -> Json:
    parameters = [PATH_ID] if "{id}" in route.path else []
    if route.query not in (None, dict):
        parameters += [_query_parameter(*one) for one in schemas[route.query.__name__]["properties"].items()]
    if route.takes_picture:
        properties = schemas[route.bodies[0].__name__]["properties"]
        parameters += [
            _query_parameter(name, schema, "Only beside a picture as the body. ")
            for name, schema in properties.items()
            if name not in SOLE_QUERIES
        ]
    operation: Json = {"operationId": route.name, "summary": route.summary}
    if parameters:
        operation["parameters"] = parameters
    if route.bodies:
        content = {media_type: {"schema": _one_of(route.bodies)} for media_type in (JSON, *route.body_types)}
        if route.takes_picture:
            content |= {media_type: {} for media_type in (*PICTURE_TYPES, "application/octet-stream")}
            content["multipart/form-data"] = {"schema": FORM}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {str(route.status): _answer(route), **_problems(route.problems)}
    return operation


def _query_parameter(name: str, schema: Json, prefix: str = "") -> Json:
    bare = _without_null({key: value for key, value in schema.items() if key != "description"})
    parameter: Json = {"name": name, "in": "query", "description": prefix + LINK.sub(r"\1", schema["description"])}
    if bare.get("type") == "object" or "$ref" in bare or "$ref" in bare.get("items", {}):
        return {**parameter, "content": {JSON: {"schema": bare}}}
    if bare.get("type") == "array":
        return {**parameter, "style": "form", "explode": False, "schema": bare}
    return {**parameter, "schema": bare}


def _without_null(schema: Json) -> Json:
    """Take null out of a schema: a query string has no word for it."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key not in ("anyOf", "default")}, **kinds[0]}


def _one_of(kinds: Iterable[type[Any]]) -> Json:
    schemas = [
        {"type": "object"} if kind is dict else {"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _answer(route: Route) -> Json:
    answer: Json = {"description": route.summary}
    if route.answers:
        answer["content"] = {route.media_type: {"schema": _one_of(route.answers)}}
    elif route.media_type:
        answer["content"] = {route.media_type: {}}
    if route.status == 302:
        answer["headers"] = {"location": {"description": "A link to the image.", "schema": {"type": "string"}}}
    return answer


def _problems(kinds: Iterable[type[TonariError]]) -> Json:
    every: list[type[TonariError]] = sorted((*kinds, TonariError), key=status_of)
    return {
        str(status): {
            "description": "; ".join(f"`{kind.slug}`: {kind.title}" for kind in of_status) + ".",
            "content": {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status, of_status in groupby(every, status_of)
    }
