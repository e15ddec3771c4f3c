"""`tonari encoder fit` over a real S3 server, with the default encoder and with tiny ones that see colours only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aws.services import Endpoint
from graphs import every_pixel, mean_colour
from integration.shop import COLOURS, KINDS, draw, put_document, put_image
from pictures import encoded
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import SCHEMA
from tonari.catalogue.holdout import is_held_out
from tonari.encoders.image import EncoderConfig
from tonari.encoders.store import fetch_encoder, save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_tools.cli.main import main
from tonari_tools.fit import fit_sample

SIZES = range(20, 80, 10)
PIXELS = {
    "format": 1,
    "name": "mean-colour",
    "input": {"name": "image", "dtype": "uint8", "layout": "NHWC", "height": 4, "width": 4},
    "preprocessing": {"version": 1, "shortest_edge": 4, "resample": "bicubic", "background": [255, 255, 255]},
    "output": {"name": "embedding", "normalized": False},
    "dimensions": 3,
    "metric": "cosine",
}


@pytest.fixture
def drawn(catalogue: Bucket) -> int:
    """72 things of four colours, which are to be predicted, two views each; gives the number of views."""
    fields = {"color": {"type": "string", "attribute": True}, "category": {"type": "string"}}
    catalogue.put(SCHEMA, json.dumps({"fields": fields}).encode())
    count = 0
    for color in COLOURS:
        for kind in KINDS:
            for size in SIZES:
                item = f"{color}-{kind}-{size}"
                put_document(catalogue, item, {"id": item, "color": color, "category": kind})
                for view, picture in (
                    ("a.png", draw(color, kind, inset=size)),
                    ("b.png", draw(color, kind, inset=size + 5)),
                ):
                    put_image(catalogue, item, encoded(picture, "PNG"), view)
                    count += 1
    return count


@pytest.fixture
def fit(
    on_seaweed: Endpoint,
    catalogue: Bucket,
    artefacts: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command from a folder without a demo; gives status, output and complaints."""
    assert on_seaweed
    monkeypatch.chdir(tmp_path)

    def run(*flags: str) -> tuple[int, str, str]:
        status = main(["encoder", "fit", "--catalogue", catalogue.name, "--artefacts", artefacts.name, *flags])
        reported = capsys.readouterr()
        return status, reported.out, reported.err

    return run


@pytest.fixture
def pixels(artefacts: Bucket, tmp_path: Path) -> str:
    """An encoder that sees the mean colour of a picture, uploaded and chosen."""
    model = mean_colour(tmp_path / "pixels.onnx").read_bytes()
    name = save_encoder(artefacts, model, json.dumps(PIXELS).encode())
    use_encoder(artefacts, name)
    return name


def push_colours(catalogue: Bucket, rows: np.ndarray, fields: list[dict[str, str]]) -> None:
    for number, (colour, about) in enumerate(zip(rows, fields, strict=True)):
        item = f"item-{number}"
        put_document(catalogue, item, {"id": item, **about})
        put_image(catalogue, item, encoded(Image.new("RGB", (8, 8), tuple(colour.tolist())), "PNG"))


def test_from_catalogue_to_serving(
    drawn: int, encoder: str, fit: Callable[..., tuple[int, str, str]], artefacts: Bucket, context: RebuildContext
) -> None:
    status, reported, complaint = fit()
    assert status == 0, complaint
    assert f"{drawn} views of 72 items: {drawn} encoded, 0 reused, 0 rejected" in reported
    assert "kept together, in the fit or held out: " in reported
    made = reported.split("tonari encoder use ")[1].strip()
    model, config = fetch_encoder(artefacts, made)
    about = json.loads(config)
    assert about["fit"]["backbone"] == encoder
    assert about["fit"]["attributes"] == {"color": 4}
    assert read_head(artefacts).head.next_encoder == encoder
    assert len(model) < 5_000_000

    use_encoder(artefacts, made)
    done = rebuild(context)
    assert (done.outcome, done.encoded) == ("published", drawn)
    assert read_head(artefacts).head.encoder == made
    assert EncoderConfig.parse(config).dimensions == about["dimensions"]


def test_the_backbone_is_found_again_and_its_embeddings_are_reused(
    drawn: int, encoder: str, fit: Callable[..., tuple[int, str, str]], artefacts: Bucket, context: RebuildContext
) -> None:
    assert rebuild(context).encoded == drawn
    _, first, _ = fit("--use")
    assert f"0 encoded, {drawn} reused" in first
    made = read_head(artefacts).head.next_encoder
    assert made is not None
    assert made != encoder

    _, again, _ = fit()
    assert f"Encoder {made} is in" in again
    assert f"0 encoded, {drawn} reused" in again


def test_a_folder_and_the_beginning_of_an_id(
    drawn: int,
    encoder: str,
    fit: Callable[..., tuple[int, str, str]],
    artefacts: Bucket,
    tmp_path: Path,
) -> None:
    for name, data in zip(("model.onnx", "encoder.json"), fetch_encoder(artefacts, encoder), strict=True):
        (tmp_path / name).write_bytes(data)
    _, by_folder, _ = fit("--encoder", str(tmp_path), "--dims", "64")
    _, by_id, _ = fit("--encoder", encoder[:9], "--dims", "64")

    assert drawn
    assert by_folder.splitlines()[-1] == by_id.splitlines()[-1]
    assert "64 dimensions, shrinkage" in by_folder


def test_a_sample_is_taken_of_a_large_catalogue(
    drawn: int, encoder: str, fit: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_sample, "MOST_VIEWS", 120)
    _, reported, _ = fit()

    assert drawn > 120
    assert encoder
    assert "120 views of 60 items: 120 encoded" in reported


def push_halves(catalogue: Bucket, *, swapped: bool) -> None:
    """Push 160 pictures of 4x4 pixels: the left half tells the four classes apart, the right half is noise.

    No two pictures are alike, so nothing joins items to groups, and the hash of each id says what is held out.

    Parameters
    ----------
    swapped
        The halves of those that are held out change places.
    """
    random = np.random.default_rng(0)
    codes = np.arange(160) % 4
    classes = random.integers(40, 216, (4, 4, 2, 3))
    signal = np.clip(classes[codes] + random.integers(-30, 31, (160, 4, 2, 3)), 0, 255)
    noise = random.integers(0, 256, (160, 4, 2, 3))
    for number, code in enumerate(codes.tolist()):
        item = f"item-{number}"
        halves = [signal[number], noise[number]]
        if swapped and is_held_out(item):
            halves.reverse()
        picture = Image.fromarray(np.concatenate(halves, axis=1).astype(np.uint8))
        put_document(catalogue, item, {"id": item, "kind": f"kind {code}"})
        put_image(catalogue, item, encoded(picture, "PNG"))


@pytest.fixture
def each_pixel(artefacts: Bucket, tmp_path: Path) -> str:
    """An encoder that sees every pixel of a picture of 4x4, uploaded and chosen."""
    model = every_pixel(tmp_path / "each.onnx").read_bytes()
    name = save_encoder(artefacts, model, json.dumps({**PIXELS, "name": "each-pixel", "dimensions": 48}).encode())
    use_encoder(artefacts, name)
    return name


@pytest.mark.parametrize("swapped", [True, False])
def test_what_would_be_worse_is_not_uploaded(
    catalogue: Bucket, artefacts: Bucket, each_pixel: str, fit: Callable[..., tuple[int, str, str]], *, swapped: bool
) -> None:
    """The fit learns to look at the left half: harm where the classes of held-out items show in the right half."""
    push_halves(catalogue, swapped=swapped)
    before = {found.key for found in artefacts.list("encoders/")}
    status, reported, complaint = fit()

    assert "attributes: kind (4 classes)" in reported
    assert "kept together" not in reported
    assert read_head(artefacts).head.next_encoder == each_pixel
    uploaded = {found.key for found in artefacts.list("encoders/")} - before
    if swapped:
        assert status == 1
        assert "Nothing was uploaded: the fitted encoder is worse at kind" in complaint
        assert "push more items" in complaint
        assert not uploaded
    else:
        assert status == 0, complaint
        assert uploaded


@pytest.mark.parametrize("kind", ["none", "one class", "each its own"])
def test_without_usable_labels_it_is_principal_components(
    catalogue: Bucket, pixels: str, fit: Callable[..., tuple[int, str, str]], kind: str
) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (60, 3))
    fields = [{"none": {}, "one class": {"kind": "a"}, "each its own": {"kind": f"kind {n}"}}[kind] for n in range(60)]
    catalogue.put(SCHEMA, json.dumps({"fields": {"kind": {"type": "string", "attribute": True}}}).encode())
    push_colours(catalogue, rows, fields)
    status, reported, _ = fit()

    assert status == 0
    assert "principal components alone: 3 dimensions" in reported
    assert pixels


@pytest.mark.parametrize(("count", "says"), [(0, "No view of the catalogue"), (10, "10 items with usable views")])
def test_too_little_is_refused(
    catalogue: Bucket, pixels: str, fit: Callable[..., tuple[int, str, str]], count: int, says: str
) -> None:
    push_colours(catalogue, np.random.default_rng(0).integers(0, 256, (count, 3)), [{"kind": "a"}] * count)
    status, _, complaint = fit()

    assert pixels
    assert status == 1
    assert says in complaint


def test_damaged_images_are_passed_over(
    catalogue: Bucket, pixels: str, fit: Callable[..., tuple[int, str, str]]
) -> None:
    push_colours(catalogue, np.random.default_rng(0).integers(0, 256, (60, 3)), [{}] * 60)
    put_image(catalogue, "item-0", b"no picture", "broken.png")
    status, reported, _ = fit()

    assert pixels
    assert status == 0
    assert "60 views of 60 items: 60 encoded, 0 reused, 1 rejected" in reported


def test_split_by_holds_items_out_together(
    catalogue: Bucket, pixels: str, fit: Callable[..., tuple[int, str, str]]
) -> None:
    catalogue.put(SCHEMA, json.dumps({"fields": {}, "split_by": "brand"}).encode())
    fields = [{"brand": f"brand {number % 6}"} for number in range(60)]
    push_colours(catalogue, np.random.default_rng(0).integers(0, 256, (60, 3)), fields)
    status, reported, complaint = fit()

    assert pixels
    assert status == 1
    assert "by the hash of brand" in reported
    assert "at least 8 are needed" in complaint


def test_no_encoder_was_chosen(fit: Callable[..., tuple[int, str, str]]) -> None:
    status, _, complaint = fit()

    assert status == 1
    assert "tonari init" in complaint
