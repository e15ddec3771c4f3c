"""What ``tonari encoder fit`` does: vectors of the catalogue -> a fitted encoder in the bucket."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from tonari.builds.look import RebuildContext
from tonari.contract.encoder import MODEL
from tonari.encoders.bundle import Bundle
from tonari.encoders.port import Encoder
from tonari.encoders.store import fetch_bundle, find_encoder, open_encoder, save_bundle
from tonari.errors import NotReadyError
from tonari.snapshots.head import read_head
from tonari.storage.bucket import Bucket
from tonari_tools.cli.encoder_files import read_encoder
from tonari_tools.fit.cross_validation import DIMENSIONS
from tonari_tools.fit.fit_sample import FitRefusedError, Gathered, gather
from tonari_tools.fit.fitted_encoder import Taught, backbone_of, derive, derive_texts
from tonari_tools.fit.metric_learning import Learned, describe, learn, losses
from tonari_tools.models.texts.bundle_folder import read_bundle
from tonari_tools.progress import StageLines


def fit_encoder(catalogue: Bucket, artefacts: Bucket, given: str | None, dimensions: int | None, seed: int) -> str:
    """Fit, print what that changed, upload the result and give its id.

    Raises
    ------
    FitRefusedError
        If it is worse on the products held out.
    """
    bundle = _read_backbone(artefacts, given)
    name = bundle.id
    with tempfile.TemporaryDirectory() as folder, StageLines("fit", "views") as stages:
        cache = Path(folder)
        for file, data in bundle.files.items():
            (cache / file).write_bytes(data)
        encoder = open_encoder(bundle.about, {file: cache / file for file in bundle.files})
        _check_one_kind(encoder)
        context = RebuildContext(catalogue, artefacts, lambda _: encoder, cache, stages, lambda: math.inf)
        gathered = gather(context, name, encoder, seed)
    taught = _taught(gathered, name, seed)
    _introduce(gathered, encoder.name, taught)
    with StageLines("fit", "steps") as stages:
        sizes = (dimensions,) if dimensions else DIMENSIONS
        learned = learn(gathered.sample, gathered.held_out, sizes, seed, stages)
    print(describe(learned))
    if worse := losses([*learned.changes, *learned.unseen]):
        raise FitRefusedError(
            f"Nothing was uploaded: the fitted encoder is worse at {'; '.join(worse)}. "
            "Keep the encoder that you have, or push more items and fit again."
        )
    save_bundle(artefacts, bundle)
    return save_bundle(artefacts, _derive(bundle, learned, taught))


def _derive(bundle: Bundle, learned: Learned, taught: Taught) -> Bundle:
    if MODEL in bundle.files:
        return Bundle.of_pictures(*derive(bundle.files[MODEL], bundle.config, learned, taught))
    return derive_texts(bundle, learned, taught)


def _check_one_kind(encoder: Encoder) -> None:
    """Refuse a joint encoder.

    Its pictures and texts lie in different parts of one space [Liang et al., Mind the Gap, NeurIPS 2022]. A map that is
    learned from the labels of pictures centres and scales their part; it would have to be laid over the texts too, and
    no label says whether words still find pictures then.
    """
    if len(encoder.modalities) > 1:
        raise FitRefusedError(
            f"{encoder.name} puts pictures and texts in one space: a map that is learned from the labels of pictures "
            "would have to move the texts alike, and nothing in a catalogue says whether words still find pictures "
            "afterwards. Fit an encoder of pictures or one of texts; attributes learn their classes from a joint one "
            "as it stands."
        )


def _read_backbone(artefacts: Bucket, given: str | None) -> Bundle:
    """Read the encoder that was named, else the chosen or live one; of a fitted one, what it was fitted from."""
    if given and Path(given).is_dir():
        bundle = read_bundle(Path(given)) or Bundle.of_pictures(*read_encoder(Path(given)))
    else:
        head = read_head(artefacts).head
        name = find_encoder(artefacts, given) if given else head.next_encoder or head.encoder
        if name is None:
            raise NotReadyError("No encoder has been chosen: run `tonari init`, which uploads the default one.")
        bundle = fetch_bundle(artefacts, name)
    backbone = backbone_of(bundle.config)
    return fetch_bundle(artefacts, backbone) if backbone else bundle


def _introduce(gathered: Gathered, title: str, taught: Taught) -> None:
    print(f"backbone {title}, {gathered.sample.features.shape[1]} dimensions, {taught.backbone[:12]}")
    counts = f"{gathered.encoded} encoded, {gathered.reused} reused, {gathered.rejected} rejected"
    print(f"{taught.views} views of {taught.items} items: {counts}")
    print(f"held out, by the hash of {taught.split_by or 'id'}: {taught.held_out_views} views")
    groups = gathered.groups
    if groups.groups:
        rules = ", ".join(f"{one.rule} ({one.how})" for one in groups.rules)
        print(f"kept together, in the fit or held out: {groups.items} items in {groups.groups} groups, by {rules}")
    classes = (f"{of} ({count} classes)" for of, count in taught.attributes.items())
    print(f"attributes: {', '.join(classes) or 'none'}\n")


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
