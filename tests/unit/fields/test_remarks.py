from __future__ import annotations

import pytest

from tonari.fields.remarks import remarks
from tonari.fields.schema import Field, Schema

SCHEMA = Schema({"price": Field("number"), "color": Field("string", attribute=True), "product": Field("string")})
SPLIT = Schema(SCHEMA.fields, split_by="product")


def test_nothing_is_said_of_a_document_that_will_be_used_as_it_is() -> None:
    document = {"id": "x", "images": ["front.jpg", "sub/back.jpg"], "price": 5, "color": None, "product": "p"}

    assert remarks(SPLIT, document) == {}


def test_a_value_of_the_wrong_type() -> None:
    assert remarks(SCHEMA, {"price": "cheap"}) == {
        "price": "price is a number field; 'cheap' is no number, so filters and facets will treat this item as having "
        "no price."
    }


def test_a_field_that_the_snapshot_does_not_know() -> None:
    assert remarks(SCHEMA, {"colour": "red", "weight": 5, "gone": None}) == {
        "colour": "colour is no field of the live snapshot: filters know it after the next rebuild; did you mean "
        "'color'?",
        "weight": "weight is no field of the live snapshot: filters know it after the next rebuild.",
    }


@pytest.mark.parametrize("name", ["https://shop.example/a.jpg", "images/x/a.jpg", ""])
def test_an_image_that_is_no_name(name: str) -> None:
    said = remarks(SCHEMA, {"images": ["front.jpg", name]})["images"]

    assert f"{name!r} is no name of an image, such as 'front.jpg'" in said


@pytest.mark.parametrize("document", [{}, {"product": None}, {"product": ""}])
def test_a_missing_product(document: dict[str, object]) -> None:
    assert "will count as a product of its own" in remarks(SPLIT, document)["product"]
    assert remarks(SCHEMA, document) == {}


def test_a_product_that_stands_for_a_missing_one() -> None:
    assert "will count as a product of its own" in remarks(SPLIT, {"product": "NaN"})["product"]
    assert "'NaN' stands for a missing value" in remarks(SCHEMA, {"product": "NaN"})["product"]


def test_a_text_that_stands_for_a_missing_value_is_named_with_the_remedy() -> None:
    schema = Schema({"brand": Field("string", attribute=True), "maker": Field("string", missing=())})

    assert remarks(schema, {"brand": "None", "maker": "None"}) == {
        "brand": "brand is a string field; 'None' stands for a missing value (if it is a real one, set \"missing\": [] "
        "for the field in schema.json), so filters and facets will treat this item as having no brand and predictions "
        "will not learn from this item."
    }
