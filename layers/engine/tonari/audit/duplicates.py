"""Near-duplicates: pictures that several items show, be they scaled or compressed otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.audit.components import components
from tonari.audit.likeness import alike_from, near_pairs
from tonari.catalogue.documents import image_key
from tonari.index.vectors import Views, from_fixed
from tonari.snapshots.table import Table

MOST_GROUPS = 500
MOST_SHOWN = 50


def find_duplicates(table: Table, group: NDArray[np.int64], reported: Callable[[int, int], None]) -> dict[str, Any]:
    """Group the views of different items that show the same picture, the groups of most items first.

    Parameters
    ----------
    group : (I,) int64
        Number of each item's ``split_by`` value.
    told
        Is told how many views are done, and of how many.

    Returns
    -------
    JSON. Of a large group 50 items are named; ``size`` says how many it has, ``score`` is the least cosine between
    those that are named.
    """
    views = table.views
    least = alike_from(views, group)
    groups = _one_view_each(views, components(len(views), near_pairs(views, table.index.cells, least, reported)))
    groups.sort(key=lambda rows: (-len(rows), int(rows[0])))
    return {
        "checked": len(views),
        "threshold": round(least, 4),
        "count": len(groups),
        "items": [_show(table, rows) for rows in groups[:MOST_GROUPS]],
    }


def _one_view_each(views: Views, groups: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Keep the first view of each item, and the groups that then have two."""
    kept = (rows[np.unique(views.item[rows], return_index=True)[1]] for rows in groups)
    return [rows for rows in kept if len(rows) > 1]


def _show(table: Table, rows: NDArray[np.int64]) -> dict[str, Any]:
    shown = rows[:MOST_SHOWN]
    near = from_fixed(table.views.fixed[shown])
    ids = [table.id(int(table.views.item[row])) for row in shown]
    return {
        "ids": ids,
        "images": [image_key(item, table.view_name(int(row))) for item, row in zip(ids, shown, strict=True)],
        "score": round(min(1.0, float((near @ near.T).min())), 4),
        "size": len(rows),
    }
