"""Documents and images of items as they lie in the catalogue: keys, limits, reading."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tonari.contract.normal_form import id_text, is_nfc, nfc, spellings
from tonari.contract.parameters import MOST_DOCUMENT_BYTES, MOST_ID_BYTES
from tonari.contract.strict_json import read_json
from tonari.errors import InvalidCatalogueError, MissingObjectError
from tonari.storage.bucket import Bucket

ItemState = tuple[str, tuple[tuple[str, str], ...]]
"""ETag of an item's document; name and source of its views, in order."""


ITEMS = "items/"
IMAGES = "images/"
SCHEMA = "schema.json"

EMPTY_FILE: Final = "The file is empty: put it there again, or delete it."
_FOLDER: Final = "It only marks a folder: the key ends in '/'."
_ELSEWHERE: Final = "It lies under neither items/ nor images/."
_NO_DOCUMENT: Final = "Under items/ only items/<id>.json is read."
_LOOSE: Final = "Under images/ only images/<id>/<name> is read."
_NO_ID: Final = "The id is empty, '.' or '..'."
_SLASH: Final = "The id has a '/'; documents lie directly under items/."
_LONG: Final = f"The id has over {MOST_ID_BYTES} bytes in UTF-8: shorten it."
_CONTROL_IN_ID: Final = (
    "The id has a control character, U+FFFE, U+FFFF or half a surrogate pair: leave it out, or rename the file."
)
_CONTROL: Final = "The image's name has a control character, U+FFFE, U+FFFF or half a surrogate pair: rename it."
_MIXED: Final = "The name is in neither of Unicode's normal forms NFC and NFD: rename the file, best in NFC."
_PASSAGE_KEY: Final = re.compile(rf"({ITEMS}.+\.json)#[1-9][0-9]{{0,8}}", re.DOTALL)
TWICE: Final = (
    "The same name is there in another normal form of Unicode (NFC, NFD), and that file is used: delete or rename one "
    "of the two."
)
_NEVER: Final = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no name has: terminals obey it, UTF-8 cannot write it, or XML, in which S3 lists keys, cannot."""


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
    empty
        Reason by key, for files of the item that have no bytes.
    """

    id: str
    fields: Mapping[str, Any]
    etag: str
    problem: str
    images: Mapping[str, str]
    empty: Mapping[str, str] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        """Whether nothing is left of the item."""
        return not (self.etag or self.problem or self.images)


def read_item(catalogue: Bucket, item: str, images: Mapping[str, str] | None = None) -> CatalogueItem:
    """Read an item's document, and then list its images unless they are given (ETag by name).

    In this order an item whose images were uploaded before its document is never seen without them. An empty document
    counts as none. Nothing is left of an item whose id is not in NFC, as earlier versions kept ids: what lies there is
    of the item whose id is.
    """
    if not is_nfc(item):
        return CatalogueItem(item, {}, "", "", {})
    fields: Mapping[str, Any] = {}
    etag = problem = ""
    empty: dict[str, str] = {}
    try:
        blob = catalogue.get(document_key(item))
        if blob.data:
            fields, etag = parse_document(item, blob.data), blob.etag
        else:
            empty[document_key(item)] = EMPTY_FILE
    except MissingObjectError:
        pass
    except InvalidCatalogueError as error:
        problem = error.detail
    if images is None:
        images, empty_images = list_item(catalogue, item)
        empty |= empty_images
    return CatalogueItem(item, fields, etag, problem, images, empty)


def check_id(item: str) -> str:
    """Return an id that may stand in a key, in NFC.

    Raises
    ------
    InvalidCatalogueError
        If it is empty, too long, or has a slash or control character.
    """
    item = nfc(item)
    if why := _why_no_id(item):
        raise InvalidCatalogueError(f"{item!r:.80} cannot be an id. {why}")
    return item


def why_no_name(name: str) -> str:
    """Say why an image cannot have a name; empty if it can."""
    return _CONTROL if _NEVER.search(name) else ""


def _why_no_id(item: str) -> str:
    if item in ("", ".", ".."):
        return _NO_ID
    if "/" in item:
        return _SLASH
    if _NEVER.search(item):
        return _CONTROL_IN_ID
    return _LONG if len(item.encode()) > MOST_ID_BYTES else ""


def document_key(item: str) -> str:
    """Key of an item's document."""
    return f"{ITEMS}{item}.json"


def image_key(item: str, name: str) -> str:
    """Key of one of an item's images."""
    return f"{IMAGES}{item}/{name}"


def item_of(key: str) -> str | None:
    """Tell to which item a key of the catalogue, or of a passage, belongs; None if to none."""
    document = read_passage_key(key)
    return read_key(key if document is None else document).item


def read_passage_key(key: str) -> str | None:
    """Give the document's key that a passage's key begins with; None if it is no passage's."""
    found = _PASSAGE_KEY.fullmatch(key)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class ReadKey:
    """What a key says.

    Parameters
    ----------
    item
        Id in NFC of the item that it belongs to; None if it belongs to none.
    name
        Of the image, in NFC; empty for a document.
    spelling
        0 if the key is in NFC. Of several keys that are one in NFC, the lowest counts.
    why
        Why it belongs to no item: one of a few reasons that serve all keys.
    """

    item: str | None
    name: str = ""
    spelling: int = 0
    why: str = ""


def read_key(key: str) -> ReadKey:
    """Tell to which item a key belongs, or why to none."""
    if key.startswith(ITEMS):
        item, name = key[len(ITEMS) :].removesuffix(".json"), ""
        why = "" if key.endswith(".json") else _NO_DOCUMENT
    elif key.startswith(IMAGES):
        item, _, name = key[len(IMAGES) :].partition("/")
        why = "" if name else _LOOSE
    else:
        return ReadKey(None, why=_ELSEWHERE)
    if key.endswith("/"):
        return ReadKey(None, why=_FOLDER)
    spelling = 0
    if not (key.isascii() or (is_nfc(item) and is_nfc(name))):
        keys = keys_of(key)
        item, name = nfc(item), nfc(name)
        if key in keys:
            spelling = keys.index(key)
        else:
            why = why or _MIXED
    why = why or _why_no_id(item) or why_no_name(name)
    return ReadKey(None, why=why) if why else ReadKey(item, name, spelling)


def keys_of(key: str) -> tuple[str, ...]:
    """Give all keys under which an object may lie that others wrote: first that in NFC.

    The id and the rest may each be in NFC or NFD: an id often comes from a database, a name from a file system.
    """
    if key.isascii():
        return (key,)
    folder, _, rest = key.partition("/")
    item, slash, name = rest.partition("/")
    return tuple(f"{folder}/{one}{slash}{other}" for one in spellings(item) for other in spellings(name))


def list_item(bucket: Bucket, item: str) -> tuple[dict[str, str], dict[str, str]]:
    """List one item's images: ETag by name, and for those that have no bytes the reason by key."""
    there: dict[str, tuple[int, str]] = {}
    empty: dict[str, str] = {}
    for found in bucket.list(image_key(item, "")):
        read = read_key(found.key)
        if read.item != item:
            continue
        if not found.size:
            empty[image_key(item, read.name)] = EMPTY_FILE
        elif read.name not in there or read.spelling < there[read.name][0]:
            there[read.name] = read.spelling, found.etag
    return {name: there[name][1] for name in sorted(there)}, empty


def parse_document(item: str, data: bytes) -> dict[str, Any]:
    """Read the JSON of an item document; names and texts are given in NFC.

    Raises
    ------
    InvalidCatalogueError
        If it is not a flat JSON object of finite values, names another id, is too long, or has two names that are one
        in NFC.
    """
    key = document_key(item)
    if len(data) > MOST_DOCUMENT_BYTES:
        raise InvalidCatalogueError(f"{key} has {len(data)} bytes, at most {MOST_DOCUMENT_BYTES} are taken.")
    try:
        document = read_json(data)
    except ValueError as error:
        raise InvalidCatalogueError(f"{key} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidCatalogueError(f"{key} must hold an object, such as {{'price': 5}}.")
    said = document.get("id")
    document["id"] = item if said is None else _checked_id(key, item, said)
    nested = [name for name, value in document.items() if isinstance(value, dict)]
    if nested:
        raise InvalidCatalogueError(f"{key}: {nested[0]!r} is an object; documents are flat.")
    images = document.get("images") or []
    if not isinstance(images, list) or not all(isinstance(name, str) for name in images):
        raise InvalidCatalogueError(f"{key}: 'images' must be a list of names under {IMAGES}{item}/.")
    return document


def _checked_id(key: str, item: str, said: Any) -> str:
    try:
        one = id_text(said)
    except ValueError as error:
        raise InvalidCatalogueError(f"{key} has a wrong id: {error}, or leave it out.") from error
    if one != item:
        raise InvalidCatalogueError(f"{key} says that its id is {one!r:.80}: rename the one or the other.")
    return one


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
