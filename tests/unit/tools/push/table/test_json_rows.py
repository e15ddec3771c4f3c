"""Rows as JSON."""

from __future__ import annotations

import json

import pytest

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.json_rows import read_json_rows

ROWS = [{"id": "a", "price": 5}, {"id": "b", "sizes": [38, 39]}]


@pytest.mark.parametrize(
    "text",
    [
        "".join(json.dumps(row) + "\n" for row in ROWS),
        "\n".join(json.dumps(row) + "\r\n" for row in ROWS),
        "\r".join(json.dumps(row) for row in ROWS),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        " \n[\n" + ",\n".join(json.dumps(row) for row in ROWS) + "\n]\n",
    ],
)
def test_an_object_a_line_and_a_list_of_objects_are_the_same(text: str) -> None:
    found = read_json_rows("t.json", text)
    assert (list(found.rows), found.columns, found.bad) == (ROWS, ("id", "price", "sizes"), ())


def test_null_and_empty_texts_are_no_values() -> None:
    assert read_json_rows("t.jsonl", '{"id": "a", "x": null, "y": "", "z": 0, "f": false}').rows == (
        {"id": "a", "z": 0, "f": False},
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[1]", "each line must hold one JSON object"),
        ("{", "not JSON at character 2"),
        ("{'a': 1}", "double quotes"),
        ('{"a": NaN}', "NaN is not a finite number; write null where there is no value"),
        ('{"a": Infinity}', "Infinity is not a finite number"),
        ('{"a": 1e400}', "not a finite number"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"x": "cut \\ud83d"}', "half a surrogate pair"),
        ('{"cut \\ud83d": 1}', "half a surrogate pair"),
        ('{"x": ["ok", "\\ude00"]}', "half a surrogate pair"),
        ('{"size": {"w": 1}}', "'size' is an object; documents are flat: write each part as a field, such as 'size_w'"),
        ('{"": 1}', "a field has no name"),
        ('{"caf\\u00e9": 1, "cafe\\u0301": 2}', "one name in two normal forms"),
        ("[" * 100_000, "lists and objects|nested"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_the_others_are_read(line: str, why: str) -> None:
    found = read_json_rows("t.jsonl", f'{{"id": "a"}}\n\n{line}\n{{"id": "b"}}\n')
    ((bad),) = found.bad
    assert bad.line == 3
    assert any(part in bad.why for part in why.split("|"))
    assert (found.rows, found.lines) == (({"id": "a"}, {"id": "b"}), (1, 4))


def test_a_separator_of_lines_within_a_text_ends_no_row() -> None:
    assert read_json_rows("t.jsonl", '{"id": "a\u2028b"}').rows == ({"id": "a\u2028b"},)


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    assert read_json_rows("t.jsonl", '{"x": "\\ud83d\\ude00"}').rows == ({"x": "\U0001f600"},)


def test_bad_elements_of_a_list_are_named_with_their_lines() -> None:
    found = read_json_rows("t.json", '[{"id": "a"},\n {"id": NaN},\n 5,\n {"id": "b"}]')
    assert [one.line for one in found.bad] == [2, 3]
    assert found.lines == (1, 4)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[{"id": 1},\n {"id": }]', "line 2: this element of the list is not JSON"),
        ('[{"id": 1}\n {"id": 2}]', "line 1: after this element"),
        ('[{"id": 1},', "line 1: this element"),
        ('{\n "items": [{"id": 1}]\n}', "is one object: write an object a line, or a list of objects"),
        ('{"items": [{"id": 1}]}', "is one object: write an object a line"),
        ('{"id": ["a", "b"], "price": [1, 2]}', "is one object: write an object a line"),
        ('{"id": "a", "a\\u0007b": 1}', "control character"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(text: str, error: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=error):
        read_json_rows("t.json", text)
