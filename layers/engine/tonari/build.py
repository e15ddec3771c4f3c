"""Items and their embeddings -> a snapshot: all that is computed once, so that requests need not."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.attributes import Grouping, draw, labels_of, study
from tonari.audit import Subject, examine
from tonari.calibration import calibrate
from tonari.holdout import split_value, tenths
from tonari.native import Graph
from tonari.parts import sort_into_cells
from tonari.snapshot import Snapshot
from tonari.snapshot_files import AUDIT, REPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tonari.attributes import Calibration, Evidence, Labels, Studied
    from tonari.fields.schema import Schema
    from tonari.parts import Part

REPORT_FORMAT = 1

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and of how much."""


def new_id() -> str:
    """Make a snapshot id: ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def build_snapshot(
    encoder: str, schema: Schema, part: Part, rejected: Mapping[str, str], progress: Progress = lambda *_: None
) -> Snapshot:
    """Compute what a snapshot holds beside its items: class weights, cells, graph, what searches must visit, audit."""
    grouping = _grouping(schema, part)
    found = {name: labels for name in schema.attributes if (labels := labels_of(part.columns[name])) is not None}
    studied = {name: _study(schema, part, name, labels, grouping) for name, labels in found.items()}
    learned = {name: one.learned for name, one in studied.items()}
    sorted_part = sort_into_cells(part)
    shelf = replace(sorted_part.shelf, graph=Graph.build(sorted_part.views.codes))
    budget, recall = calibrate(shelf)
    whole = replace(sorted_part, shelf=replace(shelf, budget=budget))
    subjects = {name: Subject(labels, learned[name]) for name, labels in found.items()}
    told = {REPORT: _report(studied, found), AUDIT: examine(whole, subjects, grouping, progress)}
    return Snapshot(new_id(), encoder, schema, whole, learned, recall, rejected, told)


def _grouping(schema: Schema, part: Part) -> Grouping:
    """Group items by their ``split_by`` value: those of one value are never on both sides of a trial."""
    fields = part.fields if schema.split_by else lambda _: {}
    values = [split_value(part.id(position), fields(position), schema.split_by) for position in range(len(part))]
    return Grouping(np.unique(np.array(values, np.str_), return_inverse=True)[1], tenths(values))


def _study(schema: Schema, part: Part, name: str, labels: Labels, grouping: Grouping) -> Studied:
    sample = draw(labels, part.views.item, part.views.fixed, grouping)
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
