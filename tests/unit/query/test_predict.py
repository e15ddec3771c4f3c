"""Who votes on several attributes at once, against plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogues import DIMENSIONS, Counting, World, one_view, random_world, serve, tiny_encoder
from tonari.api.presenting import show_prediction
from tonari.attributes import AttributeModel, Method
from tonari.attributes.crossfit import USUAL
from tonari.attributes.weights import ClassWeights
from tonari.contract.filter_tree import EVERYTHING, And, Condition, Range
from tonari.encoders.port import Encoder
from tonari.errors import InvalidRequestError
from tonari.fields.schema import Field, Schema, values_of
from tonari.query import predict as module
from tonari.query.predict import Answer, predict
from tonari.query.queries import Query, query_item, query_vector
from tonari.query.serving import Serving
from tonari.snapshots.indexed import IndexedItem

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
        if answer.label:
            assert answer.label == values_of(world.items[seen[0]].fields.get(name), about)
            near = world.ranked(query.embeddings, query.items)[: module.MOST_TWINS]
            copies = {item for score, item in near if score >= module.COPY}
            expected = [item for item in expected if item not in copies]
        assert [voter.item.id for voter in answer.voters] == expected[:k]
        assert all(voter.values == values_of(fields[voter.item.id].get(name), about) for voter in answer.voters)


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


def labelled(encoder: Encoder, *items: IndexedItem, split_by: str = "") -> Serving:
    """Items whose brand is an attribute, with one weight vector for each of two brands."""
    serving = serve(encoder, items)  # type: ignore[arg-type]
    weights = np.eye(2, DIMENSIONS, dtype=np.float32)
    one = ClassWeights(("acme", "bolt"), weights, np.zeros(2, np.float32), np.full(2, 9), np.arange(2))
    fields = {"brand": Field("string", attribute=True), "price": Field("number")}
    learned = {"brand": AttributeModel(False, one, one, USUAL, {})}
    snapshot = replace(serving.snapshot, schema=Schema(fields, split_by=split_by), learned=learned)
    return replace(serving, snapshot=snapshot)


def about_brand(serving: Serving, query: Query, method: Method | None = None, *, familiar: bool = True) -> Answer:
    return predict(serving, query, ["brand"], method, 9, EVERYTHING, familiar=familiar)["brand"]


def turned(item: str, brand: str | None, degrees: float) -> IndexedItem:
    """An item with one picture, turned so far away from the first axis."""
    return one_view(item, brand, np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0)


AROUND = (
    turned("self", "acme", 0),
    turned("copy", "acme", 3),
    turned("near", "bolt", 20),
    turned("next", "bolt", 25),
    turned("far", "acme", 90),
)


@pytest.mark.parametrize("method", [None, "discriminant", "means", "vote"])
def test_an_item_does_not_vote_for_its_own_label(encoder: Encoder, method: Method | None) -> None:
    """Weights and a copy would say acme with certainty; what is not the item itself says bolt."""
    serving = labelled(encoder, *AROUND)
    answer = about_brand(serving, query_item(serving, "self"), method)
    assert answer.label == ("acme",)
    assert [one.item.id for one in answer.voters] == ["near", "next", "far"]
    assert (answer.prediction.method, answer.prediction.ranked[0].value, answer.agree) == ("vote", "bolt", False)
    shown = show_prediction(answer)
    assert (shown.value, shown.score, shown.method, shown.abstained) == ("acme", None, "label", False)
    assert [one.value for one in shown.alternatives] == ["bolt", "acme"]
    assert [one.id for one in shown.supporting] == ["far"]
    assert [one.id for one in shown.against] == ["near", "next"]


def test_an_item_without_a_label_is_predicted(encoder: Encoder) -> None:
    """Of what it lacks, its copy is the best witness."""
    serving = labelled(encoder, turned("self", None, 0), *AROUND[1:])
    answer = about_brand(serving, query_item(serving, "self"))
    assert (answer.label, answer.voters[0].item.id) == ((), "copy")
    assert (answer.prediction.method, answer.prediction.ranked[0].value) == ("discriminant", "acme")


def test_the_same_vector_is_no_item(encoder: Encoder) -> None:
    serving = labelled(encoder, *AROUND)
    answer = about_brand(serving, query_vector(serving, [1.0, 0.0, 0.0]))
    assert answer.label == ()
    assert answer.voters[0].item.id == "self"


def test_variants_of_one_product_do_not_vote_for_each_other(encoder: Encoder) -> None:
    shots = [
        replace(turned(f"shot {number}", None, 20 * number), fields={"brand": "acme", "price": 5 + number // 3})
        for number in range(4)
    ]
    serving = labelled(encoder, *shots, split_by="price")
    answer = about_brand(serving, query_item(serving, "shot 0"))
    assert [one.item.id for one in answer.voters] == ["shot 3"]


def test_each_attribute_has_its_own_method(encoder: Encoder) -> None:
    serving = labelled(encoder, *AROUND)
    query = query_vector(serving, [1.0, 0.4, 0.0])
    assert about_brand(serving, query).prediction.method == "discriminant"
    learned = {"brand": replace(serving.snapshot.learned["brand"], default="vote")}
    voting = replace(serving, snapshot=replace(serving.snapshot, learned=learned))
    assert about_brand(voting, query).prediction.method == "vote"
    assert about_brand(voting, query, "discriminant").prediction.method == "discriminant"


def test_a_stranger_gets_no_value(encoder: Encoder) -> None:
    serving = labelled(encoder, *AROUND)
    query = query_vector(serving, [1.0, 0.4, 0.0])
    shown = show_prediction(about_brand(serving, query, familiar=False))
    assert (shown.value, shown.score, shown.abstained, shown.abstained_because) == (None, None, True, "unfamiliar")
    assert not shown.calibrated
    known = show_prediction(about_brand(serving, query))
    assert (known.value, known.abstained, known.abstained_because) == ("acme", False, None)


def test_three_neighbours_speak_for_a_class_and_three_against_it(encoder: Encoder) -> None:
    brands = ["acme", "bolt", "acme", "acme", "bolt", "acme", "bolt", "bolt"]
    items = [turned(f"{number}", brand, 5 * number) for number, brand in enumerate(brands)]
    shown = show_prediction(about_brand(labelled(encoder, *items), Query(np.eye(1, DIMENSIONS, dtype=np.float32))))
    assert shown.value == "acme"
    assert [one.id for one in shown.supporting] == ["0", "2", "3"]
    assert [one.id for one in shown.against] == ["1", "4", "6"]
    assert {(one.view, one.image) for one in shown.against[:1]} == {("a.jpg", "/v1/items/1/image?view=a.jpg")}
    assert {one.value for one in shown.against} == {"bolt"}
    written = msgspec.json.decode(msgspec.json.encode(shown))
    assert [one["id"] for one in written["for"]] == ["0", "2", "3"]
