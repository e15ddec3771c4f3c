from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import generated_docs
from tonari import attributes
from tonari.api.app import App
from tonari.contract import parameters
from tonari.contract.openapi import openapi
from tonari.contract.routes import ROUTES
from tonari.errors import TonariError
from tonari.images.guards import FORMATS


def test_the_description_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(openapi()).iter_errors()) == []


def test_the_documents_are_current() -> None:
    assert generated_docs.OPENAPI.read_text() == generated_docs.openapi_text(), "run make docs"
    text = generated_docs.API.read_text()
    assert text == generated_docs.api_text(text), "run make docs"


def test_each_table_of_the_documents_is_there() -> None:
    found = [match["name"] for match in generated_docs.BLOCK.finditer(generated_docs.API.read_text())]

    assert found == ["routes", "query", "search", "predict", "items", "errors"]


def test_every_route_is_described_and_has_a_handler() -> None:
    described = {
        (method.upper(), path, operation["operationId"])
        for path, operations in openapi()["paths"].items()
        for method, operation in operations.items()
    }

    assert described == {(route.method, route.path, route.name) for route in ROUTES}
    app = App(None, None, None)  # type: ignore[arg-type]
    assert [route for route, _, _ in app._routes] == list(ROUTES)


def test_every_parameter_has_a_description() -> None:
    schemas = openapi()["components"]["schemas"]
    for name in (
        "Examples",
        "SearchOptions",
        "SearchRequest",
        "SearchesRequest",
        "PredictRequest",
        "ItemsRequest",
        "ImageRequest",
    ):
        for parameter, schema in schemas[name]["properties"].items():
            assert schema.get("description"), f"{name}.{parameter}"
        assert schemas[name]["additionalProperties"] is False


def test_limits_stand_in_the_description() -> None:
    schemas = openapi()["components"]["schemas"]
    search = schemas["SearchRequest"]["properties"]

    assert (search["k"]["minimum"], search["k"]["maximum"], search["k"]["default"]) == (1, 1000, 10)
    assert (search["facets"]["maxItems"], search["predict"]["maxItems"]) == (20, 20)
    assert [one.get("maxItems") for one in search["ids"]["anyOf"]] == [50_000, None]
    assert schemas["SearchesRequest"]["properties"]["queries"]["maxItems"] == 10


def test_what_a_picture_is_asked_with_stands_in_the_query_string() -> None:
    post = openapi()["paths"]["/v1/search"]["post"]
    found = {one["name"]: one for one in post["parameters"]}

    assert set(found) & set(parameters.QUERIES) == {"text"}
    assert found["ids"]["schema"] == {**found["ids"]["schema"], "type": "array"}
    assert found["ids"]["explode"] is False
    assert found["filter"]["content"]["application/json"]["schema"]["type"] == "object"
    assert {"application/json", "image/jpeg"} <= set(post["requestBody"]["content"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_problem_stands_under_its_status(route: object) -> None:
    assert isinstance(route, type(ROUTES[0]))
    answers = openapi()["paths"][route.path][route.method.lower()]["responses"]
    problems: tuple[type[TonariError], ...] = (*route.problems, TonariError)
    for problem in problems:
        assert f"`{problem.slug}`" in answers[str(problem.status)]["description"]


def test_the_contract_and_the_rooms_below_the_application_agree() -> None:
    assert parameters.VOTERS == attributes.VOTERS
    assert tuple(FORMATS) == parameters.PICTURE_TYPES
