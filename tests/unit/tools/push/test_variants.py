"""The field that variants of one product share is found; categories and brands are none."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tonari_shop.assortment import assortment
from tonari_tools.push.variants import find_variants

Fields = list[dict[str, Any]]
COLORS = ("black", "gray", "orange", "blue")


def shop(products: int = 40, key: str = "product") -> Fields:
    """Products in two to four colours; all else is the product's."""
    draw = random.Random(0)
    made = []
    for number in range(products):
        of_product = {
            key: f"MH{number:02}",
            "name": f"Hoodie {number}",
            "category": f"kind {number % 9}",
            "brand": f"brand {number % 4}",
            "price": float(draw.randrange(9, 99)),
        }
        made += [{**of_product, "color": color} for color in draw.sample(COLORS, 2 + number % 3)]
    return made


def without(items: Fields, *names: str) -> Fields:
    return [{name: value for name, value in fields.items() if name not in names} for fields in items]


@pytest.mark.parametrize("key", ["product", "product_id", "parent_sku", "style", "group", "item_group_id"])
def test_colours_of_one_product_share_it(key: str) -> None:
    found = find_variants(shop(key=key))
    assert found is not None
    assert (found.field, found.products, found.other) == (key, 40, ("color",))
    assert {"name", "category"} <= set(found.same)


def test_a_number_may_name_the_product() -> None:
    items = [{**fields, "product": int(fields["product"][2:])} for fields in shop()]
    found = find_variants(items)
    assert found is not None
    assert found.field == "product"


def test_without_such_a_name_what_agrees_says_it() -> None:
    found = find_variants(without(shop(), "product"))
    assert found is not None
    assert found.field == "name"


def test_few_products_with_several_items_are_found_too() -> None:
    found = find_variants(shop(6))
    assert found is not None
    assert found.field == "product"


@pytest.mark.parametrize(
    "items",
    [
        [dict(article.fields) for article in assortment(0)],
        [{"category": f"{n % 20}", "category_id": n % 20, "name": f"{n}", "color": COLORS[n % 3]} for n in range(100)],
        [{"brand": f"{n % 30}", "country": f"{n % 30 % 6}", "price": n * 7 % 13, "size": n % 7} for n in range(120)],
        [{"maker of it": f"{n % 30}", "town": f"{n % 30 % 6}", "x": n * 7 % 13, "y": n % 7} for n in range(120)],
        [{"sender_id": n % 40, "label": f"{n * 7 % 10}", "kids": False} for n in range(300)],
        [{"color": COLORS[n % 4]} for n in range(100)],
        [{"product": f"{n}", "name": f"{n}", "color": COLORS[n % 4]} for n in range(100)],
        [{"product": "all", "color": COLORS[n % 4], "name": f"{n}"} for n in range(100)],
        [{}, {}],
        [],
    ],
    ids=["drawn shop", "category", "brand", "maker", "sender", "colour", "own", "one", "no fields", "no items"],
)
def test_there_is_no_false_alarm(items: Fields) -> None:
    assert find_variants(items) is None
