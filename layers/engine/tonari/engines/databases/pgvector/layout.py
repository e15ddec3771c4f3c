"""How a collection lies in tables of PostgreSQL: names, columns, and what is written into them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import CollectionState, Record, Tombstone
from tonari.contract.engine import FieldType

SQL_TYPES: Mapping[FieldType, str] = {
    "number": "double precision",
    "date": "double precision",
    "boolean": "boolean",
    "string": 'text COLLATE "C"',
    "strings": 'text[] COLLATE "C"',
}
INDEXES: Mapping[FieldType, str] = {"number": "btree", "date": "btree", "string": "hash"}
"""Of fields whose filters may let few items pass. A hash index takes texts of any length, others do not."""
MOST_INDEXED = 2_000
"""Dimensions of a ``vector`` that HNSW takes; of a ``halfvec``, with numbers of 16 bits, twice as many."""
MOST_DIMENSIONS = 16_000
MOST_NAME_BYTES = 63
_ESCAPED = re.compile("[\0\1]")
_ESCAPES = re.compile("\1[\1\2]")
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"


def escaped(text: str) -> str:
    """Write a text without NUL, which PostgreSQL has no way to keep; texts stay in the order of their code points."""
    return (
        _ESCAPED.sub(lambda one: "\1\1" if one[0] == "\0" else "\1\2", text) if "\0" in text or "\1" in text else text
    )


def unescaped(text: str) -> str:
    """Undo :func:`escaped`."""
    return _ESCAPES.sub(lambda one: "\0" if one[0][1] == "\1" else "\1", text) if "\1" in text else text


def quoted(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field's values are: ``name`` is that of a column, qualified."""

    name: str
    type: FieldType


@dataclass(frozen=True)
class Layout:
    """The tables of a collection.

    Parameters
    ----------
    schema
        In which they lie.
    name
        Of the collection.
    """

    schema: str
    name: str
    state: CollectionState

    @property
    def items(self) -> str:
        """Name of the table with a row for each item."""
        return f"{quoted(self.schema)}.{quoted(f'{self.name}_items')}"

    @property
    def views(self) -> str:
        """Name of the table with a row for each view."""
        return f"{quoted(self.schema)}.{quoted(f'{self.name}_views')}"

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns of table ``i`` by field."""
        return {field: Column(f"i.f{number}", kind) for number, (field, kind) in enumerate(self.state.types.items())}

    @property
    def indexed(self) -> str:
        """What of table ``v`` is indexed; empty if embeddings are too long for that."""
        dimensions = self.state.dimensions
        if dimensions <= MOST_INDEXED:
            return "v.embedding"
        return f"(v.embedding::halfvec({dimensions}))" if dimensions <= 2 * MOST_INDEXED else ""

    @property
    def vector(self) -> str:
        """Type of what is indexed."""
        return f"{'halfvec' if self.state.dimensions > MOST_INDEXED else 'vector'}({self.state.dimensions})"

    def made(self) -> list[str]:
        """Give the statements that make the tables."""
        fields = "".join(f", f{number} {SQL_TYPES[kind]}" for number, kind in enumerate(self.state.types.values()))
        items = (
            f'CREATE TABLE {self.items} (item bigint GENERATED ALWAYS AS IDENTITY UNIQUE, id text COLLATE "C" '
            "PRIMARY KEY, generation bigint NOT NULL, deleted boolean NOT NULL, state text NOT NULL, "
            f"document text NOT NULL, views integer NOT NULL{fields}) WITH (toast_tuple_target = 256)"
        )
        views = (
            f"CREATE TABLE {self.views} (item bigint NOT NULL, number integer NOT NULL, name text NOT NULL, "
            f"embedding vector({self.state.dimensions}) NOT NULL, PRIMARY KEY (item, number))"
        )
        return [items, f"CREATE INDEX ON {self.items} (generation) WHERE generation > 0", views]

    def indexes(self) -> list[str]:
        """Give the statements that index the tables, which is done when they are full: it is faster then."""
        made = []
        if self.indexed:
            kind = self.vector.partition("(")[0]
            expression = self.indexed.replace("v.", "")
            name = quoted(f"{self.name}_hnsw")
            made.append(
                f"CREATE INDEX IF NOT EXISTS {name} ON {self.views} USING hnsw ({expression} {kind}_ip_ops) "
                "WITH (m = 16, ef_construction = 128)"
            )
        for number, kind in enumerate(self.state.types.values()):
            if kind in INDEXES:
                name = quoted(f"{self.name}_f{number}")
                made.append(f"CREATE INDEX IF NOT EXISTS {name} ON {self.items} USING {INDEXES[kind]} (f{number})")
        return [*made, f"ANALYZE {self.items}", f"ANALYZE {self.views}"]

    def readable(self, alias: str) -> str:
        """Give the statement that lets people and other programs read the items by an alias."""
        named = "".join(f", {column.name} AS {quoted(name)}" for name, column in self._named())
        return (
            f"CREATE VIEW {quoted(self.schema)}.{quoted(alias)} AS SELECT i.id, i.generation, i.document{named} "
            f"FROM {self.items} i WHERE NOT i.deleted"
        )

    def _named(self) -> Iterable[tuple[str, Column]]:
        """Name columns by their fields, or by their number where SQL has no such name."""
        taken = {"id", "generation", "document"}
        for number, (field, column) in enumerate(self.columns.items()):
            fits = field and "\0" not in field and len(field.encode()) <= MOST_NAME_BYTES and field not in taken
            name = field if fits else f"f{number}"
            while name in taken:
                name = f"_{name}"
            taken.add(name)
            yield name, column

    def written(self) -> str:
        """Give the statement that writes an item if its record is not older than the one that is there."""
        names = ["id", "generation", "deleted", "state", "document", "views"]
        names += [f"f{number}" for number in range(len(self.state.types))]
        changed = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        return (
            f"INSERT INTO {self.items} AS i ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "
            f"ON CONFLICT (id) DO UPDATE SET {changed} WHERE i.generation <= excluded.generation RETURNING item, id"
        )

    def row(self, record: Record | Tombstone) -> list[Any]:
        """Give the values that :meth:`written` takes."""
        if isinstance(record, Tombstone):
            return [escaped(record.id), record.generation, True, "", "", 0, *[None] * len(self.state.types)]
        fields = [_kept(record.fields.get(field)) for field in self.state.types]
        said = [escaped(record.state), escaped(record.document), len(record.views)]
        return [escaped(record.id), record.generation, False, *said, *fields]


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    return [escaped(one) for one in value] if isinstance(value, tuple) else value


def field_value(kept: Any) -> Any:
    """Give a field's value as a record has it."""
    if isinstance(kept, str):
        return unescaped(kept)
    return tuple(unescaped(one) for one in kept) if isinstance(kept, list) else kept


def copied_views(record: Record, item: int) -> bytes:
    """Give rows of the table of views in the binary form of COPY [PostgreSQL's documentation, COPY, File Formats]."""
    rows = record.embeddings.astype(">f4")
    written = []
    for number, name in enumerate(record.views):
        text, vector = escaped(name).encode(), struct.pack("!hh", rows.shape[1], 0) + rows[number].tobytes()
        written.append(struct.pack(f"!hiqiii{len(text)}si", 4, 8, item, 4, number, len(text), text, len(vector)))
        written.append(vector)
    return b"".join(written)


def read_vectors(sent: Sequence[bytes], dimensions: int) -> NDArray[np.float32]:
    """Read embeddings that ``vector_send`` wrote: (n, D)."""
    if not sent:
        return np.empty((0, 0), np.float32)
    return np.frombuffer(b"".join(sent), [("head", ">i4"), ("row", ">f4", dimensions)])["row"].astype(np.float32)


def vector_text(vector: NDArray[np.float32]) -> str:
    """Write a vector, (D,), as pgvector reads it."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
