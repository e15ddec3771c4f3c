"""A part as plain arrays, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tonari.fields.columns import columns_from_arrays, columns_to_arrays
from tonari.index import Views
from tonari.parts import Part
from tonari.planner import Shelf

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tonari.cells import Cells


def tables_to_arrays(part: Part) -> dict[str, Any]:
    """All of a part but its documents and embeddings, as plain arrays for an ``.npz`` file."""
    return {
        "ids": part.ids,
        "offsets": part.offsets,
        "document_etags": part.document_etags,
        "view_item": part.views.item,
        "item_rows": part.shelf.rows,
        "item_first": part.shelf.first,
        "view_names": part.view_names,
        "view_etags": part.view_etags,
        **columns_to_arrays(part.columns),
    }


def part_from_arrays(
    tables: Mapping[str, NDArray[Any]],
    documents: NDArray[np.uint8],
    fixed: NDArray[np.int16],
    codes: NDArray[np.int8],
    cells: Cells | None = None,
) -> Part:
    """Undo :func:`tables_to_arrays`."""
    return Part(
        ids=tables["ids"],
        documents=documents,
        offsets=tables["offsets"],
        document_etags=tables["document_etags"],
        columns=columns_from_arrays(tables),
        view_names=tables["view_names"],
        view_etags=tables["view_etags"],
        shelf=Shelf(Views(tables["view_item"], fixed, codes), tables["item_rows"], tables["item_first"], cells),
    )
