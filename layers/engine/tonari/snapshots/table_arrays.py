"""A part as plain arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import columns_from_arrays, columns_to_arrays
from tonari.index.cells import Cells
from tonari.index.planner import VectorIndex
from tonari.index.vectors import Views
from tonari.snapshots.table import Table


def tables_to_arrays(table: Table) -> dict[str, Any]:
    """All of a part but its documents and embeddings, as plain arrays for an ``.npz`` file."""
    return {
        "ids": table.ids,
        "offsets": table.offsets,
        "document_etags": table.document_etags,
        "view_item": table.views.item,
        "item_rows": table.index.rows,
        "item_first": table.index.first,
        "view_names": table.view_names,
        "view_etags": table.view_etags,
        **columns_to_arrays(table.columns),
    }


def table_from_arrays(
    tables: Mapping[str, NDArray[Any]],
    documents: NDArray[np.uint8],
    fixed: NDArray[np.int16],
    codes: NDArray[np.int8],
    cells: Cells | None = None,
) -> Table:
    """Undo :func:`tables_to_arrays`."""
    return Table(
        ids=tables["ids"],
        documents=documents,
        offsets=tables["offsets"],
        document_etags=tables["document_etags"],
        columns=columns_from_arrays(tables),
        view_names=tables["view_names"],
        view_etags=tables["view_etags"],
        index=VectorIndex(Views(tables["view_item"], fixed, codes), tables["item_rows"], tables["item_first"], cells),
    )
