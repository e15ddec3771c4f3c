"""Checkpoints: what became of one shard of views, kept in the bucket until a snapshot holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.builds.known_vectors import LabelledVectors, label_views
from tonari.contract.artefacts import CheckpointHeader, RejectedView
from tonari.errors import CorruptArtefactError
from tonari.storage.bucket import Bucket
from tonari.storage.packing import SUFFIX, named_key, pack, read_named, write_named

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Views that one encoder encoded or rejected; those in neither had vanished.

    Parameters
    ----------
    encoder
        Its id.
    keys, sources : (n,) bytes
        Of the views that were encoded: the source is that of the bytes that were read.
    fixed : (n, D) int16
        Their embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    rejected
        Those that could not be encoded.
    """

    encoder: str
    keys: NDArray[np.bytes_]
    sources: NDArray[np.bytes_]
    fixed: NDArray[np.int16]
    rejected: tuple[RejectedView, ...]

    def vectors(self) -> LabelledVectors:
        """Give its embeddings for reuse."""
        views = zip(self.keys.tolist(), self.sources.tolist(), strict=True)
        return LabelledVectors(label_views((key.decode(), source.decode()) for key, source in views), self.fixed)


def write_checkpoint(artefacts: Bucket, checkpoint: Checkpoint) -> str:
    """Write a checkpoint under a name that ends in its sha256, read it back and compare; gives the key."""
    header = CheckpointHeader(FORMAT, checkpoint.encoder, checkpoint.rejected)
    arrays = {"keys": checkpoint.keys, "sources": checkpoint.sources, "fixed": checkpoint.fixed}
    prefix = _prefix(checkpoint.encoder)
    return named_key(prefix, write_named(artefacts, prefix, pack(header, arrays)))


def list_checkpoints(artefacts: Bucket, encoder: str) -> list[str]:
    """Keys of all checkpoints of one encoder: delete them once a snapshot holds what they hold."""
    return [found.key for found in artefacts.list(_prefix(encoder))]


def read_checkpoint(artefacts: Bucket, encoder: str, key: str) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one in its name, or another version or encoder wrote it.
    """
    prefix = _prefix(encoder)
    packed = read_named(artefacts, prefix, key[len(prefix) :].removesuffix(SUFFIX))
    about = packed.about(CheckpointHeader)
    if (about.format, about.encoder) != (FORMAT, encoder):
        raise CorruptArtefactError(f"{packed.name} has format {about.format}, encoder {about.encoder}: encode again.")
    fixed = packed.array("fixed", np.int16, (None, None))
    keys, sources = (packed.array(name, np.bytes_, (len(fixed),)) for name in ("keys", "sources"))
    return Checkpoint(encoder, keys, sources, fixed, about.rejected)


def _prefix(encoder: str) -> str:
    return f"work/{encoder}/"
