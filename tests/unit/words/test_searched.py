"""Which fields are searched by words, and what items are found by."""

from __future__ import annotations

import json

import pytest

from tonari.errors import InvalidCatalogueError
from tonari.fields.schema import Field, Schema, parse_schema
from tonari.words.searched import TITLE_WEIGHT, searched_of


def test_texts_and_lists_of_texts_are_searched_titles_first() -> None:
    kinds = {"price": "number", "tags": "strings", "productDisplayName": "string", "text": "string", "day": "date"}
    schema = Schema({name: Field(kind) for name, kind in kinds.items()})  # type: ignore[arg-type]

    assert searched_of(schema).weights == {"productDisplayName": TITLE_WEIGHT, "tags": 1, "text": 1}


def test_the_schema_switches_fields_off_and_hidden_ones_are() -> None:
    about = {
        "name": {"type": "string"},
        "text": {"type": "string", "searched": False},
        "supplier": {"type": "string", "returned": False},
        "synonyms": {"type": "strings", "returned": False, "searched": True},
    }
    schema = parse_schema(json.dumps({"fields": about}).encode())

    assert list(searched_of(schema).weights) == ["name", "synonyms"]
    with pytest.raises(InvalidCatalogueError, match="searched"):
        parse_schema(b'{"fields": {"text": {"type": "string", "searched": "no"}}}')


def test_words_of_titles_count_more_often() -> None:
    searched = searched_of(Schema({"name": Field("string"), "tags": Field("strings"), "price": Field("number")}))

    found = searched.found_by(
        "SKU 1", {"id": "SKU 1", "name": "Red boot", "tags": ["new", 38], "price": 7, "other": "x"}
    )

    assert found.id == "sku 1"
    assert sorted(found.terms) == sorted([*["red", "boot"] * TITLE_WEIGHT, "new", "38"])


@pytest.mark.parametrize(
    "value",
    ["https://shop.example/red-boots", "www.shop.example/red", "red_boot.JPG", "n/a", 5e400, None, {"a": "red"}],
)
def test_addresses_names_of_files_and_no_values_are_not_searched(value: object) -> None:
    assert searched_of(Schema({"name": Field("string")})).found_by("1", {"name": value}).terms == []
