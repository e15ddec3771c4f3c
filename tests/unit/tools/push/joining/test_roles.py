"""Which columns name the item and its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from folders import put
from tonari.errors import InvalidCatalogueError
from unit.tools.push.joining.tables import join, views

IMAGE_COLUMNS = [
    "file_name",
    "filename",
    "filepath",
    "file_path",
    "path",
    "file",
    "image",
    "images",
    "image_path",
    "imagePath",
    "Image",
    "Image Path",
    "IMAGE-FILE",
    "img",
    "picture",
    "Photo",
    "image_id",
    "Image Src",
    "relative_path",
    "file_names",
    "image_link",
    "base_image",
    "Product image URL",
    "画像",
]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return put(tmp_path, "p1.jpg", "p2.jpg")


@pytest.mark.parametrize("column", IMAGE_COLUMNS)
def test_columns_of_pictures_are_known_by_their_names(two: Path, column: str) -> None:
    joined = join(two, f"{column},label\np1.jpg,a\np2.jpg,b\n")
    assert joined.used == {"image": column}
    assert [(item.id, item.fields) for item in joined.items()] == [("p1", {"label": "a"}), ("p2", {"label": "b"})]


@pytest.mark.parametrize("column", ["id", "ID", "Id"])
def test_a_column_called_id_is_the_id_and_no_field(two: Path, column: str) -> None:
    joined = join(two, f"{column},label\np1,a\np2,b\n")
    assert joined.used == {"id": column}
    assert [(item.id, item.fields) for item in joined.items()] == [("p1", {"label": "a"}), ("p2", {"label": "b"})]


@pytest.mark.parametrize(
    "column", ["sku", "SKU", "item_id", "itemId", "product_id", "Article Number", "uuid", "Handle", "商品番号"]
)
def test_other_columns_of_ids_are_known_and_stay_fields(two: Path, column: str) -> None:
    for text in (f"{column},label\np1,a\np2,b\n", f"file_name,{column},label\np1.jpg,p1,a\np2.jpg,p2,b\n"):
        joined = join(two, text)
        assert joined.used["id"] == column
        fields = [(item.id, item.fields) for item in joined.items()]
        assert fields == [("p1", {column: "p1", "label": "a"}), ("p2", {column: "p2", "label": "b"})]


def test_rows_of_one_sku_that_agree_are_views_of_one_item(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    text = "sku,image,color,price,view\nA,1.jpg,red,5,front\nA,2.jpg,red,5,back\nB,3.jpg,blue,6,front\n"
    assert views(join(tmp_path, text).items()) == {"A": ["1.jpg", "2.jpg"], "B": ["3.jpg"]}


@pytest.mark.parametrize(
    "rows",
    ["P,1.jpg,red,S\nP,2.jpg,blue,M\n", "P,1.jpg,red,S\n,2.jpg,red,S\n"],
)
def test_a_name_that_would_make_one_item_of_unlike_rows_is_no_id(tmp_path: Path, rows: str) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    joined = join(tmp_path, f"product_id,image,color,size\n{rows}")
    assert joined.used == {"image": "image"}
    assert views(joined.items()) == {"1": ["1.jpg"], "2": ["2.jpg"]}


def test_cells_that_are_empty_in_further_rows_of_an_id_say_nothing(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    text = "Handle,Title,Type,Image Src\nred,Red,Shirt,1.jpg\nred,,,2.jpg\nhat,Hat,Hat,3.jpg\n"
    assert views(join(tmp_path, text).items()) == {"red": ["1.jpg", "2.jpg"], "hat": ["3.jpg"]}


def test_a_name_whose_cells_have_slashes_is_no_id(two: Path) -> None:
    joined = join(two, "sku,image\nA/1,p1.jpg\nA/2,p2.jpg\n")
    assert joined.used == {"image": "image"}
    assert joined.notes == ("'sku' is not taken for the id: 'A/1' has a '/'",)


def test_it_is_said_why_a_name_is_not_taken_for_the_id(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg")
    joined = join(tmp_path, "product_id,image,color,size\nP,1.jpg,red,S\nP,2.jpg,blue,M\n")
    (note,) = joined.notes
    assert note.startswith("'product_id' is not taken for the id: rows of the same product_id differ in color, size")
    assert "--id product_id" in note


def test_the_column_id_is_the_id_though_another_is_too(two: Path) -> None:
    assert join(two, "sku,id\nx1,p1\nx2,p2\n").used == {"id": "id"}
    assert join(two, "ID,id\nx1,p1\nx2,p2\n").used == {"id": "id"}


def test_of_several_columns_the_one_is_taken_that_names_pictures_in_the_folder(two: Path) -> None:
    text = "image,file\nhttps://example.com/a/,p1.jpg\nhttps://example.com/b/,p2.jpg\n"
    assert join(two, text).used == {"image": "file"}
    assert join(two, "sku,product_id\nx,p1\ny,p2\n").used == {"id": "product_id"}


@pytest.mark.parametrize(
    ("column", "cells"),
    [("image", ("https://example.com/x/9.jpg", "https://example.com/x/8.jpg")), ("photos", ("3", "2"))],
)
def test_where_a_column_does_not_look_like_pictures_they_are_found_by_id(
    two: Path, column: str, cells: tuple[str, str]
) -> None:
    put(two, "2.jpg", "3.jpg")
    joined = join(two, f"id,{column}\np1,{cells[0]}\np2,{cells[1]}\n")
    assert joined.used == {"id": "id"}
    assert views(joined.items()) == {"p1": ["p1.jpg"], "p2": ["p2.jpg"]}
    assert str((joined.items()[0].fields or {})[column]) == cells[0]
    (note,) = joined.notes
    assert note.startswith(f"Pictures are found by 'id'; the column {column!r} is kept as a field")


def test_a_column_of_pictures_that_are_not_there_is_no_reason_to_look_elsewhere(two: Path) -> None:
    with pytest.raises(InvalidCatalogueError, match=r"line 2: the picture gone\.jpg is not in"):
        join(two, "id,image\np1,gone.jpg\n").items()


def test_without_a_known_name_the_cells_decide(two: Path) -> None:
    assert join(two, "Bild,Farbe\np1.jpg,rot\np2.jpg,blau\n").used == {"image": "Bild"}
    assert join(two, "Farbe,Nummer\nrot,p1\nblau,p2\n").used == {"id": "Nummer"}
    assert join(two, "id,Bild\nA,p1.jpg\nB,p2.jpg\n").used == {"id": "id", "image": "Bild"}
    assert join(two, "sku,Nummer\nA,p1\nB,p2\n").used == {"id": "Nummer"}


def test_addresses_count_where_their_ends_are_in_the_folder(two: Path) -> None:
    text = "id,Foto URL\nA,https://example.com/i/p1.jpg?v=1\nB,https://example.com/i/gone.jpg\n"
    assert join(two, text).used == {"id": "id", "image": "Foto URL"}


def test_a_second_column_of_pictures_is_named_with_the_flag(tmp_path: Path) -> None:
    put(tmp_path, "p1.jpg", "t1.jpg")
    text = "image,thumbnail\np1.jpg,t1.jpg\n"
    (note,) = join(tmp_path, text).notes
    assert note.startswith("Pictures are those in the column 'image'; 'thumbnail' names files too and is kept")
    assert "--image thumbnail" in note
    assert views(join(tmp_path, text, image="thumbnail").items()) == {"t1": ["t1.jpg"]}


def test_a_flag_that_is_proposed_can_be_copied(tmp_path: Path) -> None:
    put(tmp_path, "p1.jpg", "t1.jpg")
    (note,) = join(tmp_path, "image,Variant Image\np1.jpg,t1.jpg\n").notes
    assert "(--image 'Variant Image' uses that one instead;" in note


def test_what_is_said_goes_before_names_and_letters_play_no_part(two: Path) -> None:
    text = "Item Code,Pic,image\nA,p1.jpg,x\nB,p2.jpg,y\n"
    joined = join(two, text, ids=["item_code"], image="pic")
    assert joined.used == {"id": "Item Code", "image": "Pic"}
    assert views(joined.items()) == {"A": ["p1.jpg"], "B": ["p2.jpg"]}


@pytest.mark.parametrize(
    ("text", "ids", "image", "error"),
    [
        ("a,b\np1,x\n", ["sku"], "", r"no column 'sku' for the id \(--id\); it has a, b"),
        ("a,b\np1,x\n", [], "pic", r"no column 'pic' for the pictures \(--image\); it has a, b"),
        ("sku,SKU\np1,x\n", ["Sku"], "", "no column 'Sku'"),
        ("p1,red\np2,blue\n", [], "", "must have the names of the columns; 'p1' is an item"),
        ("name,price\nx,5\n", [], "", "such as image, path or file_name: name them with --id and --image"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    two: Path, text: str, ids: list[str], image: str, error: str
) -> None:
    with pytest.raises(InvalidCatalogueError, match=error):
        join(two, text, ids=ids, image=image)


def test_reserved_names_that_serve_for_nothing_are_left_out_and_said(two: Path) -> None:
    joined = join(two, "id,sku,image,images,price\n1,A,p1.jpg,x,5\n2,B,p2.jpg,y,6\n", ids=["sku"])
    assert [(item.id, item.fields) for item in joined.items()] == [
        ("A", {"sku": "A", "price": 5}),
        ("B", {"sku": "B", "price": 6}),
    ]
    assert joined.notes == (
        "Left out the column 'id', which documents keep for themselves: use it (--id id), or rename it",
        "Left out the column 'images', which documents keep for themselves: use it (--image images), or rename it",
    )
