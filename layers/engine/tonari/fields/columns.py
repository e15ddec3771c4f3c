"""Item documents -> columns that filters run over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tonari.fields.schema import kind_of, parse_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tonari.fields.schema import Field, Schema


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
    codes : (I,) int32
        Index into ``classes``, -1 where the item lacks the field.
    classes
        The values, sorted.
    """

    codes: NDArray[np.int32]
    classes: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A list of strings per item.

    Parameters
    ----------
    codes : (M,) int32
        Indices into ``classes``, all items' lists one after the other.
    items : (M,) int32
        The item of each code.
    count
        ``I``.
    """

    codes: NDArray[np.int32]
    items: NDArray[np.int32]
    classes: tuple[str, ...]
    count: int


Column = NumberColumn | ClassColumn | ListColumn


def build_columns(documents: Sequence[Mapping[str, Any]], schema: Schema) -> dict[str, Column]:
    """Make a column for every field that is filtered by or predicted.

    Values of another type than the schema's count as missing; a string field takes numbers and booleans as text.
    """
    return {
        name: _column([document.get(name) for document in documents], field)
        for name, field in schema.fields.items()
        if field.filterable or field.attribute
    }


def _column(values: Sequence[Any], field: Field) -> Column:
    match field.type:
        case "number":
            return _numbers(values, lambda value: float(value) if kind_of(value) == "number" else None)
        case "date":
            return _numbers(values, lambda value: parse_date(value) if isinstance(value, str) else None)
        case "boolean":
            return _classes([value if isinstance(value, bool) else None for value in values])
        case "string":
            return _classes([_text(value) for value in values])
        case "strings":
            return _lists([[value] if isinstance(value, str) else value for value in values])


def _numbers(values: Sequence[Any], read: Callable[[Any], float | None]) -> NumberColumn:
    read_values = (read(value) for value in values)
    return NumberColumn(np.array([np.nan if value is None else value for value in read_values], np.float64))


def _classes(values: Sequence[Any]) -> ClassColumn:
    classes = tuple(sorted({value for value in values if value is not None}))
    code = {value: position for position, value in enumerate(classes)}
    return ClassColumn(np.array([-1 if value is None else code[value] for value in values], np.int32), classes)


def _lists(values: Sequence[Any]) -> ListColumn:
    pairs = [(item, one) for item, value in enumerate(values) if kind_of(value) == "strings" for one in value]
    classes = tuple(sorted({one for _, one in pairs}))
    code = {value: position for position, value in enumerate(classes)}
    return ListColumn(
        codes=np.array([code[one] for _, one in pairs], np.int32),
        items=np.array([item for item, _ in pairs], np.int32),
        classes=classes,
        count=len(values),
    )


def _text(value: Any) -> str | None:
    if kind_of(value) in ("number", "boolean"):
        return json.dumps(value)
    return value if isinstance(value, str) else None


def columns_to_arrays(columns: Mapping[str, Column]) -> dict[str, NDArray[Any]]:
    """Lay columns out as plain arrays for an ``.npz`` file."""
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


def columns_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Column]:
    """Undo :func:`columns_to_arrays`."""
    columns: dict[str, Column] = {}
    for position, about in enumerate(json.loads(arrays["columns"].tobytes())):
        values = arrays[f"column{position}"]
        match about["kind"]:
            case "number":
                columns[about["name"]] = NumberColumn(values)
            case "class":
                columns[about["name"]] = ClassColumn(values, tuple(about["classes"]))
            case _:
                items = arrays[f"column{position}_items"]
                columns[about["name"]] = ListColumn(values, items, tuple(about["classes"]), about["count"])
    return columns
