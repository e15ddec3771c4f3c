"""The client asks the query function over HTTP, with a real S3 server behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import asdict

import pictures
from integration.events import Caller, failed, http_event, notification, sqs_event
from integration.shop import BY_ID, VIEW, draw
from served import served
from tonari import __version__
from tonari.api.http import Request, Response
from tonari.aws.functions import Handler
from tonari.catalogue.documents import document_key, image_key
from tonari.client import MOST_DIRECT_BYTES, Client
from tonari.contract.answers import Reranked, Shifted
from tonari.contract.query_changes import Box
from tonari.contract.ranking import Boost
from tonari.contract.requests import PredictRequest, SearchOptions, SearchRequest
from tonari.errors import (
    InvalidFilterError,
    InvalidRequestError,
    InvalidTextError,
    UnknownItemError,
    UnsupportedQueryError,
)

RED_BALL = pictures.encoded(draw("red", "ball", inset=44), "PNG")


def application(caller: Caller, request: Request) -> Response:
    event = http_event(request.method, quote(request.path), request.body, request.media_type, request.query)
    answer = caller.handle(event)
    headers = dict(answer["headers"])
    return Response(answer["statusCode"], answer["body"].encode(), headers.pop("content-type"), headers)


@pytest.fixture(scope="module")
def standing_client(standing: Caller) -> Iterator[Client]:
    with served(lambda request: application(standing, request)) as url:
        yield Client(url)


@pytest.fixture
def live_client(live: Caller) -> Iterator[Client]:
    with served(lambda request: application(live, request)) as url:
        yield Client(url)


def test_what_is_live(standing_client: Client) -> None:
    health = standing_client.health()

    assert (health.status, health.version, health.items, health.refused) == ("ok", __version__, 12, None)
    assert health.fields["price"].type == "number"
    assert "red" in health.attributes["color"]
    assert standing_client.openapi()["info"]["version"] == __version__


def test_searches(standing_client: Client, tmp_path: Path) -> None:
    (tmp_path / "ball.png").write_bytes(RED_BALL)
    answer = standing_client.search(tmp_path / "ball.png", SearchOptions(k=3, predict=("color",)))

    assert answer.items[0].id == "red-ball"
    assert answer.items[0].fields == {"color": "red", "category": "ball", "price": 10.0}
    assert answer.plan.matching == 12
    assert isinstance(answer.predictions, dict)
    assert answer.predictions["color"].value == "red"
    assert standing_client.search(SearchRequest(image=RED_BALL, k=3)).items == answer.items
    condition = {"color": {"$in": ["red", "blue"]}}
    by_filter = standing_client.search(RED_BALL, SearchOptions(filter=condition, facets=("color",), ids=tuple(BY_ID)))
    assert isinstance(by_filter.facets, dict)
    assert by_filter.facets["color"].count == len(by_filter.items) == 6
    similar = standing_client.similar("red-ball", SearchOptions(k=2))
    assert similar.items == standing_client.search(SearchRequest(id="red-ball", k=2)).items
    both = standing_client.search_many([SearchRequest(id="red-ball", k=2), SearchRequest(id="blue-box", k=1)])
    assert both.results[0].items == similar.items
    assert len(both.results[1].items) == 1


def test_searches_by_a_region_and_in_an_order_of_the_shop(standing_client: Client) -> None:
    half = Box(x=0, y=0, width=1, height=0.5)
    region = standing_client.search(SearchRequest(image=RED_BALL, region=half, k=3))
    assert (
        region.items
        == standing_client.search(SearchRequest(upload=standing_client.upload(RED_BALL), region=half, k=3)).items
    )
    assert region.items[0].score < standing_client.search(RED_BALL).items[0].score
    boost = (Boost(field="price", weight=0.4, low=60, high=0),)
    options = SearchOptions(k=5, shift={"color": "blue"}, boost=boost, pin=("blue-tent",), bury=("red-box",))
    found = standing_client.search(RED_BALL, options)
    assert (found.items[0].id, found.items[0].placed) == ("blue-tent", "pinned")
    assert isinstance(found.reranked, Reranked)
    assert isinstance(found.shifted, Shifted)
    whole = [one.id for one in standing_client.search_all(RED_BALL, options)]
    assert whole[:5] == [one.id for one in found.items]
    assert (len(whole), whole[-1]) == (12, "red-box")
    similar = standing_client.similar("red-ball", options)
    assert similar.items == standing_client.search(SearchRequest(id="red-ball", **asdict(options))).items


def test_all_items_page_by_page(standing_client: Client) -> None:
    found = list(standing_client.search_all(RED_BALL, SearchOptions(k=5, include=())))

    assert len(found) == len({one.id for one in found}) == 12
    assert found == list(standing_client.search(RED_BALL, SearchOptions(k=12, include=())).items)


def test_predictions(standing_client: Client) -> None:
    predicted = standing_client.predict(RED_BALL)
    assert {name: one.value for name, one in predicted.predictions.items()} == {"color": "red", "category": "ball"}
    voted = standing_client.predict(PredictRequest(id="red-ball", method="vote", attributes=("category",), k=3))
    assert (voted.method, len(voted.predictions["category"].neighbours)) == ("vote", 3)


def test_an_item_and_its_image(standing_client: Client) -> None:
    item = standing_client.item("blue-tent")

    assert (item.id, item.views, item.fields["color"]) == ("blue-tent", (VIEW,), "blue")
    assert standing_client.image("blue-tent") == standing_client.image("blue-tent", VIEW)
    assert standing_client.image("blue-tent") == BY_ID["blue-tent"].picture()


def test_problems(standing_client: Client) -> None:
    with pytest.raises(UnknownItemError, match="'nope'"):
        standing_client.item("nope")
    with pytest.raises(UnknownItemError, match=r"back\.png"):
        standing_client.image("blue-tent", "back.png")
    with pytest.raises(InvalidFilterError, match="did you mean 'price'"):
        standing_client.search(SearchRequest(id="red-ball", filter={"prise": 1}))
    with pytest.raises(InvalidRequestError, match="'k' is a whole number"):
        standing_client.search(SearchRequest(id="red-ball", k=5000))


def test_an_item_is_written_and_deleted(live_client: Client, reindexer: Handler) -> None:
    item = "neu & schön+1"
    live_client.put_item(item, {"color": "red"}, {"vue 1.png": RED_BALL})
    keys = (document_key(item), image_key(item, "vue 1.png"))
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    assert live_client.search(RED_BALL, SearchOptions(k=1)).items[0].id == item
    assert live_client.image(item) == RED_BALL

    live_client.delete_item(item)
    assert failed(reindexer(sqs_event(notification(*keys)), None)) == []
    with pytest.raises(UnknownItemError):
        live_client.delete_item(item)


def test_uploads(live_client: Client, tmp_path: Path) -> None:
    (tmp_path / "my ball.png").write_bytes(RED_BALL)
    key = live_client.upload(tmp_path / "my ball.png")
    assert live_client.search(SearchRequest(upload=key, k=1)).items[0].id == "red-ball"

    large = RED_BALL[:-12] + pictures.chunk(b"teSt", bytes(MOST_DIRECT_BYTES)) + RED_BALL[-12:]
    assert live_client.search(large, SearchOptions(k=1)).items[0].id == "red-ball"


def test_searches_by_words(standing_client: Client) -> None:
    found = standing_client.search(SearchRequest(text="red ball", k=3))
    assert found.items[0].id == "red-ball"
    assert (found.items[0].score, found.familiar) == (None, None)
    every = [item.id for item in standing_client.search_all(SearchRequest(text="red ball", k=2))]
    assert len(every) == len({*every}) == 6
    assert standing_client.health().queries.text == "lexical"
    with pytest.raises(InvalidTextError, match="add one that says more"):
        standing_client.search(SearchRequest(text="the"))
    with pytest.raises(UnsupportedQueryError, match="send the 'text' alone"):
        standing_client.search(RED_BALL, SearchOptions(text="in blue"))
    with pytest.raises(ValueError, match="'text' is empty or blank"):
        SearchRequest(text=" ")
