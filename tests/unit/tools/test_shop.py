"""The drawn shop: the same bytes for the same seed, enough variety, pictures that show what the fields say."""

from __future__ import annotations

import io
from collections import Counter
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from tonari.fields.schema import parse_schema
from tonari_shop import draw_shop
from tonari_shop.assortment import CATEGORIES, COLOURS, Article, assortment
from tonari_shop.shapes import mirror, trace, whole
from tonari_shop.studio import SIZE, Camera, photograph
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue


@pytest.fixture(scope="module")
def articles() -> list[Article]:
    return list(assortment())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> LocalCatalogue:
    folder = tmp_path_factory.mktemp("shop")
    seen: list[tuple[int, int]] = []
    table = draw_shop(folder / "drawn", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, len(seen)) for done in range(1, len(seen) + 1)]
    return read_catalogue(folder / "drawn", Reading(table))


def test_it_is_what_push_takes(shop: LocalCatalogue, articles: list[Article]) -> None:
    assert shop.notes == ()
    assert [item.id for item in shop.items] == [article.id for article in articles]
    for item, article in zip(shop.items, articles, strict=True):
        assert item.fields == article.fields
        assert [*item.views] == [f"{view}.jpg" for view in article.views]


def test_its_schema_names_the_attributes(shop: LocalCatalogue) -> None:
    assert shop.schema is not None
    schema = parse_schema(shop.schema, [dict(item.fields or {}) for item in shop.items])
    assert set(schema.attributes) == {"category", "color", "pattern"}
    assert set(schema.fields) == set(shop.items[0].fields or {})


def test_drawing_again_gives_the_same_bytes(shop: LocalCatalogue, articles: list[Article]) -> None:
    for item, article in list(zip(shop.items, articles, strict=True))[::9]:
        for path, (camera, backdrop) in zip(item.views.values(), article.views.values(), strict=True):
            assert path.read_bytes() == photograph(article.product, camera, backdrop)


def test_the_seed_decides(articles: list[Article]) -> None:
    assert list(assortment()) == articles
    assert list(assortment(1)) != articles


def test_there_is_enough_to_choose_from(articles: list[Article]) -> None:
    assert 150 <= len(articles) <= 200
    assert len({article.id for article in articles}) == len(articles)
    assert len(CATEGORIES) >= 10
    pairs = Counter((article.fields["category"], article.fields["color"]) for article in articles)
    assert len(pairs) == len(CATEGORIES) * len(COLOURS)
    assert min(pairs.values()) >= 1
    assert {len(article.views) for article in articles} == {2, 3}
    assert {view for article in articles for view in article.views} == {"front", "turned", "close", "scene"}


def test_fields_have_their_types(articles: list[Article]) -> None:
    for article in articles:
        assert isinstance(article.fields["price"], float)
        assert article.fields["price"] == round(article.fields["price"], 2) > 0
        assert isinstance(article.fields["in_stock"], bool)
        assert date.fromisoformat(str(article.fields["added"]))
    assert len({article.fields["in_stock"] for article in articles}) == 2


def test_views_are_jpegs_of_one_size_and_differ(shop: LocalCatalogue) -> None:
    for item in shop.items[::7]:
        views = [path.read_bytes() for path in item.views.values()]
        assert len(set(views)) == len(views)
        for view in views:
            with Image.open(io.BytesIO(view)) as picture:
                assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (SIZE, SIZE))


def test_a_picture_shows_the_colour_that_its_document_names(articles: list[Article]) -> None:
    names, colours = [*COLOURS], np.array([*COLOURS.values()], float)
    plain = [a for a in articles if (a.fields["category"], a.fields["pattern"]) == ("t-shirt", "plain")]
    assert len(plain) >= 4
    for article in plain:
        picture = np.asarray(Image.open(io.BytesIO(photograph(article.product, *article.views["front"]))), float)
        chest = np.median(picture[180:260, 170:215].reshape(-1, 3), axis=0)
        assert names[int(np.linalg.norm(colours - chest, axis=1).argmin())] == article.fields["color"]


def test_a_curve_ends_where_it_says_and_has_no_gap() -> None:
    points = trace("M 0 0 Q 50 100 100 0 L 100 50 C 80 50 60 70 50 80")
    assert points[0] == (0, 0)
    assert points[-1] == pytest.approx((50, 80))
    assert max(abs(x1 - x2) + abs(y1 - y2) for (x1, y1), (x2, y2) in pairwise(points)) <= 50


def test_a_whole_is_symmetric() -> None:
    points = whole("M 50 0 L 80 40 L 50 90").points
    assert set(points) == set(mirror(points))


@pytest.mark.parametrize(
    ("camera", "point", "pixel"),
    [
        (Camera(), (50, 50), (192, 192)),
        (Camera(), (100, 0), (384, 0)),
        (Camera(zoom=2, focus=(25, 75)), (25, 75), (192, 192)),
        (Camera(across=-1), (0, 30), (384, 115.2)),
        (Camera(turn=90), (100, 50), (192, 384)),
    ],
)
def test_a_camera_projects(camera: Camera, point: tuple[float, float], pixel: tuple[float, float]) -> None:
    assert camera.project([point], SIZE)[0] == pytest.approx(pixel)
