"""Documents and images of items as they lie in the catalogue: keys, limits, reading."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tonari.contract.catalogue import MOST_DOCUMENT_BYTES, MOST_ID_BYTES
from tonari.contract.decoding import read_json
from tonari.errors import InvalidCatalogueError, MissingObjectError
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


ITEMS = "items/"
IMAGES = "images/"
SCHEMA = "schema.json"


@dataclass(frozen=True, slots=True)
class Document:
    """An item document and the ETag it had; an item without one has no fields and an empty ETag."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""


def check_id(item: str) -> str:
    """Return an id that may stand in a key.

    Raises
    ------
    InvalidCatalogueError
        If it is empty, too long, or has a slash or control character.
    """
    if not item or "/" in item or not item.isprintable() or item in (".", ".."):
        raise InvalidCatalogueError(f"{item!r:.80} cannot be an id: it needs printable characters without '/'.")
    if len(item.encode()) > MOST_ID_BYTES:
        raise InvalidCatalogueError(f"The id {item[:40]!r}… has over {MOST_ID_BYTES} bytes in UTF-8: shorten it.")
    return item


def document_key(item: str) -> str:
    """Key of an item's document."""
    return f"{ITEMS}{item}.json"


def image_key(item: str, name: str) -> str:
    """Key of one of an item's images."""
    return f"{IMAGES}{item}/{name}"


def item_of(key: str) -> str | None:
    """Tell to which item a key belongs; None if to none."""
    if key.startswith(ITEMS) and key.endswith(".json"):
        item = key[len(ITEMS) : -len(".json")]
    elif key.startswith(IMAGES):
        item, slash, name = key[len(IMAGES) :].partition("/")
        if not slash or not name:
            return None
    else:
        return None
    try:
        return check_id(item)
    except InvalidCatalogueError:
        return None


def list_item(bucket: Bucket, item: str) -> dict[str, str]:
    """List one item's images: ETag by name."""
    prefix = image_key(item, "")
    return {found.key[len(prefix) :]: found.etag for found in bucket.list(prefix) if found.key != prefix and found.size}


def read_document(bucket: Bucket, item: str) -> Document | None:
    """Read an item's document; None if there is none.

    Raises
    ------
    InvalidCatalogueError
        If it is not of the documented form.
    """
    try:
        blob = bucket.get(document_key(item))
    except MissingObjectError:
        return None
    return Document(parse_document(item, blob.data), blob.etag)


def parse_document(item: str, data: bytes) -> dict[str, Any]:
    """Read the JSON of an item document.

    Raises
    ------
    InvalidCatalogueError
        If it is not a flat JSON object of finite values, names another id, or is too long.
    """
    key = document_key(item)
    if len(data) > MOST_DOCUMENT_BYTES:
        raise InvalidCatalogueError(f"{key} has {len(data)} bytes, at most {MOST_DOCUMENT_BYTES} are taken.")
    try:
        document = read_json(data)
    except ValueError as error:
        raise InvalidCatalogueError(f"{key} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidCatalogueError(f"{key} must hold an object, such as {{'id': …, 'price': 5}}.")
    if type(document.get("id")) is int and str(document["id"]) == item:  # as databases export numeric keys
        document["id"] = item
    if document.setdefault("id", item) != item:
        raise InvalidCatalogueError(f"{key} says that its id is {document['id']!r:.80}.")
    nested = [name for name, value in document.items() if isinstance(value, dict)]
    if nested:
        raise InvalidCatalogueError(f"{key}: {nested[0]!r} is an object; documents are flat.")
    images = document.get("images", [])
    if not isinstance(images, list) or not all(isinstance(name, str) for name in images):
        raise InvalidCatalogueError(f"{key}: 'images' must be a list of names under {IMAGES}{item}/.")
    return document


def select_images(fields: Mapping[str, Any], images: Collection[str]) -> tuple[list[str], list[str]]:
    """Select and order an item's images as its document says, or take all by name.

    Returns
    -------
    Names that are there, and names that the document gives but the bucket lacks.
    """
    wanted = list(dict.fromkeys(fields["images"])) if fields.get("images") else sorted(images)
    return [name for name in wanted if name in images], [name for name in wanted if name not in images]
