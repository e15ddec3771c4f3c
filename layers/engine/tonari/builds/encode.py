"""A shard of views -> embeddings, and the checkpoints in which they wait for the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tonari.builds.known_vectors import LabelledVectors, label_views
from tonari.catalogue.passages import Passage
from tonari.contract.artefacts import CheckpointHeader, RejectedView
from tonari.encoders.port import Encoder
from tonari.errors import CorruptArtefactError, InvalidTextError, MissingObjectError, RequestError
from tonari.images.guards import MAX_BYTES, too_long
from tonari.images.memory import MemoryBudget
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import texts
from tonari.storage.bucket import Bucket
from tonari.storage.packing import pack, read_named, write_named

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Views that one encoder encoded or rejected; those in neither had vanished.

    Parameters
    ----------
    keys, sources : (n,) bytes
        Of the views that were encoded: the source is that of the bytes that were read.
    fixed : (n, D) int16
        Their embeddings, as :func:`tonari.index.vectors.to_fixed` gives them.
    cut : (n,) bool
        Of which of them the encoder left out the end.
    rejected
        Those that could not be encoded.
    """

    encoder: str
    keys: NDArray[np.bytes_]
    sources: NDArray[np.bytes_]
    fixed: NDArray[np.int16]
    cut: NDArray[np.bool_]
    rejected: tuple[RejectedView, ...]

    def vectors(self) -> LabelledVectors:
        """Give its embeddings for reuse."""
        views = zip(self.keys.tolist(), self.sources.tolist(), strict=True)
        labels = label_views((key.decode(), source.decode()) for key, source in views)
        return LabelledVectors(labels, self.fixed, self.cut)


def write_checkpoint(artefacts: Bucket, checkpoint: Checkpoint) -> str:
    """Write a checkpoint under a key that ends in its sha256, read it back and compare; gives the key."""
    header = CheckpointHeader(FORMAT, checkpoint.encoder, checkpoint.rejected)
    arrays = {name: getattr(checkpoint, name) for name in ("keys", "sources", "fixed", "cut")}
    return write_named(artefacts, _prefix(checkpoint.encoder), pack(header, arrays))


def list_checkpoints(artefacts: Bucket, encoder: str) -> list[str]:
    """Keys of all checkpoints of one encoder: delete them once a snapshot holds what they hold."""
    return [found.key for found in artefacts.list(_prefix(encoder))]


def read_checkpoint(artefacts: Bucket, encoder: str, key: str) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one in its key, or another version or encoder wrote it.
    """
    packed = read_named(artefacts, key)
    about = packed.about(CheckpointHeader)
    if (about.format, about.encoder) != (FORMAT, encoder):
        raise CorruptArtefactError(f"{packed.name} has format {about.format}, encoder {about.encoder}: encode again.")
    fixed = packed.array("fixed", np.int16, (None, None))
    keys, sources = (packed.array(name, np.bytes_, (len(fixed),)) for name in ("keys", "sources"))
    cut = packed.array("cut", np.bool_, (len(fixed),))
    return Checkpoint(encoder, keys, sources, fixed, cut, about.rejected)


def _prefix(encoder: str) -> str:
    return f"work/{encoder}/"


WORKERS = 8
AHEAD = 4 * WORKERS
PROGRESS_EVERY = 50
READ_AT_ONCE = 100_000_000
"""Bytes of files that the threads may hold, beside what decoding takes."""
TEXTS_AHEAD, TEXTS_AT_ONCE = 128, 32
"""Of so many views the passages of like length are encoded together, so many in one thread."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Shard:
    """Views that are encoded together.

    Parameters
    ----------
    encoder
        Its id.
    keys
        Of the views.
    passages
        By key: the views that are passages. All others are images.
    """

    encoder: str
    keys: tuple[str, ...]
    passages: Mapping[str, Passage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncodedView:
    """A view that was encoded, with the source of what was encoded.

    Parameters
    ----------
    embedding : (D,) int16
    cut
        Whether the encoder left out the end, for it was too long.
    """

    key: str
    source: str
    embedding: NDArray[np.int16]
    cut: bool = False


def encode_shard(
    catalogue: Bucket, artefacts: Bucket, encoder: Encoder, shard: Shard, progress: Callable[[int], None]
) -> str:
    """Encode the views of a shard as they are now, and keep them in the bucket; gives the key of the checkpoint.

    Raises
    ------
    StoreError
        If S3 does not answer: a passing fault, unlike a view that cannot be decoded.
    """
    encoded: list[EncodedView] = []
    rejected: list[RejectedView] = []
    for done, view in enumerate(encode_views(catalogue, encoder, shard.keys, shard.passages), 1):
        if done % PROGRESS_EVERY == 0:
            progress(done)
        match view:
            case EncodedView():
                encoded.append(view)
            case RejectedView():
                rejected.append(view)
    keys, sources = texts([one.key for one in encoded]), texts([one.source for one in encoded])
    fixed = np.array([view.embedding for view in encoded], np.int16).reshape(-1, encoder.dimensions)
    cut = np.array([view.cut for view in encoded], np.bool_)
    return write_checkpoint(artefacts, Checkpoint(shard.encoder, keys, sources, fixed, cut, tuple(rejected)))


def encode_views(
    catalogue: Bucket, encoder: Encoder, keys: Iterable[str], passages: Mapping[str, Passage] | None = None
) -> Iterator[EncodedView | RejectedView | None]:
    """Encode views in order: images as they are now, read in parallel, and passages as they are given.

    Parameters
    ----------
    passages
        By key; all other keys are those of images.

    Yields
    ------
    None for each image that has vanished.
    """
    files = MemoryBudget(READ_AT_ONCE)
    if not passages:
        yield from in_parallel(lambda key: encode_image(catalogue, encoder, key, files), keys)
        return
    waiting = iter(keys)
    while ahead := list(itertools.islice(waiting, TEXTS_AHEAD)):
        texts = encode_passages(encoder, {key: passages[key] for key in ahead if key in passages})
        images = (key for key in ahead if key not in passages)
        encoded = in_parallel(lambda key: encode_image(catalogue, encoder, key, files), images)
        for key in ahead:
            yield texts[key] if key in passages else next(encoded)


def encode_passages(encoder: Encoder, passages: Mapping[str, Passage]) -> dict[str, EncodedView | RejectedView]:
    """Encode passages by key: those of like length together, equal ones once."""
    one_of = {passage.source: passage for passage in passages.values()}
    ordered = sorted(one_of.values(), key=lambda passage: len(passage.whole))
    made: dict[str, tuple[NDArray[np.int16], bool] | str] = {}
    batches = (ordered[start : start + TEXTS_AT_ONCE] for start in range(0, len(ordered), TEXTS_AT_ONCE))
    for batch in in_parallel(lambda batch: _encode_texts(encoder, batch), batches):
        made |= batch
    views: dict[str, EncodedView | RejectedView] = {}
    for key, passage in passages.items():
        found = made[passage.source]
        if isinstance(found, str):
            views[key] = RejectedView(key, passage.source, found)
        else:
            views[key] = EncodedView(key, passage.source, *found)
    return views


def _encode_texts(encoder: Encoder, passages: Sequence[Passage]) -> dict[str, tuple[NDArray[np.int16], bool] | str]:
    """Encode a batch; where a text of it cannot be encoded, halve it until that one is alone. Gives all by source."""
    try:
        encoded = encoder.encode_texts([passage.whole for passage in passages], "passage")
    except InvalidTextError as error:
        if len(passages) == 1:
            return {passages[0].source: error.detail}
        half = len(passages) // 2
        return _encode_texts(encoder, passages[:half]) | _encode_texts(encoder, passages[half:])
    fixed = to_fixed(encoded.embeddings)
    found = zip(passages, fixed, encoded.cut.tolist(), strict=True)
    return {passage.source: (row, cut) for passage, row, cut in found}


def encode_image(
    catalogue: Bucket, encoder: Encoder, key: str, files: MemoryBudget
) -> EncodedView | RejectedView | None:
    """Read and encode one image as it is now; None if it has vanished.

    Parameters
    ----------
    files
        Memory for files that are read and not yet encoded, and their copies without metadata. The size is asked first:
        a file over :data:`tonari.images.guards.MAX_BYTES` is never read.
    """
    found = catalogue.head(key)
    if found is None:
        return None
    if found.size > MAX_BYTES:
        return RejectedView(key, found.etag, too_long(found.size).detail)
    with files.hold(2 * found.size):
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
