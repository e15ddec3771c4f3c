"""Who votes on several attributes at once, against plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, World, random_world, tiny_encoder
from tonari.attributes import AttributeModel
from tonari.attributes.crossfit import USUAL
from tonari.attributes.weights import ClassWeights
from tonari.contract.engine import EngineAnswer, EngineQuery
from tonari.contract.filter_tree import EVERYTHING, And, Condition, Range
from tonari.encoders.port import Encoder
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Schema, values_of
from tonari.query import predict as module
from tonari.query.predict import predict
from tonari.query.queries import Query, query_item, query_vector
from tonari.query.serving import Serving

ATTRIBUTES = ("brand", "new", "tags")
CLASSES: dict[str, tuple[Any, ...]] = {"brand": ("acme", "bolt", "隣"), "new": (False, True), "tags": ("a", "b", "c")}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"))


def predicting(world: World) -> Serving:
    """Let the fields of a world be attributes, with weights of their own."""
    random = np.random.default_rng(1)

    def model(name: str) -> AttributeModel:
        classes = CLASSES[name]
        count = len(classes)
        weights = random.standard_normal((count, DIMENSIONS), np.float32)
        one = ClassWeights(classes, weights, np.zeros(count, np.float32), np.full(count, 9), np.arange(count))
        return AttributeModel(name == "tags", one, one, USUAL, {})

    fields = world.serving.snapshot.schema.fields
    schema = Schema({name: replace(about, attribute=name in ATTRIBUTES) for name, about in fields.items()})
    learned = {name: model(name) for name in ATTRIBUTES}
    return replace(world.serving, snapshot=replace(world.serving.snapshot, schema=schema, learned=learned))


class Counting:
    """Passes searches on and counts them."""

    def __init__(self, serving: Serving) -> None:
        self._engine, self.searches = serving.engine, 0

    def search(self, query: EngineQuery) -> EngineAnswer:
        self.searches += 1
        return self._engine.search(query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(0, 2**32), st.integers(1, 100), st.integers(0, 20), st.integers(1, 12)),
    st.integers(1, 12),
    st.sampled_from([1, 5, 128]),
    st.booleans(),
    st.booleans(),
)
def test_the_nearest_that_have_an_attribute_vote_on_it(
    encoder: Encoder,
    drawn: tuple[int, int, int, int],
    k: int,
    shared: int,
    by_item: bool,  # noqa: FBT001
    narrow: bool,  # noqa: FBT001
) -> None:
    world = random_world(encoder, *drawn)
    serving = predicting(world)
    seen = [item.id for item in world.items.values() if item.views]
    query = query_item(serving, seen[0]) if by_item and seen else query_vector(serving, [1.0, 0.5, 0.2])
    within = Range(Condition("price", "$lt", (1.5,))) if narrow else EVERYTHING

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_SHARED", shared)
        patch.setattr(module, "SHARED_PER_VOTER", 1)
        found = predict(serving, query, None, "vote", k, within)

    assert tuple(found) == ATTRIBUTES
    for name, answer in found.items():
        about = serving.snapshot.schema.fields[name]
        fields = {item: world.items[item].fields for _, item in world.ranked(query.embeddings, query.items)}
        expected = [
            item
            for item, has in fields.items()
            if values_of(has.get(name), about) and (not narrow or has.get("price", 9) < 1.5)
        ]
        assert [voter.id for voter in answer.voters] == expected[:k]
        assert all(
            voter.value == (values if name == "tags" else values[0])
            for voter in answer.voters
            if (values := values_of(fields[voter.id].get(name), about))
        )


def test_one_search_serves_all_attributes(encoder: Encoder) -> None:
    serving = predicting(random_world(encoder, 1, 150, 0, 12))
    counting = Counting(serving)
    query = Query(np.eye(1, DIMENSIONS, dtype=np.float32))

    predict(replace(serving, engine=counting), query, ATTRIBUTES * 50, "vote", 9, EVERYTHING)  # type: ignore[arg-type]

    assert counting.searches == 1


def test_a_long_filter_is_not_evaluated_for_many_attributes(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = predicting(random_world(encoder, 1, 150, 0, 12))
    query = Query(np.eye(1, DIMENSIONS, dtype=np.float32))
    long = Range(And((Condition("price", "$exists", (True,)),) * 60))
    monkeypatch.setattr(module, "LEAST_SHARED", 1)
    monkeypatch.setattr(module, "SHARED_PER_VOTER", 0)
    monkeypatch.setattr(module, "MOST_CONDITIONS", 100)

    predict(serving, query, ["brand"], "vote", 9, long)
    with pytest.raises(
        InvalidRequestError, match=r"filter of 60 conditions are more than 100 .* name fewer attributes"
    ):
        predict(serving, query, ATTRIBUTES, "vote", 9, long)
