from __future__ import annotations

import json
import math
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.contract.artefacts import PassageFields
from tonari.contract.engine import FieldType
from tonari.contract.normal_form import nfc
from tonari.errors import InvalidCatalogueError
from tonari.fields.kinds import INEXACT, kind_of
from tonari.fields.label_like import MOST_CLASSES
from tonari.fields.schema import (
    RESERVED,
    Field,
    Schema,
    infer_schema,
    parse_schema,
    schema_of,
    values_of,
)
from tonari.fields.unusable import unusable_values

NAMES = st.text(max_size=6).map(nfc).filter(lambda name: name not in RESERVED)
FIELDS = st.one_of(
    st.builds(Field, st.sampled_from(get_args(FieldType)), st.just(False), st.booleans(), st.booleans()),
    st.builds(Field, st.sampled_from(["string", "boolean"]), st.booleans(), st.booleans(), st.booleans()),
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.text(max_size=2))


def infer(*values: Any) -> Field | None:
    return infer_schema([{"id": str(number), "f": value} for number, value in enumerate(values)]).fields.get("f")


def parse(raw: Any, *documents: dict[str, Any]) -> Schema:
    return parse_schema(json.dumps(raw).encode(), documents)


@given(st.builds(Schema, st.dictionaries(NAMES, FIELDS, max_size=5), st.text(max_size=4).map(nfc)))
@settings(max_examples=100, deadline=None)
def test_round_trip(schema: Schema) -> None:
    assert parse(msgspec.to_builtins(schema)) == schema


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES), max_size=12))
@settings(max_examples=100, deadline=None)
def test_what_is_inferred_can_be_written_down(documents: list[dict[str, Any]]) -> None:
    schema = infer_schema(documents)

    assert parse(msgspec.to_builtins(schema), *documents) == schema
    known = {name for one in documents for name, value in one.items() if kind_of(value) or isinstance(value, list)}
    assert set(schema.fields) == known


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], "number"),
        ([True, False], "boolean"),
        (["a", "b"], "string"),
        ([["a"], []], "strings"),
        (["a", ["b"]], "strings"),
        (["a", 5], "string"),
        ([True, 5], "string"),
        (["2026-01-31", "2026-02-01T10:00:00Z"], "date"),
        (["2026-01-31", "soon"], "string"),
        (["2026-01-32"], "string"),
        (["2026-01-31", 5], "string"),
        (["2026-01-31", ""], "date"),
        ([5, ""], "number"),
        ([""], "string"),
        ([[]], "strings"),
        ([[38, 39.5], [40]], "strings"),
        ([["38", 39]], "strings"),
        ([[None], [[1]]], "strings"),
        ([4006381333931, 40063813339310], "number"),
        ([2**53, 2**53 + 1, 2**53 + 2], "string"),
        ([-(2**53) - 1], "string"),
        ([2**60, 2**61], "number"),
        ([*range(100), 2**53 + 1], "number"),
        ([2**53 + 1, 5, True], "string"),
        ([2**53 + 1, ["a"]], "strings"),
    ],
)
def test_types_are_inferred(values: list[Any], kind: str) -> None:
    field = infer(*values)

    assert field
    assert (field.type, field.filterable, field.returned) == (kind, True, True)


@pytest.mark.parametrize("value", [None, {}, math.nan, math.inf, 10**400])
def test_what_has_no_type_makes_no_field(value: Any) -> None:
    assert kind_of(value) is None
    assert infer(value) is None


def test_id_and_images_are_no_fields() -> None:
    assert infer_schema([{"id": "a", "images": ["front.jpg"]}]).fields == {}


@pytest.mark.parametrize(
    ("values", "attribute"),
    [
        (["red"] * 5 + ["blue"] * 5, True),
        (["red"] * 9 + ["blue"], True),
        (["red"] * 4 + ["blue"] * 5, False),
        (["red"] * 20, False),
        (["x" * 64] * 5 + ["blue"] * 5, True),
        (["x" * 65] * 5 + ["blue"] * 5, False),
        ([f"type {number % 142}" for number in range(5 * 142)], True),
        ([f"c{number % MOST_CLASSES}" for number in range(5 * MOST_CLASSES)], True),
        ([f"c{number % (MOST_CLASSES + 1)}" for number in range(5 * MOST_CLASSES + 5)], False),
        ([True, False] * 10, False),
        (["2026-01-31", "2026-02-01"] * 10, False),
        ([["red"], ["blue"]] * 10, False),
    ],
)
def test_attributes_are_inferred(values: list[Any], attribute: bool) -> None:  # noqa: FBT001
    field = infer(*values)

    assert field
    assert field.attribute is attribute


AS_PROGRAMS_WRITE_IT = {
    "pandas": "nan NaN None NaT <NA> N/A n/a NULL null #N/A -nan 1.#QNAN",
    "R": "NA <NA> NaN",
    "Excel": "#N/A #REF! #VALUE! #DIV/0! #NAME? #NUM! #NULL! (blank)",
    "SQL": "NULL \\N (null) null",
    "JavaScript": "undefined NaN null",
    "people": "- -- \u2014 ? unknown Unknown UNKNOWN none nil unspecified n.a.",
}


@pytest.mark.parametrize("text", [text for texts in AS_PROGRAMS_WRITE_IT.values() for text in texts.split()])
def test_what_stands_for_a_missing_value_is_none(text: str) -> None:
    assert values_of(text, Field("string")) == ()
    assert values_of(f" {text} ", Field("string", attribute=True)) == ()
    assert values_of(["red", text], Field("strings")) == ("red",)
    assert infer(*["red"] * 5, *["blue"] * 5, *[text] * 30) == Field("string", attribute=True)
    assert infer(*["red"] * 9, *[text] * 9) == Field("string")
    assert infer(5, 7.5, text) == Field("number")


@pytest.mark.parametrize("text", ["Nano", "Nancy", "Nanette", "unknown pleasures", "no", "0", "non", "NaCl", "N", "A"])
def test_a_text_that_only_looks_like_it_is_a_value(text: str) -> None:
    assert values_of(text, Field("string")) == (text,)


def test_what_stands_for_a_missing_value_can_be_said() -> None:
    schema = parse(
        {
            "fields": {
                "brand": {"type": "string", "attribute": True, "missing": []},
                "state": {"type": "string", "missing": ["Various", "n/a"]},
                "tags": {"type": "strings", "missing": []},
            }
        }
    )
    brand, state, tags = (schema.fields[name] for name in ("brand", "state", "tags"))

    assert values_of("None", brand) == ("None",)
    assert values_of(["NA", "new"], tags) == ("NA", "new")
    assert [values_of(text, state) for text in ("various", "N/A", "NA", "Ohio")] == [(), (), ("NA",), ("Ohio",)]


def test_a_schema_is_read_back_as_it_was() -> None:
    documents = [{"brand": f"b{number % 300}", "color": "NA"} for number in range(900)]
    schema = parse({"fields": {"color": {"type": "string", "attribute": True, "missing": ["Various"]}}}, *documents)

    assert schema_of(json.loads(msgspec.json.encode(schema))) == schema


def test_a_field_that_repeats_as_labels_do_says_why_it_is_not_predicted() -> None:
    documents = [{"brand": f"b{number % 300}", "sku": str(number), "note": "x"} for number in range(900)]

    assert {name: field.unpredicted for name, field in infer_schema(documents).fields.items()} == {
        "brand": "300 values, 3.0 items each: fewer than 5",
        "note": "",
        "sku": "",
    }
    for stated in ({"type": "string"}, {"type": "string", "attribute": True}):
        assert parse({"fields": {"brand": stated}}, *documents).fields["brand"].unpredicted == ""


def test_what_is_named_wins_over_what_is_inferred() -> None:
    schema = parse(
        {"fields": {"price": {"type": "string", "filterable": False}}, "split_by": "sku"}, {"price": 5, "size": 3}
    )

    assert schema == Schema({"price": Field("string", filterable=False), "size": Field("number")}, "sku")


def test_names_of_attributes() -> None:
    schema = Schema({"a": Field("string", attribute=True), "b": Field("number"), "c": Field("boolean", attribute=True)})

    assert schema.attributes == ("a", "c")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([], "schema.json must be"),
        ("fields", "schema.json must be"),
        ({"fields": []}, "schema.json must be"),
        ({"fields": {"a": "number"}}, "schema.json must be"),
        ({"field": {}}, r"not \['field'\]"),
        ({"split_by": 5}, "split_by"),
        ({"fields": {"id": {"type": "string"}}}, "'id' is not a field of its own"),
        ({"fields": {"images": {"type": "strings"}}}, "'images' is not a field of its own"),
        ({"fields": {"a": {}}}, "'a' has type None; known are number, string"),
        ({"fields": {"a": {"type": "integer"}}}, "'a' has type 'integer'"),
        ({"fields": {"a": {"type": ["number"]}}}, "'a' has type"),
        ({"fields": {"a": {"type": "number", "filterable": 1}}}, "filterable"),
        ({"fields": {"a": {"type": "number", "shown": True}}}, "shown"),
        ({"fields": {"a": {"type": "string", "precision": 1.5}}}, "'a' has precision 1.5; it is a share"),
        ({"fields": {"a": {"type": "string", "precision": True}}}, "'a' has precision True"),
        ({"fields": {"a": {"type": "string", "missing": "NA"}}}, "'a' has missing 'NA'; it is a list of the texts"),
        ({"fields": {"a": {"type": "string", "missing": [1]}}}, "it is a list of the texts"),
        ({"fields": {"a": {"type": "number", "missing": []}}}, "'a' is number; only string and strings fields"),
        ({"fields": {"a": {"type": "number", "attribute": True}}}, "'a' is number; only string, strings and boolean"),
    ],
)
def test_another_form_is_refused(raw: Any, says: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=says):
        parse(raw)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 50_000, b'{"split_by": NaN}'])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidCatalogueError, match=r"schema\.json"):
        parse_schema(data)


@pytest.mark.parametrize("data", ['{"fields": {"cafe\u0301": {"type": "string"}}, "split_by": "cafe\u0301"}'])
def test_names_are_taken_in_nfc(data: str) -> None:
    schema = parse_schema(data.encode(), [])

    assert (set(schema.fields), schema.split_by) == ({"café"}, "café")


def test_two_names_that_are_one_are_refused_naming_both() -> None:
    with pytest.raises(InvalidCatalogueError, match=r"'caf\\xe9' and 'cafe\\u0301' are one name"):
        parse({"fields": {"café": {"type": "string"}, "cafe\u0301": {"type": "number"}}})


STANDS_FOR_MISSING = 'stands for a missing value (if it is a real one, set "missing": [] for the field in schema.json)'
UNUSABLE: list[tuple[FieldType, Any, str]] = [
    ("number", "cheap", "'cheap' is no number"),
    ("number", "NaN", "'NaN' is no number"),
    ("number", "1e999", "'1e999' is no number"),
    ("number", "19.90", "'19.90' is text (write the number without quotes)"),
    ("number", True, "true is no number"),
    ("number", [5], "[5] is a list (write one value)"),
    ("number", 2**53 + 1, f"9007199254740993 {INEXACT}"),
    ("number", -(10**30) - 1, f"-1000000000000000000000000000001 {INEXACT}"),
    ("number", 10**400, f"1{'0' * 39}… {INEXACT}"),
    ("number", "9007199254740993", f"'9007199254740993' {INEXACT}"),
    ("number", "+1000", "'+1000' is text (write the number without quotes)"),
    ("number", "0" * 5000, f"'{'0' * 40}…' is text (write the number without quotes)"),
    ("date", "31.12.2026", "'31.12.2026' is no ISO 8601 date such as 2026-01-31"),
    ("date", "2026-02-30", "'2026-02-30' is no ISO 8601 date such as 2026-01-31"),
    ("date", 1767139200, "1767139200 is no ISO 8601 date such as 2026-01-31"),
    ("boolean", "true", "'true' is text (write true without quotes)"),
    ("boolean", "yes", "'yes' is neither true nor false"),
    ("boolean", 1, "1 is neither true nor false"),
    ("string", ["red", "blue"], '["red", "blue"] is a list (write one value)'),
    ("string", "NaN", f"'NaN' {STANDS_FOR_MISSING}"),
    ("strings", "None", f"'None' {STANDS_FOR_MISSING}"),
    ("strings", ["n/a", "-"], f'["n/a", "-"] {STANDS_FOR_MISSING}'),
    ("strings", True, "true is neither a text, a number nor a list of them"),
    ("strings", ["a", None], '["a", null] holds something other than texts and numbers'),
    ("strings", [["a"]], '[["a"]] holds something other than texts and numbers'),
]


@pytest.mark.parametrize(("kind", "value", "what"), UNUSABLE)
def test_what_is_wrong_with_a_value(kind: FieldType, value: Any, what: str) -> None:
    found = unusable_values(Schema({"f": Field(kind)}), {"id": "x", "f": value})

    lost = "filters and facets will treat this item as having no f"
    assert found == {"f": f"f is a {kind} field; {what}, so {lost}."}


@given(st.sampled_from(get_args(FieldType)), VALUES | st.lists(st.integers() | st.text(max_size=2)))
@settings(max_examples=300, deadline=None)
def test_a_value_is_used_or_empty_or_named(kind: FieldType, value: Any) -> None:
    about = Field(kind)

    found = unusable_values(Schema({"f": about}), {"f": value})

    assert bool(found) + bool(values_of(value, about)) == (
        value not in (None, "", []) or value in values_of(value, about)
    )


def test_what_follows_from_a_wrong_value_depends_on_the_use_of_the_field() -> None:
    fields = {
        "color": Field("string", attribute=True),
        "kind": Field("string", attribute=True, filterable=False),
        "note": Field("string", filterable=False),
    }

    found = unusable_values(Schema(fields), {"note": ["a"], "kind": ["b"], "color": ["c"], "new": {"d": 1}, "id": "x"})

    assert found == {
        "kind": 'kind is a string field; ["b"] is a list (write one value), so predictions will not learn from this '
        "item.",
        "color": 'color is a string field; ["c"] is a list (write one value), so filters and facets will treat this '
        "item as having no color and predictions will not learn from this item.",
    }


def test_fields_of_passages_are_named_one_or_several() -> None:
    said = parse_schema(b'{"passages": {"title": "headline", "text": ["intro", "body"]}}')
    assert said.passages == PassageFields(("headline",), ("intro", "body"))
    assert schema_of(json.loads(json.dumps(msgspec.to_builtins(said)))) == said
    assert parse_schema(b"{}").passages == PassageFields()


@pytest.mark.parametrize(
    "said", ["[]", '{"body": "x"}', '{"title": 5}', '{"text": ["images"]}', '{"text": [""]}', "null"]
)
def test_passages_of_another_form_are_refused(said: str) -> None:
    with pytest.raises(InvalidCatalogueError, match="passages"):
        parse_schema(f'{{"passages": {said}}}'.encode())


def test_classes_are_described_in_words() -> None:
    said = parse_schema(b'{"fields": {"style": {"attribute": true, "classes": {"boho": "a loose dress"}}}}')
    assert said.fields["style"] == Field("string", attribute=True, classes={"boho": "a loose dress"})
    assert schema_of(json.loads(json.dumps(msgspec.to_builtins(said)))) == said


@pytest.mark.parametrize(
    "about",
    [
        {"attribute": True, "classes": ["boho"]},
        {"attribute": True, "classes": {"boho": " "}},
        {"attribute": True, "classes": {"boho": 5}},
        {"classes": {"boho": "a loose dress"}},
        {"type": "boolean", "attribute": True, "classes": {"true": "yes"}},
        {"attribute": True, "classes": {str(number): "one" for number in range(1_001)}},
    ],
)
def test_descriptions_of_another_form_are_refused(about: dict[str, Any]) -> None:
    with pytest.raises(InvalidCatalogueError, match="classes"):
        schema_of({"fields": {"style": about}})
