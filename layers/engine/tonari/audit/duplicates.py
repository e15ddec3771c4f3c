"""Near-duplicates: pictures or texts that several items have, and designs that several items show in other colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.views import view_key
from tonari.contract.findings import DuplicateGroup, Duplicates
from tonari.index.near_pairs import components
from tonari.index.vectors import from_fixed
from tonari.snapshots.table import Table

MOST_GROUPS = 500
MOST_SHOWN = 50
IDENTICAL = 0.9995
FEW_COORDINATES = 0.01
CONCENTRATED = 0.45
"""Another compression moves all coordinates a little; another colour moves the few that tell colour."""


def find_duplicates(table: Table, attributes: Sequence[str], threshold: float, pairs: NDArray[np.int64]) -> Duplicates:
    """Group the views of different items that show the same picture, the groups of most items first.

    Parameters
    ----------
    attributes
        By which items of a group may differ.
    threshold
        The cosine from which two views count as the same picture.
    pairs : (E, 2) int64
        Rows that do: enough to connect what hangs together.

    Returns
    -------
    Of at most 500 groups, each with the first 50 of its items; ``score`` is the least cosine between those that are
    named.
    """
    views = table.views
    alike = components(len(views), pairs)
    first_views = (rows[np.unique(views.item[rows], return_index=True)[1]] for rows in alike)
    groups = sorted((rows for rows in first_views if len(rows) > 1), key=lambda rows: (-len(rows), int(rows[0])))
    shown = tuple(_show(table, attributes, rows) for rows in groups[:MOST_GROUPS])
    return Duplicates(len(views), round(threshold, 4), len(groups), shown)


def _show(table: Table, attributes: Sequence[str], rows: NDArray[np.int64]) -> DuplicateGroup:
    shown = rows[:MOST_SHOWN]
    near = from_fixed(table.views.fixed[shown])
    items = [int(table.views.item[row]) for row in shown]
    ids = tuple(table.id(item) for item in items)
    images = tuple(view_key(item, table.view_name(int(row))) for item, row in zip(ids, shown, strict=True))
    score = min(1.0, float((near @ near.T).min()))
    differ = tuple(name for name in attributes if len({table.classes_of(name, item) for item in items} - {()}) > 1)
    other = score < IDENTICAL and (bool(differ) or concentration(near) >= CONCENTRATED)
    return DuplicateGroup(ids, images, round(score, 4), len(rows), "variants" if other else "same", differ)


def concentration(near: NDArray[np.float32]) -> float:
    """Tell what share of the squared difference from the first of some like embeddings, (n, D), lies in 1 % of D.

    The median over the others that differ at all; 0 if none does. In re-encoded photographs it is 0.2 to 0.4, in
    products photographed in another colour 0.3 to 0.8 (``docs/decisions/audit.md``).
    """
    squares = np.sort((near[1:] - near[0]) ** 2, axis=1)[:, ::-1]
    total = squares.sum(axis=1)
    some = total > 2 * (1 - IDENTICAL)
    few = max(1, round(FEW_COORDINATES * near.shape[1]))
    return float(np.median(squares[some, :few].sum(axis=1) / total[some])) if some.any() else 0.0
