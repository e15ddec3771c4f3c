"""Items and their embeddings -> a snapshot: all that is computed once, so that requests need not."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tonari.attributes import Calibration, Evidence, Grouping, Labels, Studied, draw, labels_of, study
from tonari.audit import Subject, examine
from tonari.catalogue.holdout import split_value, tenths
from tonari.fields.schema import Schema
from tonari.index.graph import Graph
from tonari.index.tuning import calibrate
from tonari.snapshots.files import AUDIT, REPORT
from tonari.snapshots.snapshot import Snapshot
from tonari.snapshots.table import Table, sort_into_cells

REPORT_FORMAT = 1

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and of how much."""


def new_id() -> str:
    """Make a snapshot id: ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def build_snapshot(
    encoder: str, schema: Schema, table: Table, rejected: Mapping[str, str], progress: Progress = lambda *_: None
) -> Snapshot:
    """Compute what a snapshot holds beside its items: class weights, cells, graph, what searches must visit, audit."""
    grouping = _grouping(schema, table)
    found = {name: labels for name in schema.attributes if (labels := labels_of(table.columns[name])) is not None}
    studied = {name: _study(schema, table, name, labels, grouping) for name, labels in found.items()}
    learned = {name: one.learned for name, one in studied.items()}
    sorted_table = sort_into_cells(table)
    index = replace(sorted_table.index, graph=Graph.build(sorted_table.views.codes))
    tuning, recall = calibrate(index)
    whole = replace(sorted_table, index=replace(index, tuning=tuning))
    subjects = {name: Subject(labels, learned[name]) for name, labels in found.items()}
    reported = {REPORT: _report(studied, found), AUDIT: examine(whole, subjects, grouping, progress)}
    return Snapshot(new_id(), encoder, schema, whole, learned, recall, rejected, reported)


def _grouping(schema: Schema, table: Table) -> Grouping:
    """Group items by their ``split_by`` value: those of one value are never on both sides of a trial."""
    fields = table.fields if schema.split_by else lambda _: {}
    values = [split_value(table.id(position), fields(position), schema.split_by) for position in range(len(table))]
    return Grouping(np.unique(np.array(values, np.str_), return_inverse=True)[1], tenths(values))


def _study(schema: Schema, table: Table, name: str, labels: Labels, grouping: Grouping) -> Studied:
    sample = draw(labels, table.views.item, table.views.fixed, grouping)
    return study(sample, labels.classes, several=labels.several, precision=schema.fields[name].precision)


def _report(studied: Mapping[str, Studied], labels: Mapping[str, Labels]) -> dict[str, Any]:
    """Tell what predictions are worth, and the evidence for it."""
    return {
        "format": REPORT_FORMAT,
        "attributes": {
            name: {
                "several": one.learned.several,
                "classes": list(one.learned.classes),
                "sampled": one.learned.discriminant.sampled.tolist(),
                "methods": {
                    method: _figures(calibration, one.evidence[method], labels[name])
                    for method, calibration in one.learned.calibrations.items()
                },
            }
            for name, one in studied.items()
        },
    }


def _figures(calibration: Calibration, evidence: Evidence, labels: Labels) -> dict[str, Any]:
    said = {**asdict(calibration), **evidence.report(labels.classes)}
    del said["scale"]
    return said
