"""The second step of a rebuild: one shard of views is read and encoded, and becomes one checkpoint."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tonari.builds.checkpoints import Checkpoint, write_checkpoint
from tonari.contract.artefacts import RejectedView
from tonari.encoders.port import Encoder
from tonari.errors import MissingObjectError, RequestError
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import texts
from tonari.storage.bucket import Bucket

WORKERS = 8
AHEAD = 4 * WORKERS
PROGRESS_EVERY = 50

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Shard:
    """Views that are encoded together: their keys, and the id of the encoder."""

    encoder: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EncodedView:
    """A view that was encoded, with the source of the bytes that were read.

    Parameters
    ----------
    embedding : (D,) int16
    """

    key: str
    source: str
    embedding: NDArray[np.int16]


def encode_shard(
    catalogue: Bucket,
    artefacts: Bucket,
    encoder: Encoder,
    shard: Shard,
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """Encode the views of a shard as they are now, and keep them in the bucket.

    Parameters
    ----------
    encoder
        The one that the shard names.
    progress
        Is told now and then how many views are done.

    Returns
    -------
    The key of the checkpoint.

    Raises
    ------
    StoreError
        If S3 does not answer: a passing fault, unlike a view that cannot be decoded.
    """
    encoded: list[EncodedView] = []
    rejected: list[RejectedView] = []
    for done, view in enumerate(in_parallel(lambda key: encode_view(catalogue, encoder, key), shard.keys), 1):
        if done % PROGRESS_EVERY == 0:
            progress(done)
        match view:
            case EncodedView():
                encoded.append(view)
            case RejectedView():
                rejected.append(view)
    fixed = np.empty((len(encoded), encoder.dimensions), np.int16)
    for row, view in zip(fixed, encoded, strict=True):
        row[:] = view.embedding
    checkpoint = Checkpoint(
        shard.encoder,
        texts([view.key for view in encoded]),
        texts([view.source for view in encoded]),
        fixed,
        tuple(rejected),
    )
    return write_checkpoint(artefacts, checkpoint)


def encode_view(catalogue: Bucket, encoder: Encoder, key: str) -> EncodedView | RejectedView | None:
    """Read and encode one view as it is now; None if it has vanished.

    Raises
    ------
    StoreError
        If S3 does not answer.
    """
    try:
        blob = catalogue.get(key)
    except MissingObjectError:
        return None
    try:
        embedding = encoder.encode(blob.data)
    except RequestError as error:
        return RejectedView(key, blob.etag, error.detail)
    return EncodedView(key, blob.etag, to_fixed(embedding))


def in_parallel(work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """Map in threads, in order, never more than a few ahead of the consumer."""
    with ThreadPoolExecutor(WORKERS) as pool:
        rest = iter(given)
        waiting = [pool.submit(work, one) for one in itertools.islice(rest, AHEAD)]
        try:
            while waiting:
                made = waiting.pop(0).result()
                waiting += [pool.submit(work, one) for one in itertools.islice(rest, 1)]
                yield made
        finally:
            for future in waiting:
                future.cancel()
