"""Present state of items in the catalogue -> indexed items, each view encoded once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tonari.catalogue.documents import Document, document_key, image_key, list_item, read_document, select_images
from tonari.encoders.image import Encoder
from tonari.errors import InvalidCatalogueError, MissingObjectError, RequestError
from tonari.index.vectors import to_fixed
from tonari.snapshots.segments import Segment
from tonari.snapshots.table import IndexedItem, IndexedView, State
from tonari.storage.bucket import Bucket

WORKERS = 8
AHEAD = 4 * WORKERS

ViewKey = tuple[str, str]
"""Key and ETag of an image."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One image, encoded or rejected.

    Parameters
    ----------
    etag
        Of the bytes that were encoded.
    embedding : (D,) int16
        None if the image was rejected.
    reason
        Why it was rejected.
    """

    key: str
    etag: str
    embedding: NDArray[np.int16] | None
    reason: str = ""


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


def encode_image(catalogue: Bucket, encoder: Encoder, key: str) -> Encoded | None:
    """Read and encode one image as it is now; None if it has vanished.

    Raises
    ------
    StoreError
        If S3 does not answer: a passing fault, unlike an image that cannot be decoded.
    """
    try:
        blob = catalogue.get(key)
    except MissingObjectError:
        return None
    try:
        view = encoder.read(blob.data)
    except RequestError as error:
        return Encoded(key, blob.etag, None, error.detail)
    return Encoded(key, blob.etag, to_fixed(encoder.embed([view])[0]))


@dataclass(frozen=True, slots=True)
class Seen:
    """An item as it lies in the catalogue.

    Parameters
    ----------
    document
        None if there is none, or none that can be read.
    wrong
        What is wrong with the document, empty if nothing is.
    images
        ETag by name.
    """

    item: str
    document: Document | None
    wrong: str
    images: Mapping[str, str]

    @property
    def gone(self) -> bool:
        """Whether nothing is left of the item."""
        return self.document is None and not self.wrong and not self.images

    @property
    def state(self) -> State | None:
        """What an index that holds this item as it lies here would record; None if nothing is left of it."""
        if self.gone:
            return None
        document = self.document or Document()
        names, _ = select_images(document.fields, self.images)
        return document.etag, tuple((name, self.images[name]) for name in names)


def see(catalogue: Bucket, item: str, images: Mapping[str, str]) -> Seen:
    """Read an item's document beside its listed images."""
    try:
        return Seen(item, read_document(catalogue, item), "", images)
    except InvalidCatalogueError as error:
        return Seen(item, None, error.detail, images)


def assemble(
    item: str, document: Document, names: Iterable[str], encoded: Mapping[str, Encoded]
) -> tuple[IndexedItem, dict[str, str]]:
    """Put an item together from its encoded images.

    Parameters
    ----------
    names
        Of its images, in order.
    encoded
        By key; a key that is not in it has vanished.

    Returns
    -------
    The item, and the reason by key of each image that was rejected.
    """
    views, rejected = [], {}
    for name in names:
        found = encoded.get(image_key(item, name))
        if found is None:
            continue
        if found.embedding is None:
            rejected[found.key] = found.reason
        else:
            views.append(IndexedView(name, found.etag, found.embedding))
    return IndexedItem(item, document.fields, document.etag, tuple(views)), rejected


def gather(
    seen: Iterable[Seen], encode: Callable[[dict[str, str]], dict[str, Encoded]]
) -> tuple[list[IndexedItem], dict[str, str]]:
    """Turn items as they lie in the catalogue into indexed items.

    Parameters
    ----------
    encode
        Takes ETags by key, of all images wanted; gives what became of each key that has not vanished.

    Returns
    -------
    The items, and the reason by key of each object that was rejected.
    """
    chosen: list[tuple[Seen, list[str]]] = []
    rejected: dict[str, str] = {}
    wanted: dict[str, str] = {}
    for one in seen:
        if one.wrong:
            rejected[document_key(one.item)] = one.wrong
        names, missing = select_images(one.document.fields if one.document else {}, one.images)
        rejected |= {image_key(one.item, name): "The document names it, the bucket lacks it." for name in missing}
        wanted |= {image_key(one.item, name): one.images[name] for name in names}
        chosen.append((one, names))
    encoded = encode(wanted)
    items = []
    for one, names in chosen:
        item, refused = assemble(one.item, one.document or Document(), names, encoded)
        items.append(item)
        rejected |= refused
    return items, rejected


def split_known(
    wanted: Mapping[str, str], known: Mapping[ViewKey, NDArray[np.int16]]
) -> tuple[dict[str, Encoded], list[str]]:
    """Part the images whose embeddings are known from the keys of those that must be encoded."""
    reused = {key: Encoded(key, etag, known[key, etag]) for key, etag in wanted.items() if (key, etag) in known}
    return reused, [key for key in wanted if key not in reused]


def look(catalogue: Bucket, items: Iterable[str]) -> list[Seen]:
    """Look at the present state of items."""
    return list(in_parallel(lambda item: see(catalogue, item, list_item(catalogue, item)), items))


def index_seen(
    catalogue: Bucket, encoder: Encoder, seen: Sequence[Seen], known: Mapping[ViewKey, NDArray[np.int16]]
) -> Segment:
    """Make a segment of items; images whose ETag is known are not encoded again."""

    def encode(wanted: dict[str, str]) -> dict[str, Encoded]:
        reused, keys = split_known(wanted, known)
        fresh = in_parallel(lambda key: encode_image(catalogue, encoder, key), keys)
        return reused | {one.key: one for one in fresh if one is not None}

    found, rejected = gather((one for one in seen if not one.gone), encode)
    gone: dict[str, IndexedItem | None] = {one.item: None for one in seen if one.gone}
    return Segment(gone | {item.id: item for item in found}, rejected)


def known_views(items: Iterable[IndexedItem]) -> dict[ViewKey, NDArray[np.int16]]:
    """Collect the embeddings that need not be computed again."""
    return {(image_key(item.id, view.name), view.etag): view.embedding for item in items for view in item.views}
