"""A record as a document of a Lucene index, and back; the mapping that tells the index what to do with it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import FoundRecord, Record, RecordState, SortedRecord, Tombstone
from tonari.contract.engine import FieldType
from tonari.engines.databases.lucene.filters import DELETED, ID, Fields, indexed
from tonari.words.analysis import STOP_WORDS

Document = dict[str, Any]

GENERATION, STATE, ITEM, TERMS = "generation", "state", "document", "terms"
VIEWS, VECTOR, NAME, PACKED = "views", "vector", "name", "packed"
FIRST, COUNT, LONG = "first_view", "view_count", "long"
ANALYSER = "words"
BLANK = "\u241f"
"""Stands for a blank within a term: where the index parts terms there are blanks."""
FOUND = [ID, GENERATION, STATE, ITEM, FIRST]
TYPES: Mapping[FieldType, str] = {
    "number": "double",
    "date": "double",
    "boolean": "boolean",
    "string": "keyword",
    "strings": "keyword",
}


def properties(fields: Fields, vectors: Mapping[str, Any], analyser: str) -> dict[str, Any]:
    """Give the mapping of documents.

    Parameters
    ----------
    vectors
        Mapping of each form in which a view's embedding is in the index.
    analyser
        Which parts terms where blanks are.
    """
    return {
        ID: {"type": "keyword"},
        GENERATION: {"type": "long"},
        STATE: {"type": "keyword", "index": False},
        DELETED: {"type": "boolean"},
        COUNT: {"type": "integer"},
        TERMS: {"type": "text", "analyzer": analyser, "index_options": "freqs"},
        VIEWS: {"type": "nested", "dynamic": False, "properties": dict(vectors)},
        **{fields.keys[name]: {"type": TYPES[kind]} for name, kind in fields.types.items()},
    }


def document_of(record: Record | Tombstone, fields: Fields, vectors: Sequence[str]) -> Document:
    """Give the document of a record.

    Parameters
    ----------
    vectors
        Names of the forms in which an embedding is in the index. One without length is in none: nothing is near it.
    """
    if isinstance(record, Tombstone):
        return {ID: record.id, GENERATION: record.generation, DELETED: True}
    values = {fields.keys[name]: value for name, value in record.fields.items() if name in fields.keys}
    kept = {key: [indexed(one) for one in value] if isinstance(value, tuple) else indexed(value)
            for key, value in values.items()}  # fmt: skip
    long = {key: value for key, value in values.items() if _is_text(value) and _plain(value) != kept[key]}
    return {
        ID: record.id,
        GENERATION: record.generation,
        STATE: record.state,
        DELETED: False,
        ITEM: record.document,
        TERMS: text_of(term for term in record.terms if term not in STOP_WORDS),
        COUNT: len(record.views),
        FIRST: record.views[0] if record.views else "",
        VIEWS: [
            {NAME: view, PACKED: pack(row), **(dict.fromkeys(vectors, _numbers(row)) if row.any() else {})}
            for view, row in zip(record.views, record.embeddings, strict=True)
        ],
        **({LONG: long} if long else {}),
        **kept,
    }


def text_of(terms: Any) -> str:
    """Join terms to a text that the index parts where they were joined."""
    return " ".join(term.replace(" ", BLANK) for term in terms if term.strip())


def record_of(document: Document, fields: Fields) -> Record:
    """Give the record that a document was made of, without its terms."""
    views = document[VIEWS]
    rows = [unpack(view[PACKED]) for view in views]
    return Record(
        id=document[ID],
        generation=document[GENERATION],
        state=document[STATE],
        fields={
            name: value_of(document, key, kind)
            for (name, kind), key in zip(fields.types.items(), fields.keys.values(), strict=True)
            if key in document
        },
        document=document[ITEM],
        terms=(),
        views=tuple(view[NAME] for view in views),
        embeddings=np.stack(rows) if rows else np.empty((0, 0), np.float32),
    )


def value_of(document: Document, key: str, kind: FieldType | None) -> Any:
    """Give a field's value as the record has it; None if the item lacks it."""
    value = document.get(LONG, {}).get(key, document.get(key))
    if kind == "strings" and value is not None:
        return tuple(value)
    return float(value) if kind in ("number", "date") and value is not None else value


def found_record(hit: Document, vector: NDArray[np.float32], *, embedding: bool) -> FoundRecord:
    """Give an item that a search for a vector found, with the cosine of its nearest view.

    That is computed anew, in 64 bits: the score of the index says ``(1 + cosine) / 2`` in 32.
    """
    said = hit["_source"]
    view = hit["inner_hits"][VIEWS]["hits"]["hits"][0]["_source"]
    row = unpack(view[PACKED])
    cosine = float(row.astype(np.float64) @ vector.astype(np.float64))
    return FoundRecord(
        said[ID], cosine, view[NAME], said[ITEM], said[GENERATION], said[STATE], row if embedding else None
    )


def worded_record(hit: Document) -> FoundRecord:
    """Give an item that a search by words found."""
    said = hit["_source"]
    return FoundRecord(said[ID], hit["_score"], said[FIRST], said[ITEM], said[GENERATION], said[STATE])


def sorted_record(hit: Document, key: str | None, kind: FieldType | None) -> SortedRecord:
    """Give an item in an order."""
    said = hit["_source"]
    value = value_of(said, key, kind) if key else None
    return SortedRecord(said[ID], value, said[FIRST], said[ITEM], said[GENERATION], said[STATE])


def record_state(hit: Document) -> RecordState:
    """Give the form of an item that an index holds, of a hit whose columns were asked for."""
    said = hit["fields"]
    return RecordState(said[ID][0], said[GENERATION][0], said[STATE][0] if STATE in said else None)


def pack(row: NDArray[np.float32]) -> str:
    """Give an embedding, (D,), as base64 of its bits, little-endian."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def unpack(text: str) -> NDArray[np.float32]:
    """Give an embedding back: (D,) float32."""
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def _numbers(row: NDArray[np.float32]) -> msgspec.Raw:
    """Write an embedding as JSON, with no more digits than 32 bits need."""
    return msgspec.Raw(f"[{','.join(row.astype(np.float32).astype(str))}]".encode())


def _is_text(value: Any) -> bool:
    return isinstance(value, str | tuple)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
