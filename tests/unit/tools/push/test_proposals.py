"""Rows that cannot be of one item stop a push; what would come out of each way to read them is shown and is true."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from folders import put, table
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue
from tonari_tools.push.proposals import UndecidedError

Row = dict[str, str]
COLORS, VIEWS = ("red", "blue"), ("main", "back")


def shop(folder: Path, products: int = 12, place: str = "{product}/{color}-{view}.jpg") -> Path:
    """Pictures of products in two colours, two views each, and a table with a row a picture."""
    rows = [
        {
            "path": place.format(product=f"P{number}", color=color, view=view, letter="mw"[number % 2]),
            "product": f"P{number}",
            "name": f"Hoodie {number}",
            "category": f"kind {number % 3}",
            "color": color,
            "price": f"{number}9",
            "view": view,
        }
        for number in range(products)
        for color in COLORS
        for view in VIEWS
    ]
    write(folder, rows)
    return put(folder, *(row["path"] for row in rows))


def write(folder: Path, rows: Sequence[Row], name: str = "items.csv") -> None:
    text = io.StringIO()
    lines = csv.DictWriter(text, rows[0])
    lines.writeheader()
    lines.writerows(rows)
    table(folder, text.getvalue(), name)


def rows_of(folder: Path) -> list[Row]:
    return list(csv.DictReader((folder / "items.csv").read_text().splitlines()))


def stopped(folder: Path, how: Reading) -> UndecidedError:
    with pytest.raises(UndecidedError) as error:
        read_catalogue(folder, how)
    return error.value


def read(folder: Path, how: Reading) -> LocalCatalogue:
    return read_catalogue(folder, how)


def test_pictures_stored_by_letters_stop_and_the_columns_of_the_item_are_proposed_first(tmp_path: Path) -> None:
    shop(tmp_path, place="{letter}/{product}-{color}_{view}.jpg")
    error = stopped(tmp_path, Reading())
    assert [(one.flags, len(one.outcome.items)) for one in error.proposals] == [
        ("--id product,color", 24),
        ("--folders ignore", 48),
        ("--folders items", 2),
    ]
    lines = error.detail.split("\n")
    assert " ".join(lines[2].split()) == "option items pictures rows of one differ in for example"
    assert lines[3].startswith("--id product,color  24     2 each    view ")
    assert "P0-red: P0-red_main.jpg, P0-red_back.jpg" in lines[3]
    assert lines[-1] == "Nothing was sent: add one of these options."


def test_what_is_proposed_comes_out_when_it_is_said(tmp_path: Path) -> None:
    shop(tmp_path, place="{letter}/{product}-{color}_{view}.jpg")
    for one in stopped(tmp_path, Reading()).proposals:
        assert read(tmp_path, one.how).made == one.outcome


def test_an_id_column_under_which_nearly_all_differs_stops(tmp_path: Path) -> None:
    shop(tmp_path)
    error = stopped(tmp_path, Reading(id_columns=("category",)))
    assert "an item is named by the column category, but its rows differ in 4 of 4 columns" in error.detail
    flags = [one.flags for one in error.proposals]
    assert flags == ["--id product,color", "--folders ignore", "--id category --folders items"]


def test_folders_of_dates_are_no_items_if_their_rows_differ_in_the_only_column(tmp_path: Path) -> None:
    names = [f"2024-0{month}/IMG_{month}{number}.jpg" for month in (1, 2) for number in range(4)]
    put(tmp_path, *names)
    table(
        tmp_path, "path,label\n" + "\n".join(f"{name},{'dress' if n % 2 else 'shoe'}" for n, name in enumerate(names))
    )
    error = stopped(tmp_path, Reading())
    assert (
        "an item is named by the folder of the picture, but its rows differ in 1 of 1 columns (label)" in error.detail
    )
    assert [(one.flags, len(one.outcome.items)) for one in error.proposals] == [
        ("--folders classes", 8),
        ("--folders ignore", 8),
        ("--folders items", 2),
    ]


def test_ids_that_name_pictures_in_a_folder_leave_no_doubt_about_it(tmp_path: Path) -> None:
    put(tmp_path, *(f"images/010/0108775{number}.jpg" for number in range(9)))
    table(tmp_path, "article_id,color\n" + "".join(f"0108775{number},red\n" for number in range(9)))
    assert [item.id for item in read(tmp_path, Reading()).items] == [f"0108775{number}" for number in range(9)]


def test_one_folder_and_the_parts_of_a_collection_are_hardly_classes(tmp_path: Path) -> None:
    put(tmp_path, *(f"{part}/{number:03}.jpg" for part in ("train", "test") for number in range(9)))
    table(tmp_path, "file_name,label\n", "train/metadata.csv")
    error = stopped(tmp_path, Reading())
    assert [one.flags for one in error.proposals] == ["--folders ignore", "--folders items", "--folders classes"]
    assert f"1 table in a subfolder: train/metadata.csv. Not read unless you say --metadata {tmp_path}" in error.detail


def test_a_picture_in_two_rows_that_differ_is_said_and_not_put_down_to_folders(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    table(tmp_path, "image,x,y\na.jpg,1,2\na.jpg,3,4\nb.jpg,5,6\n")
    with pytest.raises(
        InvalidCatalogueError, match=r"1 of 3 rows have the same picture .* differ in x, y\. .* --skip-bad-rows"
    ):
        read(tmp_path, Reading())
    assert len(read(tmp_path, Reading(skip_bad_rows=True)).items) == 2


def test_the_owner_may_insist(tmp_path: Path) -> None:
    shop(tmp_path)
    catalogue = read(tmp_path, Reading(id_columns=("category",), folders="items"))
    assert len(catalogue.items) == 3
    assert any(note.startswith("Rows of the same item differ in ") for note in catalogue.notes)


def test_a_column_named_id_that_is_none_stops(tmp_path: Path) -> None:
    shop(tmp_path)
    write(tmp_path, [{**row, "id": row["category"]} for row in rows_of(tmp_path)])
    assert [(one.flags, len(one.outcome.items)) for one in stopped(tmp_path, Reading()).proposals] == [
        ("--id product,color", 24),
        ("--id path", 48),
        ("--folders items", 3),
    ]


def test_where_a_column_or_two_differ_the_first_row_counts_and_the_better_id_is_named(tmp_path: Path) -> None:
    shop(tmp_path)
    catalogue = read(tmp_path, Reading(id_columns=("product",)))
    assert len(catalogue.items) == 12
    (note,) = [note for note in catalogue.notes if note.startswith("Rows of")]
    assert note == (
        "Rows of the same item differ in color (24 rows), view (24 rows): the first row of an item is used. If these "
        "are different items: --id product,color"
    )


def test_rows_that_leave_the_item_s_fields_empty_are_no_doubt(tmp_path: Path) -> None:
    """Shop systems write the fields of a product in its first row, and further pictures below."""
    shop(tmp_path)
    rows = rows_of(tmp_path)
    later = [row["product"] == before["product"] for row, before in zip(rows[1:], rows, strict=False)]
    kept = ("path", "product")
    write(
        tmp_path,
        [
            {name: text if name in kept or not is_later else "" for name, text in row.items()}
            for row, is_later in zip(rows, [False, *later], strict=True)
        ],
    )
    catalogue = read(tmp_path, Reading(id_columns=("product",)))
    assert [len(item.views) for item in catalogue.items] == [4] * 12
    assert catalogue.items[3].fields is not None
    assert catalogue.items[3].fields["name"] == "Hoodie 3"
    assert not any(note.startswith("Rows of") for note in catalogue.notes)


def test_views_of_an_item_are_no_doubt(tmp_path: Path) -> None:
    shop(tmp_path)
    catalogue = read(tmp_path, Reading(id_columns=("product", "color")))
    assert "Rows of the same item differ in view (24 rows): the first row of an item is used" in catalogue.notes


def test_a_few_repeated_ids_are_slips_and_no_doubt(tmp_path: Path) -> None:
    shop(tmp_path, 40)
    rows = rows_of(tmp_path)
    write(tmp_path, [{**row, "id": f"{max(number, 2)}"} for number, row in enumerate(rows)])
    catalogue = read(tmp_path, Reading())
    assert len(catalogue.items) == len(rows) - 2
    assert any(note.startswith("Rows of the same item differ in ") for note in catalogue.notes)


def test_json_lines_are_looked_at_too(tmp_path: Path) -> None:
    shop(tmp_path, place="{letter}/{product}-{color}_{view}.jpg")
    lines = [json.dumps(row) for row in rows_of(tmp_path)]
    table(tmp_path, "\n".join(lines), "t.jsonl")
    error = stopped(tmp_path, Reading(metadata=tmp_path / "t.jsonl"))
    assert error.proposals[0].how.id_columns == ("product", "color")


def test_variants_are_named_until_split_by_is_said(tmp_path: Path) -> None:
    shop(tmp_path)
    how = Reading(id_columns=("product", "color"))
    (note,) = [note for note in read(tmp_path, how).notes if "variants" in note]
    assert note.startswith(
        "Items of the same product are variants of one product: they share name, category, price, and "
    )
    assert '--split-by product keeps them together (in schema.json: "split_by": "product")' in note
    said = read(tmp_path, Reading(id_columns=("product", "color"), split_by="product"))
    assert said.schema == b'{"split_by": "product"}'
    assert not any("variants" in note for note in said.notes)


def test_split_by_is_added_to_the_schema_that_is_there(tmp_path: Path) -> None:
    shop(tmp_path)
    table(tmp_path, '{"fields": {"color": {"type": "string", "attribute": true}}}', "schema.json")
    catalogue = read(tmp_path, Reading(id_columns=("product", "color"), split_by="product"))
    assert json.loads(catalogue.schema or b"") == {
        "fields": {"color": {"type": "string", "attribute": True}},
        "split_by": "product",
    }
    table(tmp_path, '{"split_by": "name"}', "schema.json")
    assert not any("variants" in note for note in read(tmp_path, Reading(id_columns=("product", "color"))).notes)


def test_split_by_needs_a_field_that_is_there(tmp_path: Path) -> None:
    shop(tmp_path)
    with pytest.raises(
        InvalidCatalogueError, match="--split-by prodct: no item has this field; there are product, name"
    ):
        read(tmp_path, Reading(id_columns=("product", "color"), split_by="prodct"))
