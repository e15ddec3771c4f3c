"""Embeddings that need not be computed again: all of one encoder, found by the view and its source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.views import is_passage_key, view_key
from tonari.contract.normal_form import nfc
from tonari.snapshots.indexed import ViewSource, text
from tonari.snapshots.segments import Segment
from tonari.snapshots.table import Table

LABEL_BYTES = 16


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """Embeddings, and of which views of which source they are.

    Parameters
    ----------
    labels : (n,) bytes
        As :func:`label_views` gives them, or keys.
    fixed : (n, D) int16
    cut : (n,) bool
        Of which of them the encoder left out the end.
    """

    labels: NDArray[np.bytes_]
    fixed: NDArray[np.int16]
    cut: NDArray[np.bool_]


class KnownVectors:
    """Embeddings that one encoder made.

    Parameters
    ----------
    encoder
        Its id: a vector without it could be compared with one of another encoder.
    blocks
        Where they lie; none of it is copied.
    """

    def __init__(self, encoder: str, blocks: Iterable[LabelledVectors] = ()) -> None:
        self.encoder = encoder
        self._blocks = tuple(block for block in blocks if len(block.labels))
        self._starts = np.cumsum([0, *(len(block.labels) for block in self._blocks)])
        labels = np.concatenate([np.empty(0, f"S{LABEL_BYTES}"), *(block.labels for block in self._blocks)])
        self.cut = np.concatenate([np.empty(0, np.bool_), *(block.cut for block in self._blocks)])
        """(n,) bool: of which of them, by number, the encoder left out the end."""
        self._order = np.argsort(labels, kind="stable")
        self._labels = labels[self._order]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._labels)

    def find(self, labels: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Find the numbers of views' embeddings: (n,) int64, -1 where none is known."""
        if not len(self):
            return np.full(len(labels), -1)
        places = np.minimum(np.searchsorted(self._labels, labels), len(self) - 1)
        return np.where(self._labels[places] == labels, self._order[places], -1)

    def copy(self, numbers: NDArray[np.int64], into: NDArray[np.int16], rows: NDArray[np.int64]) -> None:
        """Copy embeddings, by the numbers that :meth:`find` gave, to rows of ``into``."""
        block_of = np.searchsorted(self._starts, numbers, side="right") - 1
        for number, block in enumerate(self._blocks):
            chosen = block_of == number
            into[rows[chosen]] = block.fixed[numbers[chosen] - self._starts[number]]

    def vectors(self, views: Iterable[ViewSource]) -> list[NDArray[np.int16] | None]:
        """Give the embeddings of some views, None where one is not known."""
        return [None if number < 0 else self.vector(number) for number in self.find(label_views(views)).tolist()]

    def vector(self, number: int) -> NDArray[np.int16]:
        """Give one embedding, (D,), by a number that :meth:`find` gave."""
        block = int(np.searchsorted(self._starts, number, side="right")) - 1
        embedding: NDArray[np.int16] = self._blocks[block].fixed[number - self._starts[block]]
        return embedding


def label_views(views: Iterable[ViewSource]) -> NDArray[np.bytes_]:
    """Give views of known source labels of equal length: 128 bits of a hash, which no two images share.

    Passages of the same words do, wherever they stand: their embeddings are the same. Keys are taken in NFC, whichever
    form an earlier version kept.
    """
    named = (f"{'#' if is_passage_key(key) else nfc(key)}\0{source}".encode() for key, source in views)
    labels = (hashlib.blake2b(one, digest_size=LABEL_BYTES).digest() for one in named)
    return np.frombuffer(b"".join(labels), f"S{LABEL_BYTES}")


def vectors_of_table(table: Table) -> LabelledVectors:
    """Take the embeddings of a table."""
    ids = [text(item) for item in table.ids]
    views = zip(table.views.item.tolist(), table.view_names.tolist(), table.view_sources.tolist(), strict=True)
    labels = label_views((view_key(ids[item], name.decode()), source.decode()) for item, name, source in views)
    return LabelledVectors(labels, table.views.fixed, table.view_cut)


def vectors_of_segment(segment: Segment) -> LabelledVectors:
    """Take the embeddings of a segment."""
    views = [(view_key(item.id, view.name), view) for item in segment.items.values() if item for view in item.views]
    fixed = np.array([view.embedding for _, view in views], np.int16)
    cut = np.array([view.cut for _, view in views], np.bool_)
    return LabelledVectors(label_views((key, view.source) for key, view in views), fixed, cut)


def known_to(encoder: str, segments: Iterable[Segment]) -> KnownVectors:
    """Gather the embeddings of those segments that an encoder made; nothing is known of the others."""
    return KnownVectors(encoder, [vectors_of_segment(one) for one in segments if one.encoder == encoder])
