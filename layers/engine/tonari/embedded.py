"""An index over vectors and columns in one process: nearest neighbours under filters, without AWS."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonari.contract.normal_form import id_text, in_nfc
from tonari.errors import CorruptArtefactError, InvalidCatalogueError, InvalidRequestError
from tonari.fields.columns import Column, build_columns
from tonari.fields.filters import parse_filter
from tonari.fields.kinds import kind_of
from tonari.fields.masks import evaluate
from tonari.fields.schema import RESERVED, Field, Schema, infer_schema
from tonari.index.cells import Cells
from tonari.index.graph import Graph
from tonari.index.planner import find
from tonari.index.rotation import Rotation
from tonari.index.shortening import part
from tonari.index.tuning import tune
from tonari.index.vector_index import Tuning, VectorIndex, lay_out
from tonari.index.vectors import Views, as_array, rows_of, unit, unit_rows
from tonari.storage.packing import map_file, pack_file

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Hit:
    """One item found: its id, its cosine similarity to the query, rounded to six decimals, and its fields."""

    id: Any
    score: float
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Results(Sequence[Hit]):
    """The nearest items, by descending score, then by their order in the index.

    Parameters
    ----------
    hits
        The items.
    matching
        How many items are in range.
    path
        Where the candidates came from: ``scan``, ``cells`` or ``graph``.
    exact
        Whether everything in range was compared in full, so that nothing nearer exists.
    """

    hits: tuple[Hit, ...]
    matching: int
    path: str
    exact: bool

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, position: Any) -> Any:
        return self.hits[position]


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a saved index says of itself; sha256 (hex) by array."""

    format: int
    tuning: Tuning
    recall: dict[str, float]
    sha256: dict[str, str]


@dataclass(frozen=True, eq=False)
class Index:
    """Items with their vectors and fields, laid out for searching; immutable.

    Attributes
    ----------
    ids
        Of the items, in order.
    columns
        A value for each item, None where it has none, by field.
    schema
        Types of the fields, inferred from their values.
    recall
        Recall@10 by share of items in range, measured when the index was built.

    Examples
    --------
    >>> import tonari
    >>> index = tonari.Index.build([[1, 0], [0, 1], [1, 1]], {"price": [10, 20, 30]}, ids=["a", "b", "c"])
    >>> [hit.id for hit in index.search([1, 0.1], k=2, filter={"price": {"$gt": 15}})]
    ['c', 'b']
    """

    ids: tuple[Any, ...]
    columns: Mapping[str, tuple[Any, ...]]
    recall: Mapping[str, float]
    _vectors: VectorIndex = field(repr=False)
    schema: Schema = field(init=False, repr=False)
    _typed: Mapping[str, Column] = field(init=False, repr=False)
    _positions: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        documents = [self.fields(position) for position in range(len(self.ids))]
        empty = {name: Field("string") for name, values in self.columns.items() if values.count(None) == len(values)}
        object.__setattr__(self, "schema", Schema({**empty, **infer_schema(documents).fields}))
        object.__setattr__(self, "_typed", build_columns(documents, self.schema))
        object.__setattr__(self, "_positions", {id_text(one): position for position, one in enumerate(self.ids)})

    @classmethod
    def build(
        cls,
        vectors: ArrayLike | Sequence[ArrayLike],
        columns: Mapping[str, Sequence[Any]] | None = None,
        *,
        ids: Sequence[Hashable] | None = None,
    ) -> Index:
        """Lay vectors out for searching, and learn how searches keep their recall.

        Parameters
        ----------
        vectors : (I, D) float
            One of each item, of any length but 0: what counts is the angle. Or a list of I arrays (n, D): an item of
            several vectors is scored by its nearest.
        columns
            I values for each field: numbers, strings, booleans, lists of strings or numbers, ISO 8601 dates; None or
            NaN where an item has none.
        ids
            I different strings or integers; 0, 1, … if they are left out. An integer is the same id as its digits.
            Texts, of ids and columns alike, are kept in Unicode's normal form NFC, in which equal names are equal.

        Raises
        ------
        InvalidVectorError
            If a vector has another dimension than the first, NaN, infinity or no length.
        InvalidCatalogueError
            If ids are equal, numbers of items differ, or a value has a type that fields do not have.
        """
        rows, size = rows_of(vectors)
        names = tuple(range(len(size))) if ids is None else _checked_ids(ids, len(size))
        values = _checked_columns(columns or {}, len(size))
        index, _ = part(lay_out(unit_rows(rows), size))
        index, recall = tune(index)
        return cls(names, values, recall, index)

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.ids)

    @property
    def dimensions(self) -> int:
        """``D``."""
        return self._vectors.views.dimensions

    def fields(self, position: int) -> dict[str, Any]:
        """Give the fields of an item: those that it has."""
        return {name: values[position] for name, values in self.columns.items() if values[position] is not None}

    def search(
        self,
        query: ArrayLike,
        k: int = 10,
        filter: Any = None,  # noqa: A002 - as the HTTP API calls it
        *,
        ids: Sequence[Hashable] | None = None,
        exact: bool = False,
    ) -> Results:
        """Find the k items nearest to a query; k come back whenever k match.

        Parameters
        ----------
        query : (D,) float
            Of any length but 0.
        k
            At least 1.
        filter
            As ``{"price": {"$lt": 50}}``, with the operators of the HTTP API.
        ids
            Only these items may be found; unknown ones match nothing. ``7`` and ``"7"`` are one id.
        exact
            Compare every vector in range in full.

        Raises
        ------
        InvalidVectorError
            If the query has another dimension than the index, NaN, infinity or no length.
        InvalidFilterError
            If the filter names an unknown field or operator, or compares with another type.
        InvalidRequestError
            If ``k`` is not at least 1, or one of ``ids`` is neither a string nor an integer.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise InvalidRequestError(f"'k' is {k!r:.40}; it is the number of items wanted, at least 1.")
        vector = unit(as_array(query, "The query"), self.dimensions)
        hits = find(vector[None], self._vectors, int(k), self._in_range(filter, ids), exact=exact)
        found = (
            Hit(self.ids[item], score, self.fields(item))
            for item, score in zip(hits.items.tolist(), hits.scores.tolist(), strict=True)
        )
        return Results(tuple(found), hits.matching, hits.path, hits.exact)

    def _in_range(self, condition: Any, ids: Sequence[Hashable] | None) -> NDArray[np.bool_] | None:
        allowed = None
        if condition is not None:
            allowed = evaluate(parse_filter(_plain(condition), self.schema), self._typed, len(self))
        if ids is not None:
            listed = np.zeros(len(self), np.bool_)
            asked = (self._positions.get(_asked_id(one)) for one in ids)
            listed[[position for position in asked if position is not None]] = True
            allowed = listed if allowed is None else allowed & listed
        return allowed

    def save(self, path: Path | str) -> None:
        """Write the index to one file, which :meth:`open` maps."""
        index = self._vectors
        arrays: dict[str, NDArray[Any]] = {
            "ids": _json(self.ids),
            "columns": _json(self.columns),
            "item": index.views.item,
            "fixed": index.views.fixed,
            "codes": index.views.codes,
            "rows": index.rows,
            "first": index.first,
        }
        if index.views.rotation is not None:
            arrays |= {"basis": index.views.rotation.basis, "lengths": index.views.lengths}
        if index.cells is not None:
            arrays |= {"centroids": index.cells.centroids, "start": index.cells.start}
        if index.graph is not None:
            arrays["graph"] = np.frombuffer(index.graph.to_bytes(), np.uint8)
        about = _About(FORMAT, index.tuning, dict(self.recall), {name: _sha256(one) for name, one in arrays.items()})
        pack_file(Path(path), about, arrays)

    @classmethod
    def open(cls, path: Path | str) -> Index:
        """Open a saved index. The file is mapped: it must stay as it is while the index is used.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        CorruptArtefactError
            If it is damaged, no index, or of another version's format.
        """
        file = map_file(Path(path), Path(path).name)
        about = file.about(_About)
        if about.format != FORMAT:
            raise CorruptArtefactError(f"{file.name} has format {about.format}, this version reads {FORMAT}: rebuild.")
        if {name: _sha256(array) for name, array in file.arrays.items()} != about.sha256:
            raise CorruptArtefactError(f"{file.name} is damaged: the sha256 of its arrays is not the recorded one.")
        arrays = file.arrays
        try:
            shape = arrays["codes"].shape
            cells = Cells(arrays["centroids"], arrays["start"]) if "centroids" in arrays else None
            graph = Graph.open(arrays["graph"].tobytes(), shape[0], shape[1]) if "graph" in arrays else None
            views = Views(arrays["item"], arrays["fixed"], arrays["codes"])
            if "basis" in arrays:
                views = replace(views, rotation=Rotation(arrays["basis"]), lengths=arrays["lengths"])
            index = VectorIndex(views, arrays["rows"], arrays["first"], cells, graph, about.tuning)
            ids = tuple(msgspec.json.decode(arrays["ids"].tobytes()))
            columns = in_nfc(msgspec.json.decode(arrays["columns"].tobytes()))
        except (KeyError, IndexError, ValueError) as error:
            raise CorruptArtefactError(f"{file.name} is no saved index: {error!r}.") from error
        return cls(ids, {name: tuple(values) for name, values in columns.items()}, about.recall, index)


def _checked_ids(ids: Any, items: int) -> tuple[Any, ...]:
    names = tuple(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if len(names) != items:
        raise InvalidCatalogueError(f"There are {len(names)} ids and {items} items with vectors: give one for each.")
    found: dict[str, Any] = {}
    for given in names:
        name = _plain(given)
        try:
            key = id_text(name)
        except ValueError as error:
            raise InvalidCatalogueError(f"{error}.") from error
        if key in found:
            raise InvalidCatalogueError(f"The id {name!r:.60} stands twice; give an item's vectors as one array.")
        found[key] = name if isinstance(name, int) else key
    return tuple(found.values())


def _asked_id(one: Any) -> str:
    try:
        return id_text(_plain(one))
    except ValueError as error:
        raise InvalidRequestError(f"'ids': {error}.") from error


def _plain(value: Any) -> Any:
    """Give numbers and texts of NumPy as Python's own, within lists and objects too."""
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case np.ndarray():
            return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _checked_columns(columns: Mapping[str, Any], items: int) -> dict[str, tuple[Any, ...]]:
    """Check columns; names and texts are given in NFC."""
    read = {name: _checked_column(name, given, items) for name, given in columns.items()}
    try:
        return {name: tuple(values) for name, values in in_nfc(read).items()}
    except ValueError as error:
        raise InvalidCatalogueError(f"Of the columns, {error}.") from error


def _checked_column(name: str, given: Any, items: int) -> list[Any]:
    if name in RESERVED:
        raise InvalidCatalogueError(f"{name!r} cannot be a column; {', '.join(RESERVED)} have a meaning of their own.")
    values = given.tolist() if isinstance(given, np.ndarray) else [_plain(value) for value in given]
    if len(values) != items:
        raise InvalidCatalogueError(f"Column {name!r} has {len(values)} values for {items} items: give one for each.")
    values = [None if isinstance(value, float) and np.isnan(value) else value for value in values]
    for position, value in enumerate(values):
        if value is not None and kind_of(value) is None:
            raise InvalidCatalogueError(
                f"Column {name!r} has {value!r:.60} at {position}; "
                "fields are finite numbers, strings, booleans or lists of strings or numbers."
            )
    return values


def _json(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(msgspec.json.encode(value), np.uint8)


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()
