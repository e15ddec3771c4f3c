from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue.documents import (
    MOST_DOCUMENT_BYTES,
    MOST_ID_BYTES,
    check_id,
    document_key,
    image_key,
    item_of,
    parse_document,
    read_key,
    select_images,
)
from tonari.errors import InvalidCatalogueError

GOOD_IDS = ["a", "shirt-5", "red shirt", "é", "隣", "a.json", "a.b.c", "%2F", "...", "x" * MOST_ID_BYTES, "é" * 128]
BAD_IDS = ["", "a/b", "/", ".", "..", "a\n", "a\x00", "\x7f", "\ud800", "\u200b", "x" * (MOST_ID_BYTES + 1), "é" * 129]


@pytest.mark.parametrize("item", GOOD_IDS)
def test_ids_that_can_stand_in_a_key(item: str) -> None:
    assert check_id(item) == item
    assert item_of(document_key(item)) == item
    assert item_of(image_key(item, "front.jpg")) == item
    assert item_of(image_key(item, "more/back.jpg")) == item


@pytest.mark.parametrize("item", BAD_IDS)
def test_ids_that_cannot(item: str) -> None:
    with pytest.raises(InvalidCatalogueError):
        check_id(item)


@given(st.text(max_size=12), st.text(min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_key_leads_back_to_its_item(item: str, name: str) -> None:
    try:
        check_id(item)
    except InvalidCatalogueError:
        assert item_of(document_key(item)) != item
    else:
        assert item_of(document_key(item)) == item
        usable = not name.endswith("/") and not any(unicodedata.category(one) == "Cc" for one in name)
        assert item_of(image_key(item, name)) == (item if usable else None)


@pytest.mark.parametrize(
    "key",
    [
        "schema.json",
        "items/",
        "items/.json",
        "items/a",
        "items/a.JSON",
        "items/a/b.json",
        "items/..json",
        "images/",
        "images/a",
        "images/a/",
        "images//front.jpg",
        "images/../front.jpg",
        "other/a/front.jpg",
        "aitems/a.json",
        "Images/a/front.jpg",
        "images/a/front.jpg\0",
        "images/a/more/",
    ],
)
def test_keys_of_no_item(key: str) -> None:
    assert item_of(key) is None


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("photo.jpg", "It lies under neither items/ nor images/."),
        ("photos/a/front.jpg", "It lies under neither items/ nor images/."),
        ("items/", "It only marks a folder"),
        ("images/", "It only marks a folder"),
        ("images/a/", "It only marks a folder"),
        ("images/a/more/", "It only marks a folder"),
        ("items/readme.txt", "Under items/ only items/<id>.json is read."),
        ("items/a.JSON", "Under items/ only items/<id>.json is read."),
        ("images/loose.png", "Under images/ only images/<id>/<name> is read."),
        ("items/a/b.json", "The id has a '/'"),
        ("items/.json", "The id is empty"),
        ("items/..json", "The id is empty, '.' or '..'"),
        ("images//front.jpg", "The id is empty"),
        ("images/../front.jpg", "The id is empty, '.' or '..'"),
        ("items/a\n.json", "The id has a control character"),
        ("items/a\u200b.json", "The id has a control character, an invisible one"),
        ("images/a\u3000b/front.jpg", "a space that is not the usual one"),
        (f"items/{'x' * 257}.json", "The id has over 256 bytes in UTF-8: shorten it."),
        (f"images/{'é' * 129}/front.jpg", "The id has over 256 bytes in UTF-8: shorten it."),
        ("images/a/front.jpg\0", "The image's name has a control character."),
        ("images/a/\x1b[2J.jpg", "The image's name has a control character."),
    ],
)
def test_a_key_of_no_item_has_a_reason(key: str, says: str) -> None:
    item, why = read_key(key)

    assert item is None
    assert why.startswith(says) or says in why


def test_a_key_of_an_item_has_none() -> None:
    assert read_key("items/a.json") == ("a", "")
    assert read_key("images/a/more/隣 1.jpg") == ("a", "")


@pytest.mark.parametrize(
    ("data", "document"),
    [
        (b"{}", {"id": "a"}),
        (b'{"id": "a", "price": 5, "tags": ["x"]}', {"id": "a", "price": 5, "tags": ["x"]}),
        (b'{"price": null, "new": true}', {"id": "a", "price": None, "new": True}),
        ('{"name": "隣", "images": ["é.jpg"]}'.encode(), {"id": "a", "name": "隣", "images": ["é.jpg"]}),
    ],
)
def test_documents(data: bytes, document: dict[str, object]) -> None:
    assert parse_document("a", data) == document


@pytest.mark.parametrize("data", [b'{"id": 777}', b'{"id": "777"}', b"{}"])
def test_a_number_as_id_is_its_text(data: bytes) -> None:
    assert parse_document("777", data) == {"id": "777"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not JSON"),
        (b'{"price": 5', "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"price": NaN}', "NaN is not a finite number"),
        (b'{"price": [-Infinity]}', "-Infinity is not a finite number"),
        (b'{"price": 1e400}', "1e400 is not a finite number"),
        (b'{"price": %d}' % 10**400, "is not a finite number"),
        (b'{"name": "\\ud800"}', "surrogates"),
        (b"[" * 50_000, "nested too deeply"),
        (b"[]", "must hold an object"),
        (b"null", "must hold an object"),
        (b'{"id": "b"}', "says that its id is 'b'"),
        (b'{"id": 5}', "says that its id is 5"),
        (b'{"size": {"width": 5}}', "'size' is an object; documents are flat"),
        (b'{"images": "front.jpg"}', "'images' must be a list of names"),
        (b'{"images": [5]}', "'images' must be a list of names"),
        (b'{"text": "%s"}' % (b"x" * MOST_DOCUMENT_BYTES), "at most 100000 are taken"),
    ],
)
def test_documents_that_cannot_be_read(data: bytes, says: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=f"items/a.json.*{says}"):
        parse_document("a", data)


@pytest.mark.parametrize(
    ("fields", "there", "missing"),
    [
        ({}, ["a.jpg", "b.jpg", "c.jpg"], []),
        ({"images": []}, ["a.jpg", "b.jpg", "c.jpg"], []),
        ({"images": ["c.jpg", "a.jpg"]}, ["c.jpg", "a.jpg"], []),
        ({"images": ["c.jpg", "c.jpg"]}, ["c.jpg"], []),
        ({"images": ["d.jpg", "b.jpg"]}, ["b.jpg"], ["d.jpg"]),
        ({"images": ["d.jpg"]}, [], ["d.jpg"]),
    ],
)
def test_images_are_selected_and_ordered(fields: dict[str, object], there: list[str], missing: list[str]) -> None:
    reasons = {image_key("x", name): "The document names it, the bucket lacks it." for name in missing}

    assert select_images("x", fields, {"b.jpg": "2", "a.jpg": "1", "c.jpg": "3"}) == (there, reasons)
