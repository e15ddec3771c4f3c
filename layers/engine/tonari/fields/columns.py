"""Item documents -> columns that filters run over."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.artefacts import UnusableValues
from tonari.errors import CorruptArtefactError
from tonari.fields.kinds import is_given
from tonari.fields.schema import Field, Schema, values_of
from tonari.fields.unusable import unusable_values

BITS_PER_ITEM_NUMBER = 32
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A number or date (seconds since 1970) per item.

    Parameters
    ----------
    values : (I,) float64
        NaN where the item lacks the field.
    """

    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassColumn:
    """One of a few values per item: a string or boolean.

    Parameters
    ----------
    codes : (I,) int8, int16 or int32, as narrow as ``classes`` allow
        Index into ``classes``, -1 where the item lacks the field.
    classes
        The values, sorted.
    """

    codes: NDArray[np.signedinteger]
    classes: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A list of strings (numbers as text) per item, laid out by value; order and repetition within a list are not kept.

    Parameters
    ----------
    codes : (M,) int32
        Indices into ``classes``, ascending.
    items : (M,) int32
        The items that have each, ascending.
    classes
        The values, sorted.
    count
        ``I``.

    Attributes
    ----------
    start : (C + 1,) int64
        Where each value's items begin.
    some : (ceil(I / 8),) uint8
        Bitmap of the items whose list is not empty.
    frequent
        For each value that more than a 32nd of the items have, a bitmap of those, which is then the smaller: by it a
        million items are searched for a value in a tenth of a millisecond.
    """

    codes: NDArray[np.int32]
    items: NDArray[np.int32]
    classes: tuple[str, ...]
    count: int
    start: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    some: NDArray[np.uint8] = field(init=False, repr=False, compare=False)
    frequent: Mapping[int, NDArray[np.uint8]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        start = np.searchsorted(self.codes, np.arange(len(self.classes) + 1)).astype(np.int64)
        object.__setattr__(self, "start", start)
        tagged = np.zeros(self.count, np.bool_)
        tagged[self.items] = True
        object.__setattr__(self, "some", np.packbits(tagged))
        often = np.flatnonzero(np.diff(start) > self.count / BITS_PER_ITEM_NUMBER)
        bitmaps = {int(code): np.packbits(self.having([int(code)])) for code in often}
        object.__setattr__(self, "frequent", bitmaps)

    def having(self, codes: Iterable[int]) -> NDArray[np.bool_]:
        """Tell which items have one of some values, (I,); reads the lists, not the bitmaps."""
        mask = np.zeros(self.count, np.bool_)
        for code in codes:
            mask[self.items[self.start[code] : self.start[code + 1]]] = True
        return mask

    def having_any(self) -> NDArray[np.bool_]:
        """Tell which items have a value at all: (I,)."""
        return np.unpackbits(self.some, count=self.count).view(np.bool_)


Column = NumberColumn | ClassColumn | ListColumn


def build_columns(documents: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, Column]:
    """Make a column for every field that is filtered by or predicted.

    Values of another type than the schema's count as missing; fields of texts take numbers as text, and a string field
    booleans too.
    """
    return {
        name: _column([document.get(name) for document in documents], about)
        for name, about in schema.fields.items()
        if about.filterable or about.attribute
    }


def count_unusable(
    ids: NDArray[np.bytes_], documents: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], schema: Schema
) -> dict[str, UnusableValues]:
    """Count the values that no column has because they are not of their field's type.

    Parameters
    ----------
    ids : (I,) bytes
        UTF-8.
    documents
        I of them, of which the columns were made.

    Returns
    -------
    By field, those with such values only; the field with most of them first.
    """
    found: dict[str, UnusableValues] = {}
    for name, column in columns.items():
        missing = np.flatnonzero(~has_value(column)).tolist()
        wrong = [item for item in missing if is_given(documents[item].get(name))]
        if wrong:
            first = {
                bytes(ids[item]).decode(): unusable_values(schema, {name: documents[item][name]})[name]
                for item in wrong[:EXAMPLES]
            }
            found[name] = UnusableValues(len(wrong), first)
    return dict(sorted(found.items(), key=lambda one: -one[1].count))


def has_value(column: Column) -> NDArray[np.bool_]:
    """Tell which items have a value: (I,)."""
    match column:
        case NumberColumn(numbers):
            return np.asarray(numbers == numbers, np.bool_)  # noqa: PLR0124 - NaN alone differs from itself
        case ClassColumn(codes, _):
            return np.asarray(codes >= 0)
        case ListColumn():
            return column.having_any()


def _column(values: Sequence[Any], about: Field) -> Column:
    read = [values_of(value, about) for value in values]
    if about.type in ("number", "date"):
        return NumberColumn(np.array([of_item[0] if of_item else np.nan for of_item in read], np.float64))
    classes = tuple(sorted({value for of_item in read for value in of_item}))
    code = {value: position for position, value in enumerate(classes)}
    if about.type == "strings":
        pairs = sorted((code[value], item) for item, of_item in enumerate(read) for value in of_item)
        ordered = np.array(pairs, np.int32).reshape(-1, 2)
        return ListColumn(codes=ordered[:, 0].copy(), items=ordered[:, 1].copy(), classes=classes, count=len(read))
    narrow = np.min_scalar_type(-max(len(classes), 1))
    return ClassColumn(np.array([code[of_item[0]] if of_item else -1 for of_item in read], narrow), classes)


def columns_to_arrays(columns: Mapping[str, Column]) -> dict[str, NDArray[Any]]:
    """Lay columns out as plain arrays for a packed file."""
    arrays: dict[str, NDArray[Any]] = {}
    about: list[dict[str, Any]] = []
    for position, (name, column) in enumerate(columns.items()):
        match column:
            case NumberColumn(values):
                about.append({"name": name, "kind": "number"})
                arrays[f"column{position}"] = values
            case ClassColumn(codes, classes):
                about.append({"name": name, "kind": "class", "classes": classes})
                arrays[f"column{position}"] = codes
            case ListColumn(codes, items, classes, count):
                about.append({"name": name, "kind": "list", "classes": classes, "count": count})
                arrays[f"column{position}"] = codes
                arrays[f"column{position}_items"] = items
    arrays["columns"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    return arrays


def columns_from_arrays(arrays: Mapping[str, NDArray[Any]], items: int) -> dict[str, Column]:
    """Undo :func:`columns_to_arrays`.

    Parameters
    ----------
    items
        ``I``, of which each column must be.

    Raises
    ------
    CorruptArtefactError
        If a column is of another length, or names values or items that do not exist.
    KeyError, TypeError, ValueError
        If it is not of this form at all.
    """
    columns: dict[str, Column] = {}
    for position, about in enumerate(json.loads(arrays["columns"].tobytes())):
        name, values, classes = about["name"], arrays[f"column{position}"], tuple(about.get("classes", ()))
        match about["kind"]:
            case "number":
                fits = values.shape == (items,) and values.dtype == np.float64 and not np.isinf(values).any()
                _demand_fit(fits, name, items)
                columns[name] = NumberColumn(values)
            case "class":
                _demand_fit(values.shape == (items,) and _within(values, -1, len(classes)), name, items)
                columns[name] = ClassColumn(values, classes)
            case _:
                listed = arrays[f"column{position}_items"]
                fits = about["count"] == items and values.shape == listed.shape == (len(values),)
                fits = fits and _within(values, 0, len(classes)) and _within(listed, 0, items)
                _demand_fit(fits and (values[1:] >= values[:-1]).all(), name, items)
                columns[name] = ListColumn(values, listed, classes, items)
    return columns


def _within(codes: NDArray[Any], least: int, end: int) -> bool:
    return codes.dtype.kind == "i" and (not len(codes) or bool(least <= codes.min() and codes.max() < end))


def _demand_fit(fits: object, name: str, items: int) -> None:
    if not fits:
        raise CorruptArtefactError(f"The column {name!r:.80} does not fit {items:,} items and its values: rebuild.")
