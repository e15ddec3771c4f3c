"""Encoders of several files in the bucket and in the cache, over a real S3 server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pictures
from tonari.contract.encoder import CONFIG, MODEL
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import ImageEncoder
from tonari.encoders.joint import JointEncoder
from tonari.encoders.store import (
    PREFIX,
    fetch_bundle,
    fetch_encoder,
    find_encoder,
    has_encoder,
    list_encoders,
    load_encoder,
    save_bundle,
)
from tonari.encoders.text import TextEncoder
from tonari.errors import (
    ConflictError,
    CorruptArtefactError,
    InvalidEncoderError,
    NotReadyError,
)
from tonari.snapshots.canaries import check_encoder, encode_picture
from tonari.storage.bucket import Bucket
from tonari.storage.cache import IDLE_SECONDS, sweep
from word_bundles import joint_bundle, text_bundle

BUNDLES: dict[str, Callable[[], Bundle]] = {"texts": text_bundle, "joint": joint_bundle}


@pytest.fixture(params=BUNDLES)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return BUNDLES[request.param]()


def key(name: str, file: str) -> str:
    return f"{PREFIX}{name}/{file}"


def retire(cache: Path) -> None:
    """Let it be long ago that anybody asked for what is in the cache."""
    then = time.time() - IDLE_SECONDS - 60
    for path in cache.iterdir():
        os.utime(path, (then, then))


def test_a_bundle_comes_back_as_it_was(artefacts: Bucket, bundle: Bundle) -> None:
    name = save_bundle(artefacts, bundle)
    assert name == bundle.id
    assert {one.key for one in artefacts.list(PREFIX)} == {key(name, file) for file in bundle.files}
    assert has_encoder(artefacts, name)
    assert find_encoder(artefacts, name[:10]) == name
    found = fetch_bundle(artefacts, name)
    assert (found.id, found.files) == (name, bundle.files)
    (listed,) = list_encoders(artefacts)
    rest = sum(len(data) for file, data in bundle.files.items() if file != CONFIG)
    assert (listed.id, listed.config, listed.size) == (name, bundle.config, rest)


def test_a_bundle_is_uploaded_once_and_never_changed(artefacts: Bucket, bundle: Bundle) -> None:
    name = save_bundle(artefacts, bundle)
    assert save_bundle(artefacts, bundle) == name
    artefacts.put(key(name, "tokenizer.json"), b"{}")
    with pytest.raises(ConflictError):
        save_bundle(artefacts, bundle)


def test_encoders_of_all_kinds_lie_side_by_side(artefacts: Bucket, encoder: str, tmp_path: Path) -> None:
    texts, joint = save_bundle(artefacts, text_bundle()), save_bundle(artefacts, joint_bundle())
    assert [one.id for one in list_encoders(artefacts)] == sorted((encoder, texts, joint))
    for name, kind in ((encoder, ImageEncoder), (texts, TextEncoder), (joint, JointEncoder)):
        assert type(load_encoder(artefacts, name, tmp_path / "cache")) is kind
    with pytest.raises(InvalidEncoderError, match="is not one of pictures alone"):
        fetch_encoder(artefacts, joint)
    model, config = fetch_encoder(artefacts, encoder)
    assert Bundle.of_pictures(model, config).id == encoder


def test_an_upload_that_broke_off_is_no_encoder(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    artefacts.delete(key(name, CONFIG))
    assert list(list_encoders(artefacts)) == []
    assert not has_encoder(artefacts, name)
    with pytest.raises(NotReadyError, match="is not in the bucket: run `tonari init`"):
        load_encoder(artefacts, name, tmp_path)


def test_a_missing_file_is_named(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    artefacts.delete(key(name, "tokenizer.json"))
    assert list(list_encoders(artefacts)) == []
    with pytest.raises(NotReadyError, match=r"not whole in the bucket: add it again\. .*tokenizer\.json"):
        load_encoder(artefacts, name, tmp_path)


def test_damage_in_the_bucket_is_noticed(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    for file, data in bundle.files.items():
        if file == CONFIG:
            changed = json.dumps({**json.loads(data), "name": "another"}).encode()
        else:
            changed = bytes([data[0] ^ 1]) + data[1:]
        artefacts.put(key(name, file), changed)
        with pytest.raises(CorruptArtefactError, match=f"The encoder {name} has files with the id .*: damaged"):
            load_encoder(artefacts, name, tmp_path)
        assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
        artefacts.put(key(name, file), data)
    assert load_encoder(artefacts, name, tmp_path).name == bundle.about.name


@pytest.mark.parametrize("data", [b"", b"{", b'{"format": 9, "name": "from tomorrow"}'])
def test_an_encoder_json_of_another_version_is_told_as_that(
    artefacts: Bucket, bundle: Bundle, tmp_path: Path, data: bytes
) -> None:
    name = save_bundle(artefacts, bundle)
    artefacts.put(key(name, CONFIG), data)
    with pytest.raises(InvalidEncoderError, match=r"encoder\.json"):
        load_encoder(artefacts, name, tmp_path)


def test_a_file_elsewhere_is_never_read_or_written(artefacts: Bucket, tmp_path: Path) -> None:
    bundle = text_bundle()
    name = save_bundle(artefacts, bundle)
    config = json.loads(bundle.config)
    config["text"]["graph"] = "../../text_model.onnx"
    artefacts.put(key(name, CONFIG), json.dumps(config).encode())
    artefacts.put("text_model.onnx", bundle.files["text_model.onnx"])
    with pytest.raises(InvalidEncoderError, match="names a file"):
        load_encoder(artefacts, name, tmp_path / "deep" / "cache")
    assert not list(tmp_path.glob("*.onnx"))


def test_what_the_cache_has_whole_is_not_downloaded(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    first = load_encoder(artefacts, name, tmp_path)
    artefacts.delete(*(key(name, file) for file in bundle.files))
    again = load_encoder(artefacts, name, tmp_path)
    one, other = (made.encode_texts(["red goal"], "query").embeddings for made in (first, again))
    np.testing.assert_array_equal(one, other)


def test_damage_in_the_cache_is_noticed_and_mended(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    load_encoder(artefacts, name, tmp_path)
    files = [path for path in tmp_path.iterdir() if path.suffix in {".onnx", ".json"}]
    assert len(files) == len(bundle.files)
    for path in files:
        whole = path.read_bytes()
        for damage in (whole[:-1], b"", bytes([whole[0] ^ 1]) + whole[1:], None):
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
            assert load_encoder(artefacts, name, tmp_path).name == bundle.about.name
            assert path.read_bytes() == whole


def test_sweeping_keeps_all_files_of_encoders_in_use(artefacts: Bucket, tmp_path: Path) -> None:
    live, old = save_bundle(artefacts, joint_bundle()), save_bundle(artefacts, text_bundle())
    for name in (live, old):
        load_encoder(artefacts, name, tmp_path)
    retire(tmp_path)
    sweep(tmp_path, [live])
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{live}.json",
        *(f"{live}.{file}" for file in joint_bundle().files if file != CONFIG),
    }
    artefacts.delete(*(key(live, file) for file in joint_bundle().files))
    assert load_encoder(artefacts, live, tmp_path).modalities == {"image", "text"}
    assert load_encoder(artefacts, old, tmp_path).modalities == {"text"}


def test_an_encoder_that_was_asked_for_of_late_is_not_swept(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    load_encoder(artefacts, name, tmp_path)
    retire(tmp_path)
    load_encoder(artefacts, name, tmp_path)
    sweep(tmp_path, [])
    left = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert len(left) == len(bundle.files)


def test_many_that_start_at_once_share_one_download(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    name = save_bundle(artefacts, bundle)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: load_encoder(artefacts, name, tmp_path), range(6)))
    assert len({one.encode_texts(["red goal"], "query").embeddings.tobytes() for one in made}) == 1
    assert len([path for path in tmp_path.iterdir() if path.suffix != ".lock"]) == len(bundle.files)


def test_a_picture_encoder_of_format_3_may_have_the_usual_name(artefacts: Bucket, tmp_path: Path) -> None:
    files = joint_bundle().files
    config = json.loads(files[CONFIG])
    del config["text"]
    config["image"]["graph"] = MODEL
    bundle = Bundle({MODEL: files["vision_model.onnx"], CONFIG: json.dumps(config).encode()})
    loaded = load_encoder(artefacts, save_bundle(artefacts, bundle), tmp_path)
    red = loaded.encode(pictures.encoded(Image.new("RGB", (9, 9), "red"), "PNG"))
    assert red[0] > 0.7


def test_canaries_tell_an_encoder_from_another(artefacts: Bucket, bundle: Bundle, tmp_path: Path) -> None:
    """Of a text encoder they are a text, of a joint one a picture and a text."""
    loaded = load_encoder(artefacts, save_bundle(artefacts, bundle), tmp_path)
    known = encode_picture(loaded)
    assert known.shape == (loaded.dimensions,)
    check_encoder(known, loaded)
    with pytest.raises(CorruptArtefactError):
        check_encoder(-known, loaded)
