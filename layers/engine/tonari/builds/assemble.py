"""The third step of a rebuild: a plan and its checkpoints become a snapshot. Nothing is read or written here."""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import (
    CrossValidated,
    Described,
    Grouping,
    draw,
    labels_of,
    learn_familiarity,
    study,
    with_described,
)
from tonari.audit import Subject, examine
from tonari.builds.encode import Checkpoint
from tonari.builds.known_vectors import KnownVectors, LabelledVectors
from tonari.builds.look import Plan
from tonari.catalogue.documents import item_of
from tonari.catalogue.holdout import split_value
from tonari.catalogue.views import is_passage
from tonari.contract.findings import Audit, QualityReport
from tonari.fields.schema import Schema
from tonari.grouping import Found, Grounds, find_groups
from tonari.index.tuning import tune
from tonari.snapshots.indexed import ItemArrays, text, texts
from tonari.snapshots.manifest import AUDIT, REPORT
from tonari.snapshots.snapshot import Progress, Snapshot
from tonari.snapshots.table import Table, sort_into_cells, table_of


def assemble(plan: Plan, checkpoints: Sequence[Checkpoint], dimensions: int) -> tuple[Table, dict[str, str]]:
    """Put the plan's items together with what is known of their views and what its shards gave since.

    Returns
    -------
    The table, in which views lie by item, and the reason by key of each object that was rejected. Views that are
    neither known nor in a checkpoint had vanished, and so had items of which nothing else was there.
    """
    items, missing = plan.items, plan.to_encode()
    encoded = KnownVectors(plan.known.encoder, [LabelledVectors(one.keys, one.fixed, one.cut) for one in checkpoints])
    numbers = encoded.find(texts([key for key, _ in items.views(missing)]))
    hits = np.flatnonzero(numbers >= 0)
    fresh, numbers = missing[hits], numbers[hits]
    known = np.flatnonzero(plan.numbers >= 0)
    found = plan.numbers >= 0
    found[fresh] = True
    target = np.cumsum(found) - 1
    fixed = np.empty((np.count_nonzero(found), dimensions), np.int16)
    plan.known.copy(plan.numbers[known], fixed, target[known])
    encoded.copy(numbers, fixed, target[fresh])
    read = np.concatenate([items.view_sources[:0], *(one.sources for one in checkpoints)])
    sources = items.view_sources.astype(read.dtype)
    sources[fresh] = read[numbers]
    cut = np.zeros(len(fixed), np.bool_)
    cut[target[known]], cut[target[fresh]] = plan.known.cut[plan.numbers[known]], encoded.cut[numbers]
    counted = np.concatenate([[0], np.cumsum(found)])
    whole = replace(
        items,
        first=counted[items.first],
        view_names=items.view_names[found],
        view_sources=sources[found],
        fixed=fixed,
        cut=cut,
    )
    rejected = {**plan.rejected, **{one.key: one.reason for made in checkpoints for one in made.rejected}}
    return table_of(whole.of_items(~_vanished(items, whole, rejected)), plan.schema, plan.rule), rejected


def _vanished(listed: ItemArrays, whole: ItemArrays, rejected: Iterable[str]) -> NDArray[np.bool_]:
    """Find the items of which nothing was there any more: no document, and none of the images listed; (I,)."""
    vanished = (np.diff(listed.first) > 0) & (np.diff(whole.first) == 0) & (listed.document_etags == b"")
    if vanished.any():
        there = texts([item for key in rejected if (item := item_of(key)) is not None])
        vanished &= ~np.isin(listed.ids, there)
    return np.asarray(vanished, np.bool_)


def new_id() -> str:
    """Make a snapshot id: ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def build_snapshot(
    encoder: str,
    schema: Schema,
    table: Table,
    rejected: Mapping[str, str],
    progress: Progress = lambda *_: None,
    described: Mapping[str, Described] | None = None,
) -> Snapshot:
    """Compute what a snapshot holds beside its items: class weights, cells, graph, what searches must visit, audit.

    Parameters
    ----------
    progress
        Is told the stages ``groups``, ``attributes``, ``familiarity``, ``index`` and ``audit: …``.
    described
        By attribute: classes that are described in words.
    """
    table = sort_into_cells(table)
    groups = _groups(schema, table, progress)
    grouping = Grouping(groups.group, groups.part)
    found = {name: labels for name in schema.attributes if (labels := labels_of(table.columns[name])) is not None}
    studied: dict[str, CrossValidated] = {}
    for number, (name, labels) in enumerate(found.items()):
        progress("attributes", number, len(found))
        sample = draw(labels, table.views.item, table.views.fixed, grouping)
        precision = schema.fields[name].precision
        found_out = study(sample, labels.classes, several=labels.several, precision=precision)
        in_words = (described or {}).get(name)
        studied[name] = with_described(found_out, in_words) if in_words else found_out
    progress("attributes", len(found), len(found))
    learned = {name: one.model for name, one in studied.items()}
    familiarity = learn_familiarity(
        table.views.item, table.views.fixed, grouping, functools.partial(progress, "familiarity")
    )
    progress("index", 0, len(table.views))
    index, recall = tune(table.index)
    whole = replace(table, index=index)
    progress("index", len(table.views), len(table.views))
    subjects = [Subject(name, labels, learned[name]) for name, labels in found.items()]
    audit = examine(whole, subjects, groups, progress)
    quality = QualityReport({name: one.quality for name, one in studied.items()}, groups.about, familiarity)
    reported: dict[str, QualityReport | Audit] = {REPORT: quality, AUDIT: audit}
    return Snapshot(
        new_id(),
        encoder,
        schema,
        whole,
        learned,
        recall,
        rejected,
        reported,
        grouping=groups.about,
        familiarity=familiarity,
    )


def _groups(schema: Schema, table: Table, progress: Progress) -> Found:
    """Find the items that are never on both sides of a trial."""
    count = len(table)
    fields = table.fields if schema.split_by else lambda _: {}
    ids = [text(item) for item in table.ids]
    first = table.index.first
    seen = np.diff(first) > 0
    names = [""] * count
    for position in np.flatnonzero(seen).tolist():
        name = table.view_name(int(table.index.rows[first[position]]))
        names[position] = "" if is_passage(name) else name
    grounds = Grounds(
        ids=ids,
        file_names=names,
        split_by=schema.split_by,
        values=[split_value(item, fields(position), schema.split_by) for position, item in enumerate(ids)],
        columns=table.columns,
        attributes=schema.attributes,
        views=table.views,
        cells=table.index.cells,
    )
    return find_groups(grounds, lambda done, total: progress("groups", done, total))
