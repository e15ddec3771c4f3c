"""An encoder and a snapshot that do not belong together are not put together, whatever their ids say."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from damage.drafts import sign, take_apart
from tonari.builds.rebuild import Rebuilt
from tonari.encoders.store import load_encoder, save_encoder
from tonari.engines.builtin import BuiltinOpening
from tonari.errors import CorruptArtefactError, UnreadableError
from tonari.query.reader import Reader
from tonari.snapshots.canaries import LEAST_COSINE, PICTURE, check_encoder, encode_picture
from tonari.snapshots.head import publish, read_head
from tonari.snapshots.manifest import CANARIES
from tonari.snapshots.snapshot import load_snapshot
from tonari.storage.bucket import Bucket
from tonari_tools.onnx.default import BuiltEncoder


def reader_over(artefacts: Bucket, folder: Path) -> Reader:
    return Reader(artefacts, folder / "reader", 0.0, BuiltinOpening(), lambda _: None)


def publish_forged(artefacts: Bucket, live: str, encoder: str, **claims: object) -> None:
    """Make a copy of the live snapshot live, of which manifest, canaries and head say another encoder."""
    draft = take_apart(artefacts, live, np.random.default_rng(0), None)
    draft.claim(encoder=encoder)
    draft.said[CANARIES]["encoder"] = encoder
    draft.arrays[CANARIES] |= claims  # type: ignore[arg-type]
    sign(artefacts, draft, "forged")
    read = read_head(artefacts)
    publish(artefacts, read, msgspec.structs.replace(read.head, snapshot="forged", encoder=encoder))


@pytest.fixture
def other(artefacts: Bucket, built: BuiltEncoder) -> str:
    """An encoder that differs from the default one in how a picture is cut out."""
    config = msgspec.json.decode(built.config)
    config["preprocessing"]["shortest_edge"] += 200
    return save_encoder(artefacts, built.model, msgspec.json.encode(config))


def test_a_snapshot_that_names_another_encoder_than_the_head_is_refused(
    published: Rebuilt, artefacts: Bucket, other: str, tmp_path: Path
) -> None:
    read = read_head(artefacts)
    publish(artefacts, read, msgspec.structs.replace(read.head, encoder=other))
    with pytest.raises(UnreadableError, match=f"{published.snapshot}.*not of {other}"):
        reader_over(artefacts, tmp_path).current()


def test_embeddings_of_another_encoder_are_told_by_the_canary_picture(
    published: Rebuilt, artefacts: Bucket, other: str, tmp_path: Path
) -> None:
    assert published.snapshot
    publish_forged(artefacts, published.snapshot, other)
    load_snapshot(artefacts, "forged", tmp_path / "cache", other)
    with pytest.raises(UnreadableError, match="Another encoder"):
        reader_over(artefacts, tmp_path).current()


def test_a_snapshot_without_the_canary_picture_does_not_serve(
    published: Rebuilt, artefacts: Bucket, encoder: str, tmp_path: Path
) -> None:
    assert published.snapshot
    publish_forged(artefacts, published.snapshot, encoder, picture=np.empty(0, np.int16))
    with pytest.raises(UnreadableError, match="canary picture"):
        reader_over(artefacts, tmp_path).current()


def test_the_right_encoder_passes_and_roundings_do_too(
    published: Rebuilt, artefacts: Bucket, encoder: str, tmp_path: Path
) -> None:
    assert published.snapshot
    loaded = load_encoder(artefacts, encoder, tmp_path / "cache")
    picture = load_snapshot(artefacts, published.snapshot, tmp_path / "cache", encoder).picture
    assert np.array_equal(picture, encode_picture(loaded))
    check_encoder(picture, loaded)
    noise = np.random.default_rng(1).standard_normal(picture.shape)
    noise *= np.linalg.norm(picture.astype(float)) / np.linalg.norm(noise)
    check_encoder(np.asarray(picture + 0.1 * noise, np.int16), loaded)
    with pytest.raises(CorruptArtefactError):
        check_encoder(np.asarray(picture + 0.3 * noise, np.int16), loaded)
    assert LEAST_COSINE < 1
    assert len(PICTURE) < 1000
