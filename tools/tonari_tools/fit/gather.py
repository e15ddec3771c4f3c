"""The catalogue on S3 -> the sample that a fit learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.builds.encode import Encoded, Seen, encode_image, in_parallel, split_known
from tonari.builds.look import RebuildContext, decide_schema, look_at, look_back
from tonari.catalogue.documents import image_key, list_catalogue, select_images
from tonari.catalogue.holdout import is_held_out, split_value
from tonari.encoders.image import Encoder
from tonari.fields.columns import ClassColumn, build_columns
from tonari.fields.schema import Schema
from tonari.index.vectors import from_fixed
from tonari.snapshots.head import read_head
from tonari_tools.fit.refusal import FitRefusedError
from tonari_tools.fit.sample import MOST_VIEWS, MOST_VIEWS_PER_ITEM, Sample, choose_items


@dataclass(frozen=True, slots=True)
class Gathered:
    """A sample of the catalogue.

    Parameters
    ----------
    sample
        Its views, in the order of the ids.
    held_out : (N,) bool
    schema
        As ``schema.json`` says, or inferred.
    encoded, reused
        How many views went through the encoder now, and how many had before.
    rejected
        How many images could not be used.
    """

    sample: Sample
    held_out: NDArray[np.bool_]
    schema: Schema
    encoded: int
    reused: int
    rejected: int


@dataclass(frozen=True, slots=True)
class _Item:
    """An item and those of its views that are taken: key and ETag."""

    id: str
    fields: Mapping[str, Any]
    views: tuple[tuple[str, str], ...]


def gather(place: RebuildContext, name: str, encoder: Encoder, seed: int, limit: int = MOST_VIEWS) -> Gathered:
    """List the catalogue, choose items, and encode those of their views whose embeddings are not known.

    Parameters
    ----------
    name
        Id of ``encoder``; embeddings that the live snapshot or a checkpoint has of it are used again.

    Raises
    ------
    FitRefusedError
        If no view can be used.
    InvalidCatalogueError
        If ``schema.json`` cannot be read.
    StoreError
    """
    known = look_back(place, read_head(place.artefacts), name)
    seen = look_at(place, list_catalogue(place.catalogue), known)
    schema = decide_schema(place.catalogue, seen)
    items = [item for one in sorted(seen, key=lambda one: one.item) if (item := _item(one)).views]
    codes = _codes(items, schema)
    strata = [np.flatnonzero(of == code).tolist() for of in codes.values() for code in range(of.max(initial=-1) + 1)]
    taken = choose_items([len(item.views) for item in items], strata, limit, seed)
    wanted = {key: etag for number in taken for key, etag in items[number].views}
    done, keys = split_known(wanted, known.views)
    place.progress("encode", 0, len(keys))
    for count, one in enumerate(in_parallel(lambda key: encode_image(place.catalogue, encoder, key), keys), 1):
        if one is not None:
            done[one.key] = one
        place.progress("encode", count, len(keys))
    chosen = [items[number] for number in taken]
    rows = [(number, found) for number, item in enumerate(chosen) for found in _usable(item, done)]
    if not rows:
        raise FitRefusedError("No image of the catalogue can be encoded: push photographs first.")
    sample, held_out = _lay_out(chosen, rows, {name: of[taken] for name, of in codes.items()}, schema.split_by)
    reused = len(wanted) - len(keys)
    return Gathered(sample, held_out, schema, len(rows) - reused, reused, len(wanted) - len(rows))


def _item(seen: Seen) -> _Item:
    fields = seen.document.fields if seen.document else {}
    names, _ = select_images(fields, seen.images)
    views = tuple((image_key(seen.item, name), seen.images[name]) for name in names[:MOST_VIEWS_PER_ITEM])
    return _Item(seen.item, fields, views)


def _codes(items: Sequence[_Item], schema: Schema) -> dict[str, NDArray[np.int64]]:
    """Class of each item by attribute, -1 where it has none."""
    predicted = Schema({name: schema.fields[name] for name in schema.attributes})
    columns = build_columns([item.fields for item in items], predicted)
    return {name: column.codes.astype(np.int64) for name, column in columns.items() if isinstance(column, ClassColumn)}


def _usable(item: _Item, done: Mapping[str, Encoded]) -> list[NDArray[np.int16]]:
    found = (done.get(key) for key, _ in item.views)
    return [one.embedding for one in found if one is not None and one.embedding is not None]


def _lay_out(
    items: Sequence[_Item],
    rows: Sequence[tuple[int, NDArray[np.int16]]],
    codes: Mapping[str, NDArray[np.int64]],
    split_by: str,
) -> tuple[Sample, NDArray[np.bool_]]:
    """Lay views, each with the number of its item, out as arrays; tell which are held out."""
    item = np.array([number for number, _ in rows], np.int64)
    features = from_fixed(np.stack([embedding for _, embedding in rows])).astype(np.float64)
    values = [split_value(one.id, one.fields, split_by) for one in items]
    _, group = np.unique(np.array(values), return_inverse=True)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = {name: of[item] for name, of in codes.items()}
    held_out = np.array([is_held_out(value) for value in values])
    return Sample(features, item, group[item].astype(np.int64), labels), held_out[item]
