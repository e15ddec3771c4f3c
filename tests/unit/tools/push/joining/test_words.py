"""Tables of words alone: rows become items without a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from folders import put
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import BY_DEFAULT, Reading
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue
from tonari_tools.push.preview import preview
from tonari_tools.tables import plain

ARTICLES = "doc,title,text,topic\n1,Boats,They float.,sea\n2,Hills,They do not.,land\n"


def read(folder: Path, text: str, how: Reading = BY_DEFAULT, name: str = "articles.csv") -> LocalCatalogue:
    (folder / name).write_text(text)
    return read_catalogue(folder / name, how)


def documents(catalogue: LocalCatalogue) -> dict[str, object]:
    return {item.id: json.loads(item.document() or b"") for item in catalogue.items}


@pytest.mark.parametrize("whole", [True, False])
def test_a_table_alone_and_a_folder_that_holds_no_picture_give_items_without_pictures(
    tmp_path: Path, *, whole: bool
) -> None:
    found = read(tmp_path, ARTICLES)
    if whole:
        found = read_catalogue(tmp_path)
    assert documents(found) == {
        "1": {"id": "1", "doc": 1, "title": "Boats", "text": "They float.", "topic": "sea"},
        "2": {"id": "2", "doc": 2, "title": "Hills", "text": "They do not.", "topic": "land"},
    }
    assert not any(item.views for item in found.items)
    assert found.notes == ("The ids are those of the column 'doc' (--id COLUMN uses another one)",)
    shown = "\n".join(plain(part) for part in preview(found) if not isinstance(part, str))
    assert "none: items are found by their words" in shown
    assert "title, text" in shown
    assert "picture," not in shown


def test_a_table_alone_leaves_pictures_beside_it_where_they_are(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg")
    assert not any(item.views for item in read(tmp_path, ARTICLES).items)


def test_ids_are_those_that_are_said_or_named_and_else_the_lines(tmp_path: Path) -> None:
    said = read(tmp_path, ARTICLES, Reading(id_columns=("title",)))
    assert [item.id for item in said.items] == ["Boats", "Hills"]
    assert said.notes == ()
    named = read(tmp_path, "title,sku\nA long way,x1\nAnother way,x2\n")
    assert [item.id for item in named.items] == ["x1", "x2"]
    without = read(tmp_path, "title,topic\nA long way,sea\nAnother way,sea\n")
    assert [item.id for item in without.items] == ["row-2", "row-3"]
    assert "rows are numbered" in without.notes[0]


def test_addresses_of_pictures_are_fields_and_names_of_files_are_missed(tmp_path: Path) -> None:
    found = read(tmp_path, "id,title,image_url\n1,Boats,https://x.org/1.jpg\n")
    assert documents(found)["1"] == {"id": "1", "title": "Boats", "image_url": "https://x.org/1.jpg"}
    assert "not fetched" in found.notes[0]
    with pytest.raises(InvalidCatalogueError, match=r"1\.jpg"):
        read(tmp_path, "id,title,image\n1,Boats,1.jpg\n")


def test_two_rows_of_one_id_are_refused_or_left_out(tmp_path: Path) -> None:
    twice = "id,title\n1,Boats\n1,Hills\n2,Seas\n"
    with pytest.raises(InvalidCatalogueError, match="'1' is in line 2 already"):
        read(tmp_path, twice)
    found = read(tmp_path, twice, Reading(skip_bad_rows=True))
    assert [item.id for item in found.items] == ["1", "2"]


def test_rows_without_words_still_want_pictures(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match="there is no picture of 'A'"):
        read(tmp_path, "id,color\nA,red\n")


def test_the_schema_beside_the_table_says_which_fields_hold_words(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"passages": {"title": "color"}}')
    found = read(tmp_path, "id,color\nA,red\n")
    assert found.schema is not None
    assert [item.id for item in found.items] == ["A"]


def test_json_lines_are_read_alike(tmp_path: Path) -> None:
    found = read(tmp_path, '{"id": "a", "headline": "Boats", "body": ["One.", "Two."]}\n', name="articles.jsonl")
    assert documents(found)["a"] == {"id": "a", "headline": "Boats", "body": ["One.", "Two."]}
