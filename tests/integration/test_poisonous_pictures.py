"""One picture for which an encoder gives no vector, on all three ways in: it is refused, alone, with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import pictures
from graphs import MEAN_COLOUR, mean_colour
from integration.events import Caller, notification, sqs_event
from integration.shop import PRODUCTS, VIEW, put_image
from tonari.aws.functions import Handler
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import image_key
from tonari.encoders.store import save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.snapshots.segments import merge, read_segments
from tonari.snapshots.snapshot import load_snapshot

BLACK = pictures.encoded(Image.new("RGB", (9, 9)), "PNG")
"""The mean colour has no length."""


@pytest.fixture
def mean(context: RebuildContext, tmp_path: Path) -> None:
    """An encoder that gives the mean colour."""
    model = mean_colour(tmp_path / "model.onnx").read_bytes()
    use_encoder(context.artefacts, save_encoder(context.artefacts, model, json.dumps(MEAN_COLOUR).encode()))


@pytest.mark.usefixtures("mean")
def test_a_picture_without_a_vector_is_rejected_alone(
    context: RebuildContext, query: Caller, reindexer: Handler
) -> None:
    catalogue, artefacts = context.catalogue, context.artefacts
    for item, data in {"good": PRODUCTS[0].picture(), "black": BLACK}.items():
        put_image(catalogue, item, data)

    done = rebuild(context)

    assert (done.outcome, done.items, done.views, done.rejected) == ("published", 2, 1, 1)
    assert done.snapshot
    rejected = load_snapshot(artefacts, done.snapshot, context.cache).rejected
    assert "no length for this picture: replace" in rejected[image_key("black", VIEW)]

    for item, data in {"better": PRODUCTS[1].picture(), "blacker": BLACK}.items():
        put_image(catalogue, item, data)
    event = sqs_event(notification(image_key("better", VIEW)), notification(image_key("blacker", VIEW)))

    assert reindexer(event, None) == {"batchItemFailures": []}

    head = read_head(artefacts).head
    assert head.encoder
    overlay = merge(head.encoder, read_segments(artefacts, head.segments, head.encoder))
    assert set(overlay.items) == {"better", "blacker"}
    assert list(overlay.rejected) == [image_key("blacker", VIEW)]

    answer = query.picture("/v1/search", BLACK)
    assert (answer.status, answer.body["type"]) == (422, "urn:tonari:problem:unencodable-image")
    assert query.picture("/v1/search", PRODUCTS[1].picture()).status == 200
