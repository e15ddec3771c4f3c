from __future__ import annotations

import json

import numpy as np
import pytest

from tonari.audit.separation import Separation
from tonari.builds.assemble import build_snapshot
from tonari.contract.findings import Audit
from tonari.fields.schema import parse_schema
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.manifest import AUDIT
from tonari.snapshots.table import build_table

EACH = 150


def test_how_well_two_classes_are_told_apart() -> None:
    random = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 1000)
    scores = random.random((3000, 3)) * [1, 1, 0.1]
    scores[label == 2] = [0.1, 0.1, 0.8]
    separation = Separation(3, several=False)

    for start in range(0, 3000, 1000):
        rows = np.arange(start, start + 1000)
        separation.add(scores[rows], np.arange(1000), label[rows])

    by_chance, apart = separation.apart(np.array([0, 0]), np.array([1, 2]))
    assert by_chance == pytest.approx(0.1, abs=0.06)
    assert apart > 0.9


def test_a_tag_is_told_from_its_absence() -> None:
    separation = Separation(2, several=True)
    probabilities = np.array([[0.9, 0.6], [0.8, 0.4], [0.1, 0.6], [0.2, 0.4]])

    separation.add(probabilities, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))

    known, chance = separation.apart(np.array([0, 0]), np.array([0, 1]))
    assert (known, chance) == (1, pytest.approx(0.1))


def audit_of(seed: int, wrong: int) -> Audit:
    """Audit two kinds with looks of their own, of which some labels are wrong, and two kinds that look alike."""
    random = np.random.default_rng(seed)
    centres = 2 * random.standard_normal((3, 24))
    items = []
    for number in range(4 * EACH):
        kind = number % 4
        vector = centres[min(kind, 2)] + random.standard_normal(24)
        label = "abcd"[1 - kind if kind < 2 and number < 4 * wrong else kind]
        view = IndexedView("a.jpg", "e", to_fixed(vector / np.linalg.norm(vector)))
        items.append(IndexedItem(f"{number:04}", {"kind": label, "own": f"{number}"}, "e", (view,)))
    about = {"fields": {"kind": {"type": "string", "attribute": True}}, "split_by": "own"}
    schema = parse_schema(json.dumps(about).encode())
    reported = build_snapshot("e" * 64, schema, build_table(items, schema, 24), {}).reported[AUDIT]
    assert isinstance(reported, Audit)
    return reported


@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_are_listed_and_classes_told_apart_by_chance_are_not(seed: int) -> None:
    found = audit_of(seed, 10).contradicted.items

    wrong = sum(int(one.id) < 40 and int(one.id) % 4 < 2 for one in found)
    assert wrong >= 15
    assert wrong >= 0.8 * len(found)
    assert sum(one.label in ("c", "d") and one.discriminant.value in ("c", "d") for one in found) == 0
