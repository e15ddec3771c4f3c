"""Documents and images of items as they lie in the catalogue: keys, limits, reading."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tonari.contract.decoding import read_json
from tonari.contract.parameters import MOST_DOCUMENT_BYTES, MOST_ID_BYTES
from tonari.errors import InvalidCatalogueError, MissingObjectError
from tonari.storage.bucket import Bucket

ItemState = tuple[str, tuple[tuple[str, str], ...]]
"""ETag of an item's document; name and source of its views, in order."""


ITEMS = "items/"
IMAGES = "images/"
SCHEMA = "schema.json"

EMPTY_FILE: Final = "The file is empty."
_FOLDER: Final = "It only marks a folder: the key ends in '/'."
_ELSEWHERE: Final = "It lies under neither items/ nor images/."
_NO_DOCUMENT: Final = "Under items/ only items/<id>.json is read."
_LOOSE: Final = "Under images/ only images/<id>/<name> is read."
_NO_ID: Final = "The id is empty, '.' or '..'."
_SLASH: Final = "The id has a '/'; documents lie directly under items/."
_UNPRINTABLE: Final = "The id has a control character, an invisible one, or a space that is not the usual one."
_LONG: Final = f"The id has over {MOST_ID_BYTES} bytes in UTF-8: shorten it."
_CONTROL: Final = "The image's name has a control character."
_CONTROLS: Final = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """An item as it lies in the catalogue.

    Parameters
    ----------
    fields, etag
        Of the document; both empty if there is none, or none that can be read.
    problem
        Why the document cannot be read, empty if it can.
    images
        ETag by name.
    """

    id: str
    fields: Mapping[str, Any]
    etag: str
    problem: str
    images: Mapping[str, str]

    @property
    def deleted(self) -> bool:
        """Whether nothing is left of the item."""
        return not (self.etag or self.problem or self.images)

    @property
    def state(self) -> ItemState | None:
        """What an index that holds this item as it lies here would record; None if nothing is left of it."""
        if self.deleted:
            return None
        names, _ = select_images(self.id, self.fields, self.images)
        return self.etag, tuple((name, self.images[name]) for name in names)


def read_item(catalogue: Bucket, item: str, images: Mapping[str, str] | None = None) -> CatalogueItem:
    """Read an item's document, and then list its images unless they are given (ETag by name).

    In this order an item whose images were uploaded before its document is never seen without them. An empty document
    counts as none.
    """
    fields: Mapping[str, Any] = {}
    etag = problem = ""
    try:
        blob = catalogue.get(document_key(item))
        if blob.data:
            fields, etag = parse_document(item, blob.data), blob.etag
    except MissingObjectError:
        pass
    except InvalidCatalogueError as error:
        problem = error.detail
    return CatalogueItem(item, fields, etag, problem, list_item(catalogue, item) if images is None else images)


def check_id(item: str) -> str:
    """Return an id that may stand in a key.

    Raises
    ------
    InvalidCatalogueError
        If it is empty, too long, or has a slash or control character.
    """
    if why := _why_no_id(item):
        raise InvalidCatalogueError(f"{item!r:.80} cannot be an id. {why}")
    return item


def _why_no_id(item: str) -> str:
    if item in ("", ".", ".."):
        return _NO_ID
    if "/" in item:
        return _SLASH
    if not item.isprintable():
        return _UNPRINTABLE
    return _LONG if len(item.encode()) > MOST_ID_BYTES else ""


def document_key(item: str) -> str:
    """Key of an item's document."""
    return f"{ITEMS}{item}.json"


def image_key(item: str, name: str) -> str:
    """Key of one of an item's images."""
    return f"{IMAGES}{item}/{name}"


def item_of(key: str) -> str | None:
    """Tell to which item a key belongs; None if to none."""
    return read_key(key)[0]


def read_key(key: str) -> tuple[str | None, str]:
    """Tell to which item a key belongs; None and the reason, one of a few that serve all keys, if to none."""
    if key.startswith(ITEMS):
        item, name = key[len(ITEMS) :].removesuffix(".json"), ""
        why = "" if key.endswith(".json") else _NO_DOCUMENT
    elif key.startswith(IMAGES):
        item, _, name = key[len(IMAGES) :].partition("/")
        why = "" if name else _LOOSE
    else:
        return None, _ELSEWHERE
    if key.endswith("/"):
        return None, _FOLDER
    why = why or _why_no_id(item) or (_CONTROL if _CONTROLS.search(name) else "")
    return (None, why) if why else (item, "")


def list_item(bucket: Bucket, item: str) -> dict[str, str]:
    """List one item's images: ETag by name."""
    prefix = image_key(item, "")
    return {
        found.key[len(prefix) :]: found.etag
        for found in bucket.list(prefix)
        if found.size and item_of(found.key) is not None
    }


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


def select_images(item: str, fields: Mapping[str, Any], images: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Select and order an item's images as its document says, or take all by name.

    Returns
    -------
    Names that are there, and the reason by key of each image that the document gives but the bucket lacks.
    """
    wanted = list(dict.fromkeys(fields["images"])) if fields.get("images") else sorted(images)
    missing = [image_key(item, name) for name in wanted if name not in images]
    reasons = dict.fromkeys(missing, "The document names it, the bucket lacks it.")
    return [name for name in wanted if name in images], reasons
