"""Which columns name the item, found by what rows of one item say alike."""

from __future__ import annotations

import itertools

import pytest

from tonari_tools.push.joining.id_columns import find_id_columns, find_unique_column, is_of_a_picture, is_of_a_product

Rows = list[dict[str, str]]
COLORS = ("Black", "Gray", "Orange")
VIEWS = ("main", "back", "alt1")


def wardrobe(products: int = 30) -> Rows:
    """A row a picture: products in some colours, some views of each."""
    return [
        {
            "product": f"MH{number:02}",
            "name": f"Hoodie {number}",
            "color": color,
            "price": f"{number % 7}9",
            "view": view,
        }
        for number in range(products)
        for color in COLORS[: 1 + number % 3]
        for view in VIEWS[: 1 + number % 3]
    ]


def without(rows: Rows, *columns: str) -> Rows:
    return [{name: text for name, text in row.items() if name not in columns} for row in rows]


def find(rows: Rows) -> tuple[str, ...]:
    return find_id_columns(rows, [*dict.fromkeys(name for row in rows for name in row)])


def test_a_product_in_a_colour_is_the_item() -> None:
    assert find(wardrobe()) == ("product", "color")


def test_the_product_comes_first_wherever_its_column_stands() -> None:
    rows = [{name: row[name] for name in ("view", "color", "price", "name", "product")} for row in wardrobe()]
    assert find(rows) == ("product", "color")


def test_one_column_is_enough_where_it_is() -> None:
    rows = [{**row, "sku": f"{row['product']}-{row['color']}"} for row in wardrobe()]
    assert find(rows) == ("sku",)


def test_three_columns_are_found_and_four_are_not() -> None:
    sizes = [
        {"product": f"P{p}", "color": c, "size": s, "stock": f"{(p * 31 + len(c) * 7 + ord(s)) % 97}", "view": v}
        for p, c, s, v in itertools.product(range(12), COLORS, ("S", "M"), VIEWS)
    ]
    assert find(sizes) == ("product", "color", "size")
    rows = [{**row, "cut": cut, "stock": f"{row['stock']}{cut}"} for row in sizes for cut in ("wide", "slim")]
    assert find(rows) == ()


def test_a_few_slips_do_not_hide_it() -> None:
    rows = wardrobe()
    rows[3] = {**rows[3], "price": "0"}
    assert find(rows) == ("product", "color")


def test_an_empty_colour_is_a_colour_too() -> None:
    rows = wardrobe(60)
    rows[5] = without([rows[5]], "color")[0]
    assert find(rows) == ("product", "color")


@pytest.mark.parametrize(
    "rows",
    [
        [{"sku": f"{number}", "color": COLORS[number % 3]} for number in range(50)],
        [
            {"label": COLORS[number % 3], "price": f"{number * 7 % 11}", "brand": f"{number % 5}"}
            for number in range(50)
        ],
        [{"text": f"{'long ' * 20}{number // 3}", "color": COLORS[number % 3]} for number in range(50)],
        [{"product": f"a/{number // 3}", "color": COLORS[number % 3]} for number in range(50)],
        [{"view": "main"}],
    ],
    ids=["a row an item", "chance", "long texts", "a slash", "one row"],
)
def test_what_names_no_item_is_not_proposed(rows: Rows) -> None:
    assert find(rows) == ()


def test_a_column_that_names_each_row() -> None:
    rows = [{"path": f"a/{number}.jpg", "file": f"{number}.jpg", "color": "red"} for number in range(5)]
    assert find_unique_column(rows, ("path", "file", "color")) == "file"
    assert find_unique_column([{**row, "sku": row["file"]} for row in rows], ("file", "color", "sku")) == "sku"
    assert find_unique_column(rows, ("path", "color")) == ""


@pytest.mark.parametrize("name", ["view", "View", "angle", "filename", "file_name", "image_url", "sort_order", "md5"])
def test_names_that_say_something_of_a_picture(name: str) -> None:
    assert is_of_a_picture(name)


@pytest.mark.parametrize("name", ["review", "color", "price", "name", "brand", "overview"])
def test_names_that_do_not(name: str) -> None:
    assert not is_of_a_picture(name)


@pytest.mark.parametrize(
    "name",
    [
        "product",
        "product_id",
        "Product ID",
        "parent_sku",
        "group",
        "item_group_id",
        "style",
        "style_code",
        "model",
        "品番",
    ],
)
def test_names_of_products(name: str) -> None:
    assert is_of_a_product(name)


@pytest.mark.parametrize("name", ["category", "brand", "color", "product_type", "production", "price"])
def test_names_of_no_products(name: str) -> None:
    assert not is_of_a_product(name)
