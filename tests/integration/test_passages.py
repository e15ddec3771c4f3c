"""Texts over a real S3 server: items without a picture are built, followed and published as any, each passage once."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

import pictures
from hashed_words import HashedWords, hashed
from integration.conftest import Reported
from integration.shop import draw, put_image
from tonari.attributes import by_weights
from tonari.builds.look import RebuildContext
from tonari.builds.publish import roll_back
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import Reindexed, reindex
from tonari.catalogue.documents import SCHEMA, document_key
from tonari.contract.findings import decode_report
from tonari.encoders.port import Encoder
from tonari.errors import InvalidCatalogueError
from tonari.index.vectors import from_fixed, to_fixed
from tonari.snapshots.canaries import TEXT
from tonari.snapshots.head import read_head, use_encoder
from tonari.snapshots.indexed import IndexedItem
from tonari.snapshots.manifest import REPORT, read_manifest
from tonari.snapshots.segments import Segment, merge, read_segments
from tonari.snapshots.snapshot import Snapshot, load_reported, load_snapshot, load_tables
from tonari_tools.onnx.default import BuiltEncoder
from tonari_tools.report.material import collect
from tonari_tools.report.render import render

LONG = " ".join(f"Sentence number {number} speaks of rivers and boats." for number in range(40))
ARTICLES = {
    "boats": {"title": "Boats", "text": LONG, "section": "travel", "price": 1},
    "boots": {"title": "Red boots", "text": "Warm boots for the winter.", "section": "shop", "price": 2},
    "title": {"title": "Only a title", "section": "shop"},
    "empty": {"section": "shop"},
}


@dataclass
class Desk:
    """A catalogue of articles beside an encoder that remembers what it was given."""

    context: RebuildContext
    encoders: dict[str, HashedWords]

    def write(self, item: str, document: object) -> None:
        self.context.catalogue.put(document_key(item), json.dumps(document).encode())

    def use(self, name: str) -> HashedWords:
        use_encoder(self.context.artefacts, name)
        return self.encoders[name]

    def given(self) -> list[str]:
        """Texts that the encoders were given since this was last asked; canaries do not count."""
        texts = [text for encoder in self.encoders.values() for text in encoder.texts if text != TEXT]
        for encoder in self.encoders.values():
            encoder.texts.clear()
        return texts

    def build(self) -> Rebuilt:
        return rebuild(self.context)

    def snapshot(self) -> Snapshot:
        name = read_head(self.context.artefacts).head.snapshot
        assert name
        return load_snapshot(self.context.artefacts, name, self.context.cache)

    def follow(self, *items: str) -> Reindexed:
        context = self.context
        tables = functools.partial(_tables, context)
        return reindex(items, context.catalogue, context.artefacts, context.load, tables)

    def overlay(self) -> Segment:
        head = read_head(self.context.artefacts).head
        assert head.encoder
        return merge(head.encoder, read_segments(self.context.artefacts, head.segments, head.encoder))


def _tables(context: RebuildContext, name: str):  # type: ignore[no-untyped-def]
    return load_tables(context.artefacts, name, context.cache)


@pytest.fixture
def desk(context: RebuildContext, load: Callable[[str], Encoder], encoder: str, built: BuiltEncoder) -> Desk:
    made = {"words": HashedWords("text"), "joint": HashedWords("image", "text"), "pictures": HashedWords("image")}
    found = Desk(replace(context, load=lambda name: made[name] if name in made else load(name)), made)
    assert encoder
    for name in made:
        for file, data in (("model.onnx", b""), ("encoder.json", built.config)):
            context.artefacts.put(f"encoders/{name}/{file}", data)
    for item, document in ARTICLES.items():
        found.write(item, document)
    return found


def item(snapshot: Snapshot, name: str) -> IndexedItem:
    position = snapshot.table.find(name)
    assert position is not None
    return snapshot.table.item(position)


def names(found: IndexedItem | None) -> list[str]:
    assert found is not None
    return [view.name for view in found.views]


def test_passages_are_views_of_one_item(desk: Desk, reported: Reported) -> None:
    desk.use("words")
    done = desk.build()
    assert (done.outcome, done.items, done.views, done.encoded, done.reused, done.rejected) == (
        "published",
        4,
        5,
        5,
        0,
        0,
    )
    assert done.cut == 2
    assert any("2 of 5 views are passages that the encoder cuts" in stage for stage in reported.stages)
    snapshot = desk.snapshot()
    assert read_manifest(desk.context.artefacts, snapshot.id).cut == 2
    assert {name: names(item(snapshot, name)) for name in ARTICLES} == {
        "boats": ["#1", "#2", "#3"],
        "boots": ["#1"],
        "title": ["#1"],
        "empty": [],
    }
    (boots,) = item(snapshot, "boots").views
    row, _ = hashed("Red boots\nWarm boots for the winter.", 60)
    assert np.array_equal(boots.embedding, to_fixed(row))
    assert [view.cut for view in item(snapshot, "boats").views] == [True, True, False]


def test_only_changed_texts_are_encoded_again(desk: Desk) -> None:
    desk.use("words")
    desk.build()
    desk.given()
    assert desk.build().outcome == "unchanged"
    assert desk.given() == []

    desk.write("boots", {**ARTICLES["boots"], "price": 99})
    desk.write("boats", {**ARTICLES["boats"], "text": f"A new start of it. {LONG}", "title": "Boats"})
    desk.write("copy", {"title": "Red boots", "text": "Warm  boots for the\nwinter."})
    done = desk.build()
    assert (done.outcome, done.views) == ("published", 6)
    encoded = desk.given()
    assert all(text.startswith("Boats\n") for text in encoded)
    assert (done.encoded, done.reused) == (len(encoded), 6 - len(encoded))
    assert item(desk.snapshot(), "boots").fields["price"] == 99


def test_a_passage_that_moves_is_not_encoded_again(desk: Desk) -> None:
    desk.use("words")
    parts = [f"{name} " * 120 + "end." for name in ("one", "two", "three", "four")]
    desk.write("boats", {"title": "T", "text": "\n\n".join(parts)})
    desk.build()
    desk.given()
    desk.write("boats", {"title": "T", "text": "\n\n".join(["new " * 120 + "end.", *parts])})
    assert desk.build().encoded == 1
    desk.write("boats", {"title": "T", "text": "\n\n".join(parts[2:])})
    assert desk.build().encoded == 0
    assert len(desk.given()) == 1


def test_events_lead_to_what_is_written_now(desk: Desk) -> None:
    desk.use("words")
    desk.build()
    desk.given()

    desk.write("boots", {**ARTICLES["boots"], "price": 5})
    assert desk.follow("boots").outcome == "published"
    assert desk.given() == []
    desk.write("boots", {**ARTICLES["boots"], "text": "Green wellingtons."})
    desk.write("new", {"title": "A new one"})
    assert desk.follow("boots", "new", "title").items == 2
    assert sorted(desk.given()) == ["A new one", "Red boots\nGreen wellingtons."]
    desk.context.catalogue.delete(document_key("boats"))
    desk.write("title", {})
    desk.follow("boats", "title")
    assert desk.follow("boats", "title").outcome == "unchanged"
    overlay = desk.overlay().items
    assert overlay["boats"] is None
    assert names(overlay["title"]) == []
    assert names(overlay["boots"]) == names(overlay["new"]) == ["#1"]
    done = desk.build()
    assert (done.outcome, done.encoded, done.views) == ("published", 0, 2)
    assert desk.given() == []


def test_a_text_that_cannot_be_encoded_is_rejected_alone(desk: Desk) -> None:
    desk.use("words")
    for number in range(40):
        desk.write(f"n{number:02}", {"title": f"Article {number}"})
    desk.write("signs", {"title": "!?", "text": "…"})
    done = desk.build()
    assert (done.rejected, done.views) == (1, 45)
    assert dict(desk.snapshot().rejected) == {"items/signs.json#1": "The text has no word: give it one."}
    desk.given()
    assert desk.build().outcome == "unchanged"
    desk.write("signs", {"title": "??"})
    desk.follow("signs")
    assert list(desk.overlay().rejected) == ["items/signs.json#1"]
    desk.write("signs", {"title": "A word"})
    desk.follow("signs")
    assert not desk.overlay().rejected
    assert names(desk.overlay().items["signs"]) == ["#1"]


def test_a_run_that_ends_too_early_leaves_its_passages_to_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.use("words")
    monkeypatch.setattr("tonari.builds.rebuild.SHARD", 2)
    left = iter([900.0] * 3)
    hurried = replace(desk, context=replace(desk.context, remaining=lambda: next(left, 20.0)))
    first = hurried.build()
    assert (first.outcome, first.encoded) == ("unfinished", 2)
    second = rebuild(desk.context, first.build)
    assert (second.outcome, second.views, second.encoded, second.reused) == ("published", 5, 3, 2)
    assert (second.cut, len(desk.given())) == (2, 5)


def test_the_schema_names_the_fields_for_rebuilds_and_events(desk: Desk) -> None:
    desk.use("words")
    desk.context.catalogue.put(SCHEMA, json.dumps({"passages": {"title": "section", "text": ["price"]}}).encode())
    desk.build()
    assert sorted(desk.given()) == ["shop", "shop\n2", "travel\n1"]
    desk.write("new", {"title": "T", "section": "opera"})
    desk.context.catalogue.delete(SCHEMA)  # what is live was built with it
    desk.follow("new")
    assert desk.given() == ["opera"]
    assert desk.build().views == 6
    assert "T" in desk.given()


def test_pictures_to_texts_and_back(desk: Desk, encoder: str) -> None:
    put_image(desk.context.catalogue, "boots", pictures.encoded(draw("red", "box"), "PNG"), "front.png")
    put_image(desk.context.catalogue, "bare", pictures.encoded(draw("blue", "box"), "PNG"), "front.png")
    by_pictures = desk.build()
    assert (by_pictures.items, by_pictures.views) == (5, 2)
    assert names(item(desk.snapshot(), "boots")) == ["front.png"]
    desk.use("words")
    by_words = desk.build()
    assert (by_words.items, by_words.views) == (5, 5)
    assert (names(item(desk.snapshot(), "boots")), names(item(desk.snapshot(), "bare"))) == (["#1"], [])
    assert desk.follow("bare", "boots").outcome == "unchanged"
    assert roll_back(desk.context).changed == 0
    assert names(item(desk.snapshot(), "boots")) == ["front.png"]
    desk.write("boots", {**ARTICLES["boots"], "text": "Other."})
    desk.use("joint")
    joint = desk.build()
    assert joint.views == 2 + 4
    assert {name: names(item(desk.snapshot(), name)) for name in ("boots", "bare", "title")} == {
        "boots": ["front.png"],
        "bare": ["front.png"],
        "title": ["#1"],
    }
    use_encoder(desk.context.artefacts, encoder)
    assert desk.build().views == 2


def test_an_item_of_a_joint_encoder_goes_from_words_to_pictures_and_back(desk: Desk) -> None:
    joint = desk.use("joint")
    desk.build()
    picture = pictures.encoded(draw("red", "box"), "PNG")
    put_image(desk.context.catalogue, "boots", picture, "front.png")
    desk.follow("boots")
    assert names(desk.overlay().items["boots"]) == ["front.png"]
    assert joint.pictures
    desk.context.catalogue.delete("images/boots/front.png")
    desk.given()
    desk.follow("boots")
    assert names(desk.overlay().items["boots"]) == ["#1"]
    assert desk.build().views == 5
    put_image(desk.context.catalogue, "boots", picture, "#1")
    assert desk.build().rejected == 1
    assert names(item(desk.snapshot(), "boots")) == ["#1"]
    assert "another name" in desk.snapshot().rejected["images/boots/#1"]


STYLES = {"river": "It speaks of rivers and boats.", "cold": "Warm boots for the winter.", "kale": "Cabbage, kale."}


def describe(desk: Desk, classes: dict[str, str]) -> None:
    schema = {"fields": {"style": {"attribute": True, "classes": classes}}}
    desk.context.catalogue.put(SCHEMA, json.dumps(schema).encode())


def test_classes_that_are_described_in_words_answer_until_items_are_labelled(desk: Desk, reported: Reported) -> None:
    desk.use("words")
    describe(desk, STYLES)
    desk.build()
    snapshot = desk.snapshot()
    model = snapshot.learned["style"]
    assert (model.classes, model.default, dict(model.calibrations)) == (("cold", "kale", "river"), "means", {})
    assert "3 of 3 classes have no labelled item yet" in model.reason
    for text, style in (("Boats and rivers", "river"), ("winter boots", "cold")):
        query = hashed(text, 60)[0]
        found = by_weights(query[None], model, model.default)
        assert (found.ranked[0].value, found.calibrated) == (style, False)
        assert found.ranked[0].score == pytest.approx(float(query @ hashed(STYLES[style], 60)[0]), abs=0.01)
    quality = decode_report(load_reported(desk.context.artefacts, snapshot.id, REPORT)).attributes["style"]
    assert (quality.described, quality.sampled) == (("cold", "kale", "river"), (0, 0, 0))

    desk.write("boots", {**ARTICLES["boots"], "style": "cold"})
    desk.build()
    model = desk.snapshot().learned["style"]
    assert dict(zip(model.classes, model.means.sampled.tolist(), strict=True)) == {"cold": 1, "kale": 0, "river": 0}
    (boots,) = item(desk.snapshot(), "boots").views
    assert np.allclose(model.means.weights[0], from_fixed(boots.embedding), atol=0.01)

    for name, style in (("boats", "river"), ("title", "kale")):
        desk.write(name, {**ARTICLES[name], "style": style})
    assert desk.build().outcome == "published"
    model = desk.snapshot().learned["style"]
    assert (model.classes, model.default) == (("cold", "kale", "river"), "discriminant")
    assert "described" not in model.reason

    use = desk.use("pictures")
    describe(desk, STYLES | {"new": "A new one."})
    desk.build()
    model = desk.snapshot().learned["style"]
    assert model.classes == ()
    assert "the encoder knows no words" in model.reason
    assert any(f"the encoder {use.name} knows no words" in stage for stage in reported.stages)


def test_a_description_without_words_is_refused(desk: Desk) -> None:
    desk.use("words")
    describe(desk, {"odd": "!?"})
    with pytest.raises(InvalidCatalogueError, match="'style' by what has no word"):
        desk.build()


def test_copies_of_a_text_are_reported_and_the_report_shows_their_words(desk: Desk) -> None:
    desk.use("words")
    for name in ("one", "two"):
        desk.write(name, {"title": "A boat for sale", "text": "It floats & sinks.", "price": len(name)})
    desk.build()
    context = desk.context
    material = collect(context.catalogue, context.artefacts, context.cache, 0, lambda *_: None)
    (group,) = material.audit.duplicates.items
    assert (group.ids, group.images, group.score) == (("one", "two"), ("items/one.json#1", "items/two.json#1"), 1.0)
    assert {material.thumbnail(key).text for key in group.images} == {"A boat for sale"}
    assert "A boat for sale" in render(material)
