"""Names as they come, in both of Unicode's normal forms, over a real S3 server and HTTP."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

import pictures
from integration.conftest import IN_ORDER
from integration.events import Caller, eventbridge, failed, notification, sqs_event
from integration.shop import PRODUCTS, draw
from served import served
from tonari.api.app import App
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.publish import roll_back
from tonari.builds.rebuild import rebuild
from tonari.catalogue.any_spelling import AnySpelling
from tonari.catalogue.documents import EMPTY_FILE, SCHEMA, TWICE, document_key, image_key
from tonari.client import Client
from tonari.contract.parameters import Examples
from tonari.contract.requests import SearchOptions, SearchRequest
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import InvalidCatalogueError, InvalidFilterError, InvalidRequestError, UnknownItemError
from tonari.snapshots.segments import Segment, merge
from tonari.snapshots.snapshot import load_snapshot
from tonari.storage.bucket import Bucket

NAMES = [
    "Screenshot 2024-01-30 at 10.32.07\u202fAM", "赤い\u3000ドレス", "v\u00a013",
    "\u06a9\u0641\u0634\u200c\u0647\u0627", "👩\u200d🦰", "Hand\u00adtasche",
    "\U0001fae9", "a b ", "50%", "%41", "a+b", "a?b=c", "a#b", "a&b", "'a\"", "~a", ".a", "a;b,c", "\uff11\uff12",
    "가방", "777",
]  # fmt: skip
"""Without a backslash, which SeaweedFS takes for a slash."""
RED, BLUE = (pictures.encoded(draw(color, "ball"), "PNG") for color in ("red", "blue"))


def both(text: str) -> tuple[str, str]:
    nfc, nfd = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    return nfc, nfd


@pytest.fixture
def spelled(context: RebuildContext, shop: str) -> RebuildContext:
    """A rebuild as the function makes it, over the drawn shop."""
    assert shop
    return replace(context, catalogue=AnySpelling(context.catalogue))


@pytest.fixture
def client(spelled: RebuildContext) -> Iterator[Client]:
    """The API over HTTP, on a port of its own."""
    reader = IN_ORDER(spelled.artefacts, spelled.cache, 0.0, BuiltinOpening(), print)
    with served(App(reader, spelled.catalogue, spelled.artefacts)) as url:
        yield Client(url, retries=0)


def rejected_and_ignored(context: RebuildContext) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    done = rebuild(context)
    assert done.snapshot
    snapshot = load_snapshot(context.artefacts, done.snapshot, context.cache)
    return dict(snapshot.rejected), {why: one.examples for why, one in snapshot.ignored.items()}


def test_any_name_goes_all_the_way(spelled: RebuildContext, client: Client, catalogue: Bucket) -> None:
    """Put into the bucket, by PUT and form, read, searched, redirected to, paged through, deleted."""
    for name in NAMES[::2]:
        catalogue.put(image_key(name, f"{name}.png"), RED)
        catalogue.put(document_key(name), json.dumps({"name": name, "images": [f"{name}.png"]}).encode())
    rebuild(spelled)
    for name in NAMES[1::2]:
        client.put_item(name, {"name": name, "id": name, "images": [f"{name}.png"]}, {f"{name}.png": RED})
    assert rejected_and_ignored(spelled) == ({}, {})

    for name in NAMES:
        item = client.item(name)
        assert (item.id, item.fields["name"], item.views) == (name, name, (f"{name}.png",))
        assert client.image(name) == client.image(name, f"{name}.png") == RED
        found = client.search(SearchRequest(vector=(1.0,) * client.health().encoder.dimensions, ids=(name, "nobody")))
        assert [one.id for one in found.items] == [name]
        assert [one.id for one in client.search(SearchRequest(id="red-ball", filter={"name": name})).items] == [name]
        assert name not in {one.id for one in client.similar(name, SearchOptions(k=100)).items}
    paged = [one.id for one in client.search_all(SearchRequest(id="red-ball", k=3))]
    assert sorted(paged) == sorted([*NAMES, *(one.id for one in PRODUCTS if one.id != "red-ball")])
    for one in client.search(SearchRequest(id="red-ball", k=100)).items:
        assert isinstance(one.image, str)
        assert one.image.isascii()
    for name in NAMES:
        client.delete_item(name)
    rebuild(spelled)
    assert client.health().items == len(PRODUCTS)


def test_links_of_answers_lead_to_the_pictures(spelled: RebuildContext, client: Client, catalogue: Bucket) -> None:
    for name in NAMES:
        catalogue.put(image_key(name, f"{name}.png"), RED)
    rebuild(spelled)

    with urllib3.PoolManager() as pool:
        for one in client.search(SearchRequest(id="red-ball", k=100, ids=tuple(NAMES))).items:
            answer = pool.request("GET", f"{client._url}{one.image}", redirect=False)
            assert answer.status == 302
            assert answer.headers["location"].isascii()
            assert pool.request("GET", answer.headers["location"]).data == RED


def test_events_of_any_name(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    for name in NAMES:
        catalogue.put(image_key(name, "a.png"), RED)
        assert failed(reindexer(sqs_event(notification(image_key(name, "a.png"))), None)) == []
        assert live.get(f"/v1/items/{quote(name, safe='')}").body["views"] == ["a.png"]
        catalogue.delete(image_key(name, "a.png"))
        assert failed(reindexer(sqs_event(eventbridge(image_key(name, "a.png"))), None)) == []
        assert live.get(f"/v1/items/{quote(name, safe='')}").status == 404


CAFE, OTHER_CAFE = both("café")
GREEN, OTHER_GREEN = both("grün.png")


@pytest.mark.parametrize(
    ("document", "folder", "file", "listed"),
    [
        (CAFE, CAFE, GREEN, OTHER_GREEN),
        (OTHER_CAFE, OTHER_CAFE, OTHER_GREEN, OTHER_GREEN),
        (OTHER_CAFE, CAFE, OTHER_GREEN, GREEN),
        (CAFE, OTHER_CAFE, GREEN, GREEN),
    ],
)
def test_an_item_in_whatever_forms_is_one(
    spelled: RebuildContext, client: Client, catalogue: Bucket, document: str, folder: str, file: str, listed: str
) -> None:
    fields = {"id": OTHER_CAFE, both("größe")[1]: both("süß")[1], "images": [listed]}
    catalogue.put(f"items/{document}.json", json.dumps(fields, ensure_ascii=False).encode())
    catalogue.put(f"images/{folder}/{file}", BLUE)
    assert rejected_and_ignored(spelled) == ({}, {})

    for item in (CAFE, OTHER_CAFE):
        answer = client.item(item)
        assert (answer.id, answer.fields, answer.views) == (CAFE, {both("größe")[0]: both("süß")[0]}, (GREEN,))
        for view in (None, GREEN, OTHER_GREEN):
            assert client.image(item, view) == BLUE
    client.delete_item(OTHER_CAFE)
    assert not [found.key for found in catalogue.list("") if "caf" in found.key]
    with pytest.raises(UnknownItemError):
        client.delete_item(CAFE)


def test_requests_may_use_either_form(spelled: RebuildContext, client: Client, catalogue: Bucket) -> None:
    size, other_size = both("größe")
    sweet, other_sweet = both("süß")
    salty = both("salé")[0]
    for number in range(6):
        for item, value in ((f"{CAFE}-{number}", other_sweet), (f"b-{number}", salty)):
            catalogue.put(image_key(item, "a.png"), pictures.encoded(draw("red", "box", inset=20 + 5 * number), "PNG"))
            fields = {other_size: value, both("höhe")[1]: number, "tags": [value]}
            catalogue.put(document_key(item), json.dumps(fields, ensure_ascii=False).encode())
    schema = {"fields": {other_size: {"type": "string", "attribute": True}}, "split_by": other_size}
    catalogue.put(SCHEMA, json.dumps(schema, ensure_ascii=False).encode())
    rebuild(spelled)

    health = client.health()
    assert health.attributes[size] == (salty, sweet)
    assert set(health.fields[size].values) == {salty, sweet}
    mine = {f"{CAFE}-{number}" for number in range(6)}

    def found(**asked: Any) -> set[str]:
        return {one.id for one in client.search(SearchRequest(k=100, id="red-ball", **asked)).items}

    for name, value in ((size, sweet), (other_size, other_sweet)):
        for narrowed in ({name: value}, {name: {"$in": [value]}}, {"tags": value}):
            assert found(filter=narrowed) == mine
        assert found(ids=(f"{OTHER_CAFE}-1", f"{CAFE}-1", f"{OTHER_CAFE}-2")) == {f"{CAFE}-1", f"{CAFE}-2"}
        named = {"facets": (name,), "fields": (name,), "predict": (name,), "filter": {name: {"$ne": None}}}
        options = SearchOptions(k=2, group_by=name, **named)
        for answer in (client.similar(f"{OTHER_CAFE}-1", options), client.search(RED, options)):
            assert {one.fields[size] for one in answer.items} == {sweet, salty}
            assert set(answer.facets) == set(answer.predictions) == {size}
        examples = Examples(positive=(f"{OTHER_CAFE}-0", f"{CAFE}-0"), negative=(f"{OTHER_CAFE}-5",))
        assert not {f"{CAFE}-0", f"{CAFE}-5"} & {
            one.id for one in client.search(SearchRequest(examples=examples, k=100)).items
        }
    with pytest.raises(InvalidRequestError, match="positive and as negative"):
        client._send("POST", "/v1/search", dict, {"examples": {"positive": [CAFE], "negative": [OTHER_CAFE]}})


def test_a_rebuild_names_what_differs_only_in_its_form(
    spelled: RebuildContext, client: Client, catalogue: Bucket
) -> None:
    taken = [document_key(CAFE), image_key(CAFE, GREEN), image_key(CAFE, "a.png")]
    others = [document_key(OTHER_CAFE), image_key(CAFE, OTHER_GREEN), image_key(OTHER_CAFE, "a.png")]
    for key, picture, price in zip([*taken, *others], [RED] * 3 + [BLUE] * 3, [1] * 3 + [2] * 3, strict=True):
        catalogue.put(key, json.dumps({"price": price}).encode() if key.startswith("items/") else picture)
    mixed = "images/e\u0301é/a.png"
    catalogue.put(mixed, BLUE)

    rejected, ignored = rejected_and_ignored(spelled)

    assert rejected == {}
    assert {key for why in ignored.values() for key in why} == {*others, mixed}
    assert set(ignored[TWICE]) == set(others)
    assert [why for why in ignored if "rename the file" in why] == [why for why in ignored if why != TWICE]
    assert client.item(CAFE).views == ("a.png", GREEN)
    assert client.item(CAFE).fields == {"price": 1}
    assert client.image(CAFE) == client.image(CAFE, GREEN) == RED
    assert rebuild(spelled).outcome == "unchanged"


def test_events_in_both_forms(live: Caller, reindexer: Handler, catalogue: Bucket) -> None:
    def happen(key: str) -> Any:
        assert failed(reindexer(sqs_event(notification(key)), None)) == []
        answer = live.get(f"/v1/items/{quote(CAFE, safe='')}")
        return (answer.body["fields"], answer.body["views"]) if answer.status == 200 else answer.status

    other, nfc = image_key(OTHER_CAFE, OTHER_GREEN), image_key(CAFE, GREEN)
    catalogue.put(other, BLUE)
    assert happen(other) == ({}, [GREEN])
    catalogue.put(document_key(OTHER_CAFE), '{"größe": 5}'.encode())
    assert happen(document_key(OTHER_CAFE)) == ({both("größe")[0]: 5}, [GREEN])
    catalogue.put(nfc, RED)
    assert happen(nfc) == ({both("größe")[0]: 5}, [GREEN])
    assert live.found({"id": OTHER_CAFE, "k": 1}) == ["red-ball"]
    catalogue.delete(nfc)
    assert happen(nfc) == ({both("größe")[0]: 5}, [GREEN])
    assert live.found({"id": CAFE, "k": 1}) == ["blue-ball"]
    catalogue.delete(document_key(OTHER_CAFE))
    assert happen(document_key(OTHER_CAFE)) == ({}, [GREEN])
    catalogue.delete(other)
    assert happen(other) == 404


def test_a_picture_of_an_earlier_version_is_not_encoded_again(
    spelled: RebuildContext, client: Client, catalogue: Bucket, encoder_runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier versions kept ids, names and documents in the form in which they lay in the bucket."""
    catalogue.put(document_key(OTHER_CAFE), '{"gro\u0308ße": "su\u0308ß", "images": ["gru\u0308n.png"]}'.encode())
    catalogue.put(image_key(OTHER_CAFE, OTHER_GREEN), BLUE)
    with monkeypatch.context() as earlier:
        for module in ("catalogue.documents", "builds.known_vectors"):
            earlier.setattr(f"tonari.{module}.nfc", lambda text: text)
        earlier.setattr("tonari.contract.strict_json.is_plain", lambda _: True)
        earlier.setattr("tonari.builds.look.is_plain", lambda _: True)
        earlier.setattr("tonari.catalogue.documents.id_text", str)
        earlier.setattr("tonari.catalogue.documents.is_nfc", lambda _: True)
        rebuild(spelled)
    held = {one.id: one.fields for one in client.search(SearchRequest(id="red-ball", k=100)).items}
    assert held[OTHER_CAFE] == {"gro\u0308ße": "su\u0308ß"}
    encoder_runs.clear()

    assert rebuild(spelled).outcome == "published"
    assert encoder_runs == []
    answer = client.item(CAFE)
    assert (answer.fields, answer.views) == ({both("größe")[0]: both("süß")[0]}, (GREEN,))
    assert client.image(CAFE) == BLUE
    assert client.health().items == len(PRODUCTS) + 1
    assert rebuild(spelled).outcome == "unchanged"
    assert roll_back(spelled).outcome == "published"
    assert client.health().items == len(PRODUCTS) + 1
    assert client.item(CAFE).views == (GREEN,)
    assert OTHER_CAFE not in {one.id for one in client.search(SearchRequest(id="red-ball", k=100)).items}
    assert encoder_runs == []


def test_documents_whose_names_become_one_are_refused(
    spelled: RebuildContext, client: Client, catalogue: Bucket
) -> None:
    fields = {"é": 1, "e\u0301": 2}
    with pytest.raises(InvalidRequestError, match=r"'\\xe9' and 'e\\u0301' are one name"):
        client.put_item("red-ball", fields)
    catalogue.put(document_key("red-ball"), json.dumps(fields).encode())
    rejected, _ = rejected_and_ignored(spelled)
    assert "are one name in two normal forms of Unicode" in rejected[document_key("red-ball")]


PATHS = ("/v1/items/%ED%A0%BD", "/v1/items/%FF", "/%FF", "/v1/items/%ED%A0%BD/similar")
QUERIES = (
    "ids=%ED%A0%BD", "ids=%FF", "%FF=5", "filter={%22a%22:%22%ED%A0%BD%22}", "group_by=%FF",
)  # fmt: skip


def test_what_is_not_utf_8_is_refused(client: Client) -> None:
    def ask(method: str, path: str) -> tuple[int, str]:
        answer = urllib3.request(method, f"{client._url}{path}", body=b"{}" if method == "PUT" else None, retries=False)
        return answer.status, answer.json()["detail"]

    for path in PATHS:
        for method in ("GET", "PUT", "DELETE", "POST"):
            status, detail = ask(method, path)
            assert (status, "is not UTF-8: percent-encode" in detail) == (400, True)
    for query in QUERIES:
        status, detail = ask("GET", f"/v1/items/red-ball/similar?{query}")
        assert (status, "is not UTF-8: percent-encode" in detail) == (400, True)
    status, detail = ask("GET", "/v1/items/red-ball/similar?filter=%7B%22%5Cud83d%22:1%7D")
    assert (status, "'filter' cannot be read: the name '\\ud83d' holds half a surrogate pair" in detail) == (400, True)


def test_half_surrogates_are_refused_before_they_are_sent(client: Client) -> None:
    half = "cut \ud83d"
    for ask in (
        lambda: client.item(half),
        lambda: client.image("a", half),
        lambda: client.put_item("a", {"name": half}),
        lambda: client.search(RED, SearchOptions(group_by=half)),
    ):
        with pytest.raises(InvalidRequestError, match="half a surrogate pair"):
            ask()
    for asked in ({"id": half}, {"id": "a", "filter": {"name": half}}, {"id": "a", "ids": (half,)}):
        with pytest.raises(ValueError, match="half a surrogate pair"):
            SearchRequest(**asked)


def test_half_surrogates_in_the_bucket_are_named(spelled: RebuildContext, catalogue: Bucket) -> None:
    catalogue.put(document_key("red-ball"), b'{"name": "cut \\ud83d"}')
    catalogue.put(document_key("red-box"), b'{"cut \\ud83d": 1}')
    catalogue.put(document_key("red-tent"), b'{"name": "\xed\xa0\xbd"}')
    rejected, _ = rejected_and_ignored(spelled)

    assert "the value of 'name' holds half a surrogate pair" in rejected[document_key("red-ball")]
    assert "the name 'cut \\ud83d' holds half a surrogate pair" in rejected[document_key("red-box")]
    assert "is not JSON: it is not UTF-8 (byte 10)" in rejected[document_key("red-tent")]
    catalogue.put(SCHEMA, b'{"fields": {"cut \\ud83d": {"type": "string"}}}')
    with pytest.raises(InvalidCatalogueError, match="half a surrogate pair"):
        rebuild(spelled)


def test_empty_files_are_named_by_events_and_by_rebuilds(
    live: Caller, reindexer: Handler, context: RebuildContext
) -> None:
    empty = [image_key("alone", "a.jpg"), image_key("named", "a.jpg"), document_key("red-ball")]
    for key in empty:
        context.catalogue.put(key, b"")
    context.catalogue.put(document_key("named"), b'{"price": 5, "images": ["a.jpg"]}')
    for _ in range(2):
        keys = [*empty, document_key("named")]
        assert failed(reindexer(sqs_event(*map(notification, keys)), None)) == []
        assert live.get("/v1/health").body["rejected"] == {"count": 3, "first": dict.fromkeys(empty, EMPTY_FILE)}
        assert live.get("/v1/items/alone").status == 404
        assert live.get("/v1/items/named").body["fields"] == {"price": 5}
        assert live.get("/v1/items/red-ball").body["fields"] == {}
        assert rebuild(context).rejected == 3
        assert live.get("/v1/health").body["rejected"]["first"] == dict.fromkeys(empty, EMPTY_FILE)
    for key in empty:
        context.catalogue.put(key, b'{"price": 7}' if key.startswith("items/") else RED)
    assert failed(reindexer(sqs_event(*map(notification, empty)), None)) == []
    assert live.get("/v1/health").body["rejected"]["count"] == 0
    assert live.get("/v1/items/alone").body["views"] == ["a.jpg"]
    assert live.get("/v1/items/red-ball").body["fields"] == {"price": 7}


def test_numbers_as_ids_and_whole_numbers_in_filters(
    spelled: RebuildContext, client: Client, catalogue: Bucket
) -> None:
    codes = [2**53 + number for number in range(4)]
    for number, code in enumerate(codes):
        item = str(777 + number)
        catalogue.put(image_key(item, "a.png"), RED)
        fields = {"id": 777 + number, "code": code, "size": 5 + number, "sizes": [38, 39.5 + number]}
        catalogue.put(document_key(item), json.dumps(fields).encode())
    catalogue.put(document_key("780"), b'{"id": 780.0}')
    rejected, _ = rejected_and_ignored(spelled)
    assert "780.0 cannot be an id: write it as a text or a whole number" in rejected[document_key("780")]

    def ask(**asked: Any) -> list[str]:
        answer = client._send("POST", "/v1/search", dict, {"k": 100, "exact": True, **asked})
        return sorted(one["id"] for one in answer["items"])

    assert ask(id="red-ball", ids=[777, "778"]) == ["777", "778"]
    assert ask(id=777, ids=[777, "778"]) == ["778"]
    assert ask(examples={"positive": [777], "negative": ["778"]}, ids=[777, 778, 779]) == ["779"]
    assert client.put_item("777", {"id": 777, "code": codes[0], "sizes": [38]}).id == "777"
    for code, size in ((2**53 + 1, 38), (str(2**53 + 1), "38")):
        assert ask(id="red-ball", filter={"code": code}) == ["778"]
        assert ask(id="red-ball", filter={"sizes": size}) == ["777", "778", "779"]
    assert ask(id="red-ball", filter={"sizes": 40.5}) == ["778"]
    assert ask(id="red-ball", ids=[]) == ask(id="red-ball", filter={"size": {"$in": []}}) == []
    assert len(ask(id="red-ball", filter={"size": {"$nin": []}})) == len(PRODUCTS) + 3
    assert ask(id="red-ball", filter={"code": {"$ne": None}}) == ["777", "778", "779"]
    assert "777" not in ask(id="red-ball", filter={"code": None})
    facet = client.search(SearchRequest(id="red-ball", facets=("code",))).facets["code"]
    assert {one.value for one in facet.values} == {str(code) for code in codes[:3]}
    assert client.item("778").fields["code"] == 2**53 + 1
    for raw in (True, 777.0, [777]):
        with pytest.raises(InvalidRequestError, match="'id' is a text"):
            ask(id=raw)
    catalogue.put(SCHEMA, b'{"fields": {"code": {"type": "number"}}}')
    rebuild(spelled)
    assert ask(id="red-ball", filter={"code": 2**53}) == ["777"]
    assert ask(id="red-ball", filter={"code": 2**53 + 2}) == ["779"]
    with pytest.raises(InvalidFilterError, match="declare the field as string"):
        ask(id="red-ball", filter={"code": 2**53 + 1})
    assert "9007199254740993 is a whole number beyond 2^53" in client.health().unusable.fields["code"].examples["778"]


def test_segments_keep_what_they_say_of_items_in_nfc() -> None:
    """What was rejected of an item is forgotten with the item, whichever form the key is in."""
    before = Segment("e", {}, {document_key(OTHER_CAFE): "no JSON"})
    assert merge("e", [before, Segment("e", {CAFE: None})]).rejected == {}
