"""Items that changed since a snapshot -> what a delta segment says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tonari.builds.encode import EncodedView, encode_view, in_parallel
from tonari.builds.known_vectors import KnownVectors
from tonari.catalogue.documents import CatalogueItem, Document, document_key, image_key, read_item, select_images
from tonari.contract.artefacts import RejectedView
from tonari.encoders.port import Encoder
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.segments import Segment
from tonari.storage.bucket import Bucket


def read_items(catalogue: Bucket, items: Iterable[str]) -> list[CatalogueItem]:
    """Read the present state of items."""
    return list(in_parallel(lambda item: read_item(catalogue, item), items))


def index_items(catalogue: Bucket, encoder: Encoder, items: Sequence[CatalogueItem], known: KnownVectors) -> Segment:
    """Make a segment of items as they were read.

    Parameters
    ----------
    known
        Embeddings of this encoder: views whose source is among them are not encoded again.
    """
    rejected: dict[str, str] = {}
    chosen: dict[str, list[str]] = {}
    for item in items:
        if item.problem:
            rejected[document_key(item.id)] = item.problem
        chosen[item.id], missing = select_images(_document(item).fields, item.images)
        rejected |= {image_key(item.id, name): "The document names it, the bucket lacks it." for name in missing}
    wanted = [(image_key(item.id, name), item.images[name]) for item in items for name in chosen[item.id]]
    found: dict[str, EncodedView | RejectedView | None] = {
        key: EncodedView(key, source, embedding)
        for (key, source), embedding in zip(wanted, known.vectors(wanted), strict=True)
        if embedding is not None
    }
    keys = [key for key, _ in wanted if key not in found]
    found |= zip(keys, in_parallel(lambda key: encode_view(catalogue, encoder, key), keys), strict=True)
    rejected |= {one.key: one.reason for one in found.values() if isinstance(one, RejectedView)}
    indexed: dict[str, IndexedItem | None] = {}
    for item in items:
        views = tuple(
            IndexedView(name, one.source, one.embedding)
            for name in chosen[item.id]
            if isinstance(one := found[image_key(item.id, name)], EncodedView)
        )
        document = _document(item)
        indexed[item.id] = None if item.deleted else IndexedItem(item.id, document.fields, document.etag, views)
    return Segment(indexed, rejected)


def _document(item: CatalogueItem) -> Document:
    return item.document or Document()
