"""Items as they lie in the catalogue now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tonari.catalogue.documents import Document, list_item, read_document, select_images
from tonari.errors import InvalidCatalogueError
from tonari.storage.bucket import Bucket

ItemState = tuple[str, tuple[tuple[str, str], ...]]
"""ETag of an item's document; name and source of its views, in order."""


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """An item as it lies in the catalogue.

    Parameters
    ----------
    document
        None if there is none, or none that can be read.
    problem
        Why the document cannot be read, empty if it can.
    images
        ETag by name.
    """

    id: str
    document: Document | None
    problem: str
    images: Mapping[str, str]

    @property
    def deleted(self) -> bool:
        """Whether nothing is left of the item."""
        return self.document is None and not self.problem and not self.images

    @property
    def state(self) -> ItemState | None:
        """What an index that holds this item as it lies here would record; None if nothing is left of it."""
        if self.deleted:
            return None
        document = self.document or Document()
        names, _ = select_images(document.fields, self.images)
        return document.etag, tuple((name, self.images[name]) for name in names)


def read_item(catalogue: Bucket, item: str, images: Mapping[str, str] | None = None) -> CatalogueItem:
    """Read an item's document beside its images.

    Parameters
    ----------
    images
        ETag by name; listed now if it is left out.
    """
    found = list_item(catalogue, item) if images is None else images
    try:
        return CatalogueItem(item, read_document(catalogue, item), "", found)
    except InvalidCatalogueError as error:
        return CatalogueItem(item, None, error.detail, found)
