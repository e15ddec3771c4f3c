"""What must hold of a snapshot's files together: of items, documents, columns and class weights.

Bounds and numbers that arrays are looked up by are checked whole; documents, which take longer, are read where they are
few, and otherwise spread over all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, ClassWeights
from tonari.attributes.probability import Scale
from tonari.contract.artefacts import Manifest
from tonari.contract.forms import decoder
from tonari.errors import CorruptArtefactError, InvalidCatalogueError, StoreError
from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn
from tonari.fields.kinds import kind_of
from tonari.fields.schema import Field, Schema, values_of
from tonari.index.bounds import check_rows, demand, demand_bounds, spread
from tonari.snapshots.table import Table

READ_DOCUMENTS = 4000
COMPARED_DOCUMENTS = 200
MOST_ASCII = 127

NOT_OF_THE_FORM = (
    AttributeError,
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
    msgspec.MsgspecError,
    InvalidCatalogueError,
)
"""What reading raises where a file that is well-formed says something that nobody writes."""


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into its being corrupt.

    Raises
    ------
    CorruptArtefactError
    StoreError
        If a file is gone from the cache.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(f"{name} cannot be read from the cache any more ({error}): try again.") from error
    except NOT_OF_THE_FORM as error:
        raise CorruptArtefactError(f"{name} is not of the documented form ({error!r:.200}): rebuild.") from error


def check_table(table: Table, manifest: Manifest, schema: Schema) -> None:
    """Check that items, documents, columns and rows fit each other, and what the manifest says of them.

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    counts = len(table), len(table.views.item)
    said = manifest.items, manifest.views
    demand(counts == said, f"There are {counts} items and views, the manifest says {said}")
    demand((table.ids[:-1] < table.ids[1:]).all(), "The ids do not ascend, or one stands twice")
    for array in (table.ids, table.document_etags, table.view_names, table.view_sources):
        if array.view(np.uint8).max(initial=0) > MOST_ASCII:
            array.tobytes().decode()
    demand_bounds(table.offsets, len(table.documents), "The bounds of the documents")
    check_rows(table.views.item, table.index.rows, table.index.first)
    for position in spread(len(table), READ_DOCUMENTS).tolist():
        _read_document(table, position)
    _check_columns(table, schema)


def _read_document(table: Table, position: int) -> None:
    try:
        decoder(dict[str, msgspec.Raw]).decode(table.document(position))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CorruptArtefactError(f"The document of {table.id(position)!r:.80} is no JSON: rebuild.") from error


def _check_columns(table: Table, schema: Schema) -> None:
    """Check that columns are those of the schema, and that documents say what they say."""
    wanted = {name for name, about in schema.fields.items() if about.filterable or about.attribute}
    demand(set(table.columns) == wanted, f"There are columns {sorted(table.columns)}, the schema has {sorted(wanted)}")
    kinds = {"number": NumberColumn, "date": NumberColumn, "strings": ListColumn}
    positions = spread(len(table), COMPARED_DOCUMENTS)
    documents = [table.fields(position) for position in positions.tolist()]
    for name, column in table.columns.items():
        about = schema.fields[name]
        demand(isinstance(column, kinds.get(about.type, ClassColumn)), f"The column {name!r:.80} is not of its type")
        pairs = zip((document.get(name) for document in documents), _values(column, positions), strict=True)
        fits = all(held in (values_of(value, about), _read_before(value, about)) for value, held in pairs)
        demand(fits, f"The column {name!r:.80} says otherwise than the documents")


def _read_before(value: Any, about: Field) -> tuple[Any, ...]:
    """Read a value as earlier versions did, whose snapshots go on answering until the next rebuild.

    They rounded whole numbers beyond 2**53, wrote 5.0 as another text than 5, and left lists with numbers out.
    """
    if about.type == "number" and kind_of(value) == "number":
        return (float(value),)
    if about.type == "string" and kind_of(value) == "number":
        return (json.dumps(value),)
    return () if about.type == "strings" else values_of(value, about)


def _values(column: Column, positions: NDArray[np.int64]) -> list[tuple[Any, ...]]:
    """Give the values that some items have, (n,) of them, ascending."""
    match column:
        case NumberColumn(values):
            return [() if np.isnan(value) else (value,) for value in values[positions].tolist()]
        case ClassColumn(codes, classes):
            return [() if code < 0 else (classes[code],) for code in codes[positions].tolist()]
        case ListColumn(codes, items, classes, count):
            asked = np.zeros(count, np.bool_)
            asked[positions] = True
            listed = np.flatnonzero(asked[items])
            found: dict[int, list[str]] = {position: [] for position in positions.tolist()}
            for item, code in zip(items[listed].tolist(), codes[listed].tolist(), strict=True):
                found[item].append(classes[code])
            return [tuple(sorted(one)) for one in found.values()]


def check_learned(learned: Mapping[str, AttributeModel], schema: Schema, dimensions: int) -> None:
    """Check that class weights are finite, of ``D`` dimensions, and of the schema's attributes.

    Raises
    ------
    CorruptArtefactError
        If not.
    """
    demand(set(learned) <= set(schema.attributes), f"There are weights of {sorted(learned)}, which is not the schema's")
    for name, model in learned.items():
        _check_weights(model.means, name, dimensions)
        _check_weights(model.discriminant, name, dimensions)
        for calibration in model.calibrations.values():
            figures = [value for value in msgspec.to_builtins(calibration).values() if isinstance(value, float)]
            demand(np.isfinite(figures).all(), f"The calibration of {name!r:.80} is not finite")
            _check_scale(calibration.scale, name, len(model.classes))


def _check_scale(scale: Scale, name: str, classes: int) -> None:
    figures = scale.temperature, scale.floor, scale.slope, scale.offset, *scale.lean
    fit = np.isfinite(figures).all() and scale.temperature > 0 and scale.slope > 0 and 0 <= scale.floor <= 1
    demand(bool(fit), f"The scale of {name!r:.80} is not one of probabilities")
    demand(len(scale.lean) in (0, classes), f"The scale of {name!r:.80} has {len(scale.lean)} leans, not {classes}")


def _check_weights(weights: ClassWeights, name: str, dimensions: int) -> None:
    vectors, classes = len(weights.bias), len(weights.classes)
    shapes = weights.weights.shape, weights.bias.shape, weights.first.shape, weights.sampled.shape
    fit = shapes == ((vectors, dimensions), (vectors,), (classes,), (classes,))
    demand(fit, f"The class weights of {name!r:.80} have shapes {shapes} for {classes} classes and {dimensions} dims")
    finite = np.isfinite(weights.weights).all() and np.isfinite(weights.bias).all()
    demand(finite and 0 < weights.temperature < np.inf, f"The class weights of {name!r:.80} are not finite")
    demand_bounds(np.append(weights.first, vectors), vectors, f"The bounds of the classes of {name!r:.80}")
    demand(len(set(map(repr, weights.classes))) == classes, f"A class of {name!r:.80} stands twice")
