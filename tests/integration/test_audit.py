"""The audit of a catalogue into which mistakes were planted: it finds them, and little else."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aws.services import Endpoint
from integration.shop import PRODUCTS, put_document, put_image
from tonari.builds.assemble import build_snapshot
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import SCHEMA, image_key
from tonari.contract.findings import REPORT_FORMAT, MissingValues, decode_audit
from tonari.contract.forms import encode
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import parse_schema
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import AUDIT, REPORT, read_manifest
from tonari.snapshots.snapshot import Snapshot, load_reported, load_snapshot
from tonari.snapshots.storing import write_snapshot
from tonari.snapshots.table import build_table
from tonari.storage.bucket import Bucket
from tonari_tools.cli.main import main

DIMENSIONS = 24
ITEMS = 900
WRONG = tuple(f"i{number}-0" for number in range(0, 200, 10))
UNTAGGED = tuple(f"i{number}-1" for number in range(3, 200, 10))
LACKING = tuple(f"i{number}-2" for number in range(0, 300, 6))
SCHEMA_JSON = {
    "fields": {
        "kind": {"type": "string", "attribute": True},
        "tags": {"type": "strings", "attribute": True},
    },
    "split_by": "product",
}


def draw() -> tuple[list[IndexedItem], dict[str, str], dict[str, list[str]]]:
    """Draw 300 products of three items, their kinds and tags; plant wrong labels, lost tags, gaps."""
    random = np.random.default_rng(0)
    kinds, tags = 3 * random.standard_normal((2, 3, DIMENSIONS))
    made, kind_of, tags_of = [], {}, {}
    for product in range(ITEMS // 3):
        kind, has = "abc"[product % 3], random.random(3) < (0.5, 0.4, 0.3)
        for number in range(3):
            item = f"i{product}-{number}"
            vector = kinds[product % 3] + has @ tags + random.standard_normal(DIMENSIONS)
            kind_of[item] = kind
            tags_of[item] = ["every", *(name for name, one in zip("uvw", has, strict=True) if one)]
            fields: dict[str, Any] = {"product": f"p{product}", "kind": kind, "tags": tags_of[item]}
            if item in WRONG:
                fields["kind"] = "abc"[(product + 1) % 3]
            if item in UNTAGGED:
                fields["tags"] = ["every"]
            if item in LACKING:
                del fields["kind"]
            views = tuple(
                IndexedView(f"{view}.jpg", "e", _unit(vector + 0.5 * random.standard_normal(DIMENSIONS)))
                for view in range(1 + product % 2)
            )
            made.append(IndexedItem(item, fields, "e", views))
    made.append(IndexedItem("unseen", {"product": "unseen"}, "e", ()))
    return made, kind_of, tags_of


def _unit(vector: NDArray[np.float64]) -> NDArray[np.int16]:
    return to_fixed(vector / np.linalg.norm(vector))


@pytest.fixture(scope="module")
def audited() -> Snapshot:
    schema = parse_schema(json.dumps(SCHEMA_JSON).encode())
    return build_snapshot("e" * 64, schema, build_table(draw()[0], schema, DIMENSIONS), {})


@pytest.fixture(scope="module")
def audit(audited: Snapshot) -> dict[str, Any]:
    reported: dict[str, Any] = json.loads(encode(audited.reported[AUDIT]))
    return reported


def test_planted_labels_are_found_and_right_ones_are_left_alone(audit: dict[str, Any]) -> None:
    found = audit["contradicted"]
    kinds = [one for one in found["items"] if one["attribute"] == "kind"]
    ids = {one["id"] for one in kinds}

    assert len(ids & set(WRONG)) >= 0.9 * len(WRONG)
    assert len(ids - set(WRONG)) <= 0.01 * ITEMS
    _, kind_of, _ = draw()
    for one in kinds:
        if one["id"] in WRONG:
            assert one["discriminant"]["value"] == one["vote"]["value"] == kind_of[one["id"]] != one["label"]
            assert one["discriminant"]["probability"] > 0.5
            assert 0 < one["vote"]["share"] <= 1
    assert found["count"] == len(found["items"]) <= found["suspected"]
    worth = [one["worth"] for one in found["items"]]
    assert worth == sorted(worth, reverse=True)
    assert set(WRONG) & ids >= {one["id"] for one in kinds[: len(WRONG) // 2]}


def test_neighbours_are_of_other_products(audit: dict[str, Any]) -> None:
    for one in audit["contradicted"]["items"]:
        product = one["id"].partition("-")[0]
        assert 0 < len(one["neighbours"]) <= 9
        assert all(neighbour.partition("-")[0] != product for neighbour in one["neighbours"])


def test_tags_that_are_lost_are_found(audit: dict[str, Any]) -> None:
    _, _, tags_of = draw()
    said = {
        (one["id"], one["vote"]["value"]): one for one in audit["contradicted"]["items"] if one["attribute"] == "tags"
    }
    lost = {(item, tag) for item in UNTAGGED for tag in tags_of[item] if tag != "every"}

    assert len(said.keys() & lost) >= 0.6 * len(lost)
    assert len(said.keys() - lost) <= 0.02 * ITEMS
    assert all(isinstance(one["label"], list) and tag not in one["label"] for (_, tag), one in said.items())


def test_gaps_are_filled_where_that_is_sure(audit: dict[str, Any]) -> None:
    _, kind_of, _ = draw()
    found = audit["missing"]
    filled = {one["id"]: one for one in found["items"]}

    assert found["checked"] == len(LACKING)
    assert filled.keys() <= set(LACKING)
    assert found["count"] == len(filled) >= 0.9 * len(LACKING)
    assert np.mean([one["value"] == kind_of[item] for item, one in filled.items()]) > 0.95
    assert np.mean([one["agree"] for one in filled.values()]) > 0.9


def test_a_catalogue_without_mistakes_is_hardly_blamed() -> None:
    schema = parse_schema(json.dumps(SCHEMA_JSON).encode())
    made, kind_of, tags_of = draw()
    right = [
        IndexedItem(one.id, {**one.fields, "kind": kind_of[one.id], "tags": tags_of[one.id]}, "e", one.views)
        for one in made
        if one.views
    ]

    built = build_snapshot("e" * 64, schema, build_table(right, schema, DIMENSIONS), {})
    found = decode_audit(encode(built.reported[AUDIT]))

    assert found.contradicted.count <= 0.01 * 2 * ITEMS
    assert found.missing == MissingValues(0, 0, ())


def test_the_report_stands_by_its_figures(audited: Snapshot) -> None:
    report = json.loads(encode(audited.reported[REPORT]))

    assert (report["format"], set(report["attributes"])) == (REPORT_FORMAT, {"kind", "tags"})
    assert report["grouping"]["rules"][0] == {
        "rule": "split_by", "how": "product", "groups": ITEMS // 3, "items": ITEMS, "largest": 3
    }  # fmt: skip
    kind = report["attributes"]["kind"]
    assert (kind["several"], kind["classes"], len(kind["sampled"])) == (False, ["a", "b", "c"], 3)
    for method, calibration in audited.learned["kind"].calibrations.items():
        said = kind["methods"][method]
        assert said["accuracy"] == calibration.accuracy
        assert {"held_out", "macro_f1", "calibration_error", "coverage", "threshold", "precision"} <= said.keys()
        assert {one["truth"] for one in said["confusion"]} == {"a", "b", "c"}
    assert report["attributes"]["tags"]["methods"]["vote"]["confusion"] == []


def test_what_tells_is_stored_and_not_fetched_to_serve(audited: Snapshot, artefacts: Bucket, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    write_snapshot(artefacts, audited, tmp_path / "folder")

    loaded = load_snapshot(artefacts, audited.id, tmp_path / "cache")

    manifest = read_manifest(artefacts, audited.id)
    kept = {path.name for path in (tmp_path / "cache").iterdir()}
    for name in (REPORT, AUDIT):
        key = f"snapshots/{audited.id}/{name}"
        data = artefacts.get(key).data
        assert manifest.files[name] == hashlib.sha256(data).hexdigest() not in kept
        assert load_reported(artefacts, audited.id, name) == data
        artefacts.put(key, data.replace(b"1", b"2", 1))
        with pytest.raises(CorruptArtefactError, match=name):
            load_reported(artefacts, audited.id, name)
    assert (loaded.reported, set(loaded.learned)) == ({}, {"kind", "tags"})


def mosaic(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8))
    return small.resize((400, 400), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture
def on_s3(on_seaweed: Endpoint, artefacts: Bucket, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """What the command line talks to."""
    monkeypatch.setenv("TONARI_ARTEFACT_BUCKET", artefacts.name)
    return on_seaweed


@pytest.mark.usefixtures("on_s3", "encoder")
def test_the_same_picture_is_found_however_it_was_saved(
    context: RebuildContext, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(12):
        put_image(context.catalogue, f"m{seed:02}", jpeg(mosaic(seed)))
    put_image(context.catalogue, "again", jpeg(mosaic(3), 75))
    put_image(context.catalogue, "small", jpeg(mosaic(3).resize((240, 240), Image.Resampling.BICUBIC)))
    put_image(context.catalogue, "cropped", jpeg(mosaic(7).crop((4, 4, 396, 396))))
    done = rebuild(context)
    assert done.snapshot

    found = decode_audit(load_reported(context.artefacts, done.snapshot, AUDIT)).duplicates

    assert [set(one.ids) for one in found.items] == [{"again", "m03", "small"}, {"cropped", "m07"}]
    assert (found.checked, found.count) == (15, 2)
    for one in found.items:
        assert one.images == tuple(image_key(item, "front.png") for item in one.ids)
        assert (one.size, one.score >= found.threshold - 0.02) == (len(one.ids), True)
    assert main(["audit", "--of", "duplicates"]) == 0
    said = capsys.readouterr().out
    assert "Near-duplicate pictures: 2 groups among 15 views" in said
    assert "again, m03, small" in said
    assert "Doubtful labels" not in said


@pytest.mark.usefixtures("on_s3")
def test_the_command_needs_something_live(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 1
    assert "Nothing is published yet" in capsys.readouterr().err


@pytest.mark.usefixtures("on_s3", "encoder")
def test_the_command_says_all_of_it(context: RebuildContext, capsys: pytest.CaptureFixture[str]) -> None:
    context.catalogue.put(SCHEMA, json.dumps({"fields": {"color": {"type": "string", "attribute": True}}}).encode())
    for product in PRODUCTS:
        put_image(context.catalogue, product.id, product.picture())
        put_document(context.catalogue, product.id, product.document)
    rebuild(context)
    capsys.readouterr()
    assert main(["audit"]) == 0
    said = capsys.readouterr().out
    assert "12 items; nothing was changed in the catalogue" in said
    assert "Doubtful labels: 0 of 0 checked" in said
    assert "Missing attributes: 0, of which 0 are predicted with certainty" in said
    assert main(["audit", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole.keys() == {"format", "items", "contradicted", "duplicates", "missing"}
    assert main(["audit", "--json", "--of", "missing"]) == 0
    assert json.loads(capsys.readouterr().out) == whole["missing"]
