"""Whether a query is like anything in the catalogue, whatever the request narrows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from catalogues import Counting, one_view, serve, tiny_encoder
from tonari.contract.filter_tree import EVERYTHING, Condition, Range
from tonari.contract.findings import Familiarity
from tonari.encoders.image import ImageEncoder
from tonari.query.cursor import PageEnd
from tonari.query.familiar import judge, nearest_of
from tonari.query.queries import query_examples, query_item, query_vector
from tonari.query.search import SearchParams, search
from tonari.query.serving import Serving

LEVEL = 0.8
STRANGE = (0.0, 0.0, 1.0)
LIKE_A = (1.0, 0.2, 0.0)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ImageEncoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


def serving_of(encoder: ImageEncoder, level: float | None = LEVEL) -> Serving:
    """Two items, a level, and a third item that was added since."""
    items = [one_view("a", "acme", 1, 0, 0), one_view("b", "bolt", 0, 1, 0)]
    serving = serve(encoder, items, [{"new": one_view("new", "acme", -1, 0, 0)}])
    return replace(serving, snapshot=replace(serving.snapshot, familiarity=Familiarity(level, 100, 0)))


def test_the_nearest_cosine_decides(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    near, far = judge(serving, query_vector(serving, LIKE_A)), judge(serving, query_vector(serving, STRANGE))
    assert (near.familiar, near.nearest, near.level) == (True, pytest.approx(1 / np.hypot(1, 0.2), abs=1e-4), LEVEL)
    assert (far.familiar, far.nearest, far.level) == (False, pytest.approx(0, abs=1e-4), LEVEL)


def test_the_level_itself_is_familiar(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    query = query_vector(serving, LIKE_A)
    nearest = judge(serving, query).nearest
    assert nearest is not None
    for level, familiar in ((nearest, True), (nearest + 1e-6, False)):
        assert judge(replace(serving, snapshot=serving_of(encoder, level).snapshot), query).familiar is familiar


def test_items_added_since_the_snapshot_count(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    assert judge(serving, query_vector(serving, (-1.0, 0.1, 0.0))).familiar


@pytest.mark.parametrize("within", [Range(Condition("brand", "$eq", ("bolt",))), Range(ids=("b",)), Range(ids=())])
def test_a_range_makes_nothing_a_stranger(encoder: ImageEncoder, within: Range) -> None:
    serving = serving_of(encoder)
    query, params = query_vector(serving, LIKE_A), SearchParams(3, within)
    found = search(serving, query, params)
    assert nearest_of(found, query, params) is None
    assert judge(serving, query, nearest_of(found, query, params)).familiar


def test_a_search_of_everything_serves_both(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    query, params = query_vector(serving, STRANGE), SearchParams(1, EVERYTHING)
    found = search(serving, query, params)
    counting = Counting(serving)
    likeness = judge(replace(serving, engine=counting), query, nearest_of(found, query, params))  # type: ignore[arg-type]
    assert (likeness, counting.searches) == (judge(serving, query), 0)


def test_later_pages_and_cut_off_answers_do_not_decide(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    query = query_vector(serving, LIKE_A)
    for params in (SearchParams(3, EVERYTHING, after=PageEnd(0.9, "a", 1)), SearchParams(3, EVERYTHING, min_score=1)):
        found = search(serving, query, params)
        assert judge(serving, query, nearest_of(found, query, params)).familiar


def test_an_item_is_familiar_without_a_search(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder, 1.0)
    counting = Counting(serving)
    assert judge(replace(serving, engine=counting), query_item(serving, "a")).familiar  # type: ignore[arg-type]
    assert counting.searches == 0


def test_examples_are_compared_with_themselves_too(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    query = query_examples(serving, ["a"], [])
    params = SearchParams(3, EVERYTHING)
    found = search(serving, query, params)
    assert [one.item.id for one in found.items] == ["b", "new"]
    assert judge(serving, query, nearest_of(found, query, params)).nearest == pytest.approx(1, abs=1e-4)


def test_without_a_level_everything_is_familiar(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder, None)
    likeness = judge(serving, query_vector(serving, STRANGE))
    assert (likeness.familiar, likeness.level) == (True, None)


def test_an_empty_catalogue_knows_nothing(encoder: ImageEncoder) -> None:
    serving = serving_of(encoder)
    empty = replace(serving, engine=serve(encoder, []).engine)
    likeness = judge(empty, query_vector(serving, LIKE_A))
    assert (likeness.familiar, likeness.nearest) == (False, None)
