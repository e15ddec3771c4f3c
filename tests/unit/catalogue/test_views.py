from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.catalogue.documents import CatalogueItem, document_key, image_key, item_of
from tonari.catalogue.views import (
    choose_views,
    is_passage,
    is_passage_key,
    passage_name,
    passage_number,
    passage_text,
    state_of,
    view_key,
)
from tonari.contract.artefacts import ViewRule

PICTURES = ViewRule(("image",))
TEXTS = ViewRule(("text",))
JOINT = ViewRule(("image", "text"))
SAID = {"title": "Red boot", "text": "It is red. " * 200, "images": ["b.jpg", "gone.jpg"]}
ITEM = CatalogueItem("i", SAID, "d", "", {"a.jpg": "ea", "b.jpg": "eb"})


def test_pictures_are_those_that_the_document_selects() -> None:
    made = choose_views("i", SAID, ITEM.images, PICTURES)
    assert (made.images, made.passages, made.sources(ITEM.images)) == (("b.jpg",), {}, {"b.jpg": "eb"})
    assert list(made.missing) == ["images/i/gone.jpg"]
    assert choose_views("i", SAID, ITEM.images, JOINT) == made


@pytest.mark.parametrize(("rule", "images"), [(TEXTS, ITEM.images), (TEXTS, {}), (JOINT, {}), (JOINT, {"z.jpg": "e"})])
def test_passages_are_the_views_of_texts_and_of_items_without_pictures(rule: ViewRule, images: dict[str, str]) -> None:
    made = choose_views("i", SAID, images, rule)
    assert list(made.passages) == ["#1", "#2", "#3"]
    assert not made.images
    assert made.sources(images) == {name: passage.source for name, passage in made.passages.items()}
    assert [passage_text(SAID, rule, name) for name in made.passages] == list(made.passages.values())
    assert passage_text(SAID, rule, "#4") is None


def test_an_encoder_of_pictures_makes_no_views_of_words() -> None:
    assert not choose_views("i", SAID, {}, PICTURES).sources({})


def test_an_image_called_as_a_passage_is_refused_and_named() -> None:
    images = {"#1": "e", "#1.jpg": "e", "#01": "e"}
    for rule in (PICTURES, JOINT):
        made = choose_views("i", {}, images, rule)
        assert sorted(made.images) == ["#01", "#1.jpg"]
        assert "another name" in made.missing["images/i/#1"]
    assert not choose_views("i", {}, images, TEXTS).missing


def test_a_price_leaves_what_an_item_was_made_from_but_for_the_document() -> None:
    other = CatalogueItem("i", {**SAID, "price": 5}, "d2", "", {})
    for rule in (PICTURES, TEXTS, JOINT):
        was, now = state_of(CatalogueItem("i", SAID, "d", "", {}), rule), state_of(other, rule)
        assert was is not None
        assert now == ("d2", was[1])
    assert state_of(CatalogueItem("i", {}, "", "", {}), TEXTS) is None


@given(st.text(min_size=1).filter(lambda one: "/" not in one), st.integers(1, 10**8))
def test_a_passages_key_leads_back_to_its_item(item: str, number: int) -> None:
    name = passage_name(number)
    key = view_key(item, name)
    assert is_passage(name)
    assert passage_number(name) == number
    assert is_passage_key(key)
    assert item_of(key) == item_of(document_key(item))


@given(st.text(min_size=1), st.text(min_size=1).filter(lambda one: not is_passage(one)))
def test_an_images_key_is_no_passages(item: str, name: str) -> None:
    assert view_key(item, name) == image_key(item, name)
    assert not is_passage_key(view_key(item, name))


@pytest.mark.parametrize("item", ["a.json#1", "#1", "a#2", ".json"])
def test_ids_that_look_like_passages_are_ids(item: str) -> None:
    assert item_of(document_key(item)) == item
    assert not is_passage_key(document_key(item))
    assert item_of(view_key(item, "#7")) == item
