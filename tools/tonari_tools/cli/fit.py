"""``tonari encoder fit``: learn a metric from the catalogue and append it to the encoder."""

from __future__ import annotations

import math
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np

from tonari.builds.look import RebuildContext
from tonari.encoders.image import Encoder, EncoderConfig, encoder_id
from tonari.encoders.store import CONFIG, MODEL, fetch_encoder, find_encoder, save_encoder
from tonari.errors import InvalidEncoderError, NotReadyError
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_tools.cli.buckets import artefact_bucket, catalogue_bucket
from tonari_tools.cli.progress import StageLines
from tonari_tools.cli.where import target_of
from tonari_tools.fit.choose import DIMENSIONS
from tonari_tools.fit.encoder import Taught, backbone_of, derive
from tonari_tools.fit.gather import Gathered, gather
from tonari_tools.fit.learn import learn
from tonari_tools.fit.refusal import FitRefusedError
from tonari_tools.fit.report import describe, losses

Files = tuple[bytes, bytes]
"""Bytes of ``model.onnx`` and ``encoder.json``."""


def run(arguments: Namespace) -> None:
    """Fit, print what it is worth, and upload it unless it is worse."""
    target = target_of(arguments)
    catalogue, artefacts = catalogue_bucket(target), artefact_bucket(target)
    model, config = _backbone(artefacts, arguments.encoder)
    name = encoder_id(model, config)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        (cache / MODEL).write_bytes(model)
        encoder = Encoder(EncoderConfig.parse(config), cache / MODEL)
        stages = StageLines("fit", "views")
        place = RebuildContext(catalogue, artefacts, lambda _: encoder, cache, stages, lambda: math.inf)
        try:
            gathered = gather(place, name, encoder, arguments.seed)
        finally:
            stages.close()
    _introduce(gathered, encoder.config.name, name)
    dimensions = DIMENSIONS if arguments.dims == "auto" else (int(arguments.dims),)
    learned = learn(gathered.sample, gathered.held_out, dimensions, arguments.seed)
    print(describe(learned))
    if worse := losses([*learned.changes, *learned.unseen]):
        raise FitRefusedError(f"Nothing was uploaded, for the fit is worse at {'; '.join(worse)}.")
    fitted = derive(model, config, learned, _taught(gathered, name, arguments.seed))
    save_encoder(artefacts, model, config)
    made = save_encoder(artefacts, *fitted)
    print(f"encoder {made} is in s3://{artefacts.name}")
    if arguments.use:
        use_encoder(artefacts, made)
        print("the next rebuild uses it")
    else:
        print(f"nothing uses it yet: tonari encoder use {made}")


def _backbone(artefacts: Bucket, given: str | None) -> Files:
    """Read the encoder that was named, else the chosen or live one; of a fitted one, what it was fitted from."""
    if given and Path(given).is_dir():
        files = _from_folder(Path(given))
    else:
        head = read_head(artefacts).head
        name = find_encoder(artefacts, given) if given else head.next_encoder or head.encoder
        if name is None:
            raise NotReadyError("No encoder has been chosen: run `tonari init`, which uploads the default one.")
        files = fetch_encoder(artefacts, name)
    backbone = backbone_of(files[1])
    return fetch_encoder(artefacts, backbone) if backbone else files


def _from_folder(folder: Path) -> Files:
    try:
        return (folder / MODEL).read_bytes(), (folder / CONFIG).read_bytes()
    except OSError as error:
        raise InvalidEncoderError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _introduce(gathered: Gathered, title: str, name: str) -> None:
    sample, held = gathered.sample, gathered.held_out
    print(f"backbone {title}, {sample.features.shape[1]} dimensions, {name[:12]}")
    counts = f"{gathered.encoded} encoded, {gathered.reused} reused, {gathered.rejected} rejected"
    print(f"{len(sample)} views of {len(np.unique(sample.item))} items: {counts}")
    print(f"held out, by the hash of {gathered.schema.split_by or 'id'}: {int(held.sum())} views")
    classes = {of: len(np.unique(codes[codes >= 0])) for of, codes in sample.labels.items()}
    print(f"attributes: {', '.join(f'{of} ({count} classes)' for of, count in classes.items()) or 'none'}\n")


def _taught(gathered: Gathered, name: str, seed: int) -> Taught:
    sample, held = gathered.sample, int(gathered.held_out.sum())
    return Taught(
        backbone=name,
        views=len(sample),
        items=len(np.unique(sample.item)),
        fit_views=len(sample) - held,
        held_out_views=held,
        split_by=gathered.schema.split_by,
        attributes={of: len(np.unique(codes[codes >= 0])) for of, codes in sample.labels.items()},
        seed=seed,
    )
