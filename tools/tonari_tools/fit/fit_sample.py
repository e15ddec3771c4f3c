"""What a fit learns from: views with their features, items and labels; which of many are taken; their folds."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.builds.encode import EncodedView, encode_views
from tonari.builds.look import Plan, RebuildContext, look
from tonari.catalogue.holdout import is_held_out, split_value
from tonari.contract.findings import ItemGroups
from tonari.encoders.port import Encoder
from tonari.errors import TonariError
from tonari.fields.columns import ClassColumn, build_columns
from tonari.fields.schema import Schema
from tonari.grouping import Grounds, find_groups
from tonari.index.vectors import Views, from_fixed, quantise
from tonari.snapshots.head import read_head
from tonari.snapshots.indexed import text
from tonari.snapshots.snapshot import Progress

MOST_VIEWS, MOST_VALUES = 20_000, 24_000_000
"""Views of a sample at most, and their embeddings' components: so much is fitted within 1 GB."""
MOST_VIEWS_PER_ITEM = 12


@dataclass(frozen=True, slots=True)
class Gathered:
    """A sample of the catalogue.

    Parameters
    ----------
    sample
        Its views, in the order of the ids.
    held_out : (N,) bool
    groups
        Which items are never on both sides, and by which rules.
    schema
        As ``schema.json`` says, or inferred.
    encoded, reused
        How many views went through the encoder now, and how many had before.
    rejected
        How many images could not be used.
    """

    sample: Sample
    held_out: NDArray[np.bool_]
    groups: ItemGroups
    schema: Schema
    encoded: int
    reused: int
    rejected: int


@dataclass(frozen=True, slots=True)
class FitItem:
    """An item, the name of its first view, and those of its views that are taken, by row of the plan."""

    id: str
    file_name: str
    fields: Mapping[str, Any]
    rows: tuple[int, ...]


def most_views(dimensions: int) -> int:
    """Tell how many views a sample has at most."""
    return min(MOST_VIEWS, MOST_VALUES // dimensions)


def gather(context: RebuildContext, name: str, encoder: Encoder, seed: int) -> Gathered:
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
    plan = look(context, read_head(context.artefacts).head, name)
    items = _items(plan)
    codes = _codes(items, plan.schema)
    strata = [np.flatnonzero(of == code).tolist() for of in codes.values() for code in range(of.max(initial=-1) + 1)]
    taken = choose_items([len(item.rows) for item in items], strata, most_views(encoder.dimensions), seed)
    chosen = [items[number] for number in taken]
    wanted = np.array([row for item in chosen for row in item.rows], np.int64)
    views = list(plan.items.views(wanted))
    found = dict(zip(wanted.tolist(), plan.known.vectors(views), strict=True))
    missing = {row: key for row, (key, _) in zip(wanted.tolist(), views, strict=True) if found[row] is None}
    context.progress("encode", 0, len(missing))
    passages = plan.shard(np.array(list(missing), np.int64)).passages
    encoded = encode_views(context.catalogue, encoder, missing.values(), passages)
    for count, (row, view) in enumerate(zip(missing, encoded, strict=True), 1):
        found[row] = view.embedding if isinstance(view, EncodedView) else None
        context.progress("encode", count, len(missing))
    rows = [(number, found[row]) for number, item in enumerate(chosen) for row in item.rows if found[row] is not None]
    if not rows:
        raise FitRefusedError("No view of the catalogue can be encoded: push items with photographs or words.")
    of_taken = {name: of[taken] for name, of in codes.items()}
    sample, held_out, groups = lay_out(chosen, rows, of_taken, plan.schema, context.progress)
    reused = len(wanted) - len(missing)
    return Gathered(sample, held_out, groups, plan.schema, len(rows) - reused, reused, len(wanted) - len(rows))


def _items(plan: Plan) -> list[FitItem]:
    """Give the items that have a view, with as many views as are taken of one."""
    first = plan.items.first.tolist()
    ids = [text(item) for item in plan.items.ids]
    return [
        FitItem(
            item, text(plan.items.view_names[start]), fields, tuple(range(start, min(end, start + MOST_VIEWS_PER_ITEM)))
        )
        for item, fields, start, end in zip(ids, plan.items.fields(), first[:-1], first[1:], strict=True)
        if end > start
    ]


def _codes(items: Sequence[FitItem], schema: Schema) -> dict[str, NDArray[np.int64]]:
    """Class of each item by attribute, -1 where it has none."""
    predicted = Schema({name: schema.fields[name] for name in schema.attributes})
    columns = build_columns([item.fields for item in items], predicted)
    return {name: column.codes.astype(np.int64) for name, column in columns.items() if isinstance(column, ClassColumn)}


def lay_out(
    items: Sequence[FitItem],
    rows: Sequence[tuple[int, NDArray[np.int16]]],
    codes: Mapping[str, NDArray[np.int64]],
    schema: Schema,
    progress: Progress,
) -> tuple[Sample, NDArray[np.bool_], ItemGroups]:
    """Lay views, each with the number of its item, out as arrays; tell which are held out, by the groups of a build."""
    item = np.array([number for number, _ in rows], np.int64)
    fixed = np.stack([embedding for _, embedding in rows])
    grounds = Grounds(
        ids=[one.id for one in items],
        file_names=[one.file_name for one in items],
        split_by=schema.split_by,
        values=[split_value(one.id, one.fields, schema.split_by) for one in items],
        columns=build_columns([one.fields for one in items], schema),
        attributes=schema.attributes,
        views=Views(item.astype(np.int32), fixed, quantise(fixed)[0]),
        cells=None,
    )
    found = find_groups(grounds, functools.partial(progress, "groups"))
    features = from_fixed(fixed)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = {name: of[item] for name, of in codes.items()}
    held_out = np.array([is_held_out(value) for value in found.values])
    return Sample(features, item, found.group[item], labels), held_out[item], found.about


class FitRefusedError(TonariError):
    """The catalogue teaches no better metric: there is too little of it, or what was learned is worse."""

    slug = "fit-refused"
    title = "No better metric was learned"


@dataclass(frozen=True, slots=True)
class Sample:
    """N views of the catalogue.

    Parameters
    ----------
    features : (N, F) float32
        The backbone's embeddings, rows of length 1.
    item : (N,) int64
        The item of each view.
    group : (N,) int64
        Items of one group are held out together, and resampled together.
    labels : (N,) int64 each
        By attribute: the view's class, -1 where its item lacks the field.
    """

    features: NDArray[np.float32]
    item: NDArray[np.int64]
    group: NDArray[np.int64]
    labels: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        """``N``."""
        return len(self.item)

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Keep some of the views."""
        labels = {name: codes[rows] for name, codes in self.labels.items()}
        return Sample(self.features[rows], self.item[rows], self.group[rows], labels)


def choose_items(views: Sequence[int], strata: Sequence[Sequence[int]], limit: int, seed: int) -> list[int]:
    """Choose items so that rare classes are taken whole and frequent ones share what is left.

    The strata take turns; each gives its next item in random order, unless another stratum has given it already.

    Parameters
    ----------
    views
        Of each item how many views it has.
    strata
        Of each class of each attribute its items.
    limit
        How many views at most.

    Returns
    -------
    Items, ascending; all of them where their views are no more than ``limit``.
    """
    if sum(views) <= limit:
        return list(range(len(views)))
    random = np.random.default_rng(seed)
    known = {item for stratum in strata for item in stratum}
    unlabelled = [item for item in range(len(views)) if item not in known]
    queues = [iter(random.permutation(np.array(stratum)).tolist()) for stratum in (*strata, unlabelled) if stratum]
    chosen: set[int] = set()
    left = limit
    while queues:
        unspent = []
        for queue in queues:
            item = next((one for one in queue if one not in chosen), None)
            if item is None:
                continue
            left -= views[item]
            if left < 0:
                return sorted(chosen)
            chosen.add(item)
            unspent.append(queue)
        queues = unspent
    return sorted(chosen)


def folds(group: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Deal groups out to ``count`` folds of like many groups.

    Returns
    -------
    (N,) int64
        The fold of each view; views of one group share it.
    """
    groups, codes = np.unique(group, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(groups)) % count
    return np.asarray(dealt[codes], np.int64)


def deal_classes(classes: Sequence[int], count: int, seed: int) -> list[list[int]]:
    """Deal the classes of an attribute out to ``count`` lists."""
    order = np.random.default_rng(seed).permutation(np.array(classes, np.int64)).tolist()
    return [sorted(order[start::count]) for start in range(count)]
