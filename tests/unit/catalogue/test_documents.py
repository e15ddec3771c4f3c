from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.catalogue.documents import (
    MOST_DOCUMENT_BYTES,
    MOST_ID_BYTES,
    ReadKey,
    check_id,
    document_key,
    image_key,
    item_of,
    keys_of,
    parse_document,
    read_key,
    select_images,
)
from tonari.errors import InvalidCatalogueError

GOOD_IDS = ["a", "shirt-5", "red shirt", "é", "隣", "a.json", "a.b.c", "%2F", "...", "x" * MOST_ID_BYTES, "é" * 128,
    "Screenshot 2024-01-30 at 10.32.07\u202fAM", "赤い\u3000ドレス", "v\u00a013",
    "\u06a9\u0641\u0634\u200c\u0647\u0627", "👩\u200d🦰", "Hand\u00adtasche",
    "\u200b", "\U0001fae9", "\u0378", "\U0010ffff", " a ", ".a", "~a", "a\\b", "a+b", "50%", "a?b#c&d",
    "'\"", "\uff11\uff12", "ﬁ",
]  # fmt: skip
BAD_IDS = [
    "",
    "a/b",
    "/",
    ".",
    "..",
    "a\n",
    "a\x00",
    "\x7f",
    "\x85",
    "\ud800",
    "a\udfff",
    "\ufffe",
    "a\uffff",
    "x" * (MOST_ID_BYTES + 1),
    "é" * 129,
]


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
        item = unicodedata.normalize("NFC", item)
        assert item_of(document_key(item)) == item
        usable = not name.endswith("/") and not any(unicodedata.category(one) == "Cc" for one in name + item)
        usable &= all(unicodedata.normalize("NFC", one) == one for one in (item, name))
        assert item_of(image_key(item, name)) == item or not usable


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
        ("items/a\uffff.json", "The id has a control character, U+FFFE, U+FFFF"),
        ("items/\u212b.json", "The name is in neither of Unicode's normal forms"),
        ("images/a/ée\u0301.jpg", "The name is in neither of Unicode's normal forms"),
        (f"items/{'x' * 257}.json", "The id has over 256 bytes in UTF-8: shorten it."),
        (f"images/{'é' * 129}/front.jpg", "The id has over 256 bytes in UTF-8: shorten it."),
        ("images/a/front.jpg\0", "The image's name has a control character"),
        ("images/a/\x1b[2J.jpg", "The image's name has a control character"),
        ("images/a/\ufffe.jpg", "The image's name has a control character"),
    ],
)
def test_a_key_of_no_item_has_a_reason(key: str, says: str) -> None:
    read = read_key(key)

    assert read.item is None
    assert read.why.startswith(says)


def test_a_key_of_an_item_has_none() -> None:
    assert read_key("items/a.json") == ReadKey("a")
    assert read_key("images/a/more/隣 1.jpg") == ReadKey("a", "more/隣 1.jpg")


NFC, NFD = "café", "cafe\u0301"


@pytest.mark.parametrize(
    ("key", "name", "spelling"),
    [
        (f"items/{NFC}.json", "", 0),
        (f"items/{NFD}.json", "", 1),
        (f"images/{NFC}/{NFC}.jpg", "café.jpg", 0),
        (f"images/{NFC}/{NFD}.jpg", "café.jpg", 1),
        (f"images/{NFD}/{NFC}.jpg", "café.jpg", 2),
        (f"images/{NFD}/{NFD}.jpg", "café.jpg", 3),
        (f"images/{NFD}/a.jpg", "a.jpg", 1),
    ],
)
def test_keys_in_either_normal_form_are_of_one_item(key: str, name: str, spelling: int) -> None:
    assert read_key(key) == ReadKey("café", name, spelling)
    assert keys_of(key)[spelling] == key
    assert keys_of(key)[0] == (image_key("café", name) if name else document_key("café"))


@pytest.mark.parametrize("item", ["\uff11\uff12", "ﬁ", "x²"])
def test_compatible_letters_stay_what_they_are(item: str) -> None:
    assert check_id(item) == item


def test_an_id_is_given_in_nfc() -> None:
    assert check_id(NFD) == NFC
    assert check_id("e\u0301" * 128) == "é" * 128


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
        (b'{"name": "\\ud800"}', "the value of 'name' holds half a surrogate pair, '.ud800'"),
        (b'{"cut \\ud83d": 1}', "the name 'cut .ud83d' holds half a surrogate pair"),
        (b'{"tags": ["a", "\\udfff"]}', "the value of 'tags' holds half a surrogate pair"),
        (b'{"caf\\u00e9": 1, "cafe\\u0301": 2}', r"the names 'caf\\xe9' and 'cafe\\u0301' are one name"),
        (b"[" * 50_000, "nested too deeply"),
        (b"[]", "must hold an object"),
        (b"null", "must hold an object"),
        (b'{"id": "b"}', "says that its id is 'b'"),
        (b'{"id": 5}', "says that its id is '5': rename"),
        (b'{"id": 5.0}', "has a wrong id: 5.0 cannot be an id: write it as a text or a whole number, or leave it out"),
        (b'{"id": true}', "has a wrong id: true cannot be an id"),
        (b'{"id": ["a"]}', "cannot be an id"),
        (b'{"size": {"width": 5}}', "'size' is an object; documents are flat"),
        (b'{"images": "front.jpg"}', "'images' must be a list of names"),
        (b'{"images": [5]}', "'images' must be a list of names"),
        (b'{"text": "%s"}' % (b"x" * MOST_DOCUMENT_BYTES), "at most 100000 are taken"),
    ],
)
def test_documents_that_cannot_be_read(data: bytes, says: str) -> None:
    with pytest.raises(InvalidCatalogueError, match=f"items/a.json.*{says}"):
        parse_document("a", data)


def test_null_says_nothing_of_the_id_and_the_images() -> None:
    document = parse_document("a", b'{"id": null, "images": null, "price": null}')

    assert document == {"id": "a", "images": None, "price": None}
    assert select_images("a", document, ["y.jpg", "x.jpg"]) == (["x.jpg", "y.jpg"], {})


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
