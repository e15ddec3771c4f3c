"""What the routes that change the catalogue do: documents are replaced, merged and deleted."""

from __future__ import annotations

import json
import logging
import random
import time
from typing import Any

from tonari.api.http import Response
from tonari.catalogue.documents import check_id, document_key, image_key, parse_document
from tonari.contract.answers import AcceptedAnswer, PutAnswer, UploadForm
from tonari.contract.normal_form import in_nfc
from tonari.contract.parameters import MOST_UPLOAD_BYTES
from tonari.errors import (
    ConflictError,
    InvalidCatalogueError,
    InvalidRequestError,
    MissingObjectError,
    TonariError,
    UnknownItemError,
)
from tonari.fields.remarks import remarks
from tonari.query.reader import Reader
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

LINK_SECONDS = 900
TRIES = 8
PAUSE_SECONDS = 0.05
"""Before a merge is tried again somebody else's write is waited for: up to twice as long each time."""


class Writers:
    """A method for each route that changes the catalogue, of the route's name.

    Takes its parameters, if there are any, then the item that its path names.
    """

    def __init__(self, reader: Reader, catalogue: Bucket) -> None:
        self._reader, self._catalogue = reader, catalogue

    def put_item(self, document: dict[str, Any], item: str) -> Response:
        """Replace an item's document, and give a form for its images."""
        fields = parse_document(_checked(item), _written(document))
        self._catalogue.put(document_key(item), _written(fields), "application/json")
        return self._accepted(item, fields)

    def patch_item(self, changes: dict[str, Any], item: str) -> Response:
        """Merge changes into an item's document [RFC 7396], and give a form for its images.

        It is written only while it is what was read: if somebody else writes meanwhile, it is read and merged again.

        Raises
        ------
        InvalidRequestError
            If two names of the changes are one in NFC.
        UnknownItemError
            If the item has neither document nor images.
        ConflictError
            If somebody else wrote each time.
        """
        key, changes = document_key(_checked(item)), _in_nfc(changes)
        for number in range(TRIES):
            fields, etag = self._document(item, key)
            merged = parse_document(item, _written(merge(fields, changes)))
            try:
                if etag is None:
                    self._catalogue.create(key, _written(merged))
                elif merged != fields:
                    self._catalogue.replace(key, _written(merged), etag)
            except (ConflictError, MissingObjectError):
                time.sleep(random.uniform(0, PAUSE_SECONDS * 2**number))
            else:
                return self._accepted(item, merged)
        raise ConflictError(f"Others wrote {item!r:.80} each of the {TRIES} times that it was tried: send it again.")

    def _document(self, item: str, key: str) -> tuple[dict[str, Any], str | None]:
        """Read an item's document and its ETag; of an item that has images alone, there is none yet."""
        try:
            blob = self._catalogue.get(key)
        except MissingObjectError:
            if not any(found.size for found in self._catalogue.list(image_key(item, ""))):
                raise UnknownItemError(
                    f"The catalogue has no item {item!r}; PUT makes a new one, PATCH only changes what is there."
                ) from None
            return {}, None
        try:
            return parse_document(item, blob.data or b"{}"), blob.etag
        except InvalidCatalogueError as error:
            raise InvalidCatalogueError(f"{error.detail.removesuffix('.')}. PUT replaces the document.") from error

    def delete_item(self, item: str) -> Response:
        """Delete an item's document and images."""
        keys = [found.key for found in self._catalogue.list(image_key(_checked(item), ""))]
        if self._catalogue.head(document_key(item)):
            keys.append(document_key(item))
        if not keys:
            raise UnknownItemError(f"The catalogue has no item {item!r}.")
        self._catalogue.delete(*keys)
        return Response.of(AcceptedAnswer(id=item), 202)

    def _accepted(self, item: str, fields: dict[str, Any]) -> Response:
        upload = UploadForm(**form_of(self._catalogue, image_key(item, "${filename}")))
        return Response.of(PutAnswer(id=item, warnings=self._remarks(fields), upload=upload), 202)

    def _remarks(self, fields: dict[str, Any]) -> dict[str, str]:
        """Compare a document with the live schema; that none is live is no reason to refuse it."""
        try:
            return remarks(self._reader.current().snapshot.schema, fields)
        except TonariError as error:
            log.warning(json.dumps({"warnings": error.slug, "detail": error.detail}))
            return {}


def merge(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge changes into a flat document [RFC 7396]: null removes a field, any other value takes its place."""
    merged = {**document, **changes}
    return {name: value for name, value in merged.items() if value is not None or name not in changes}


def form_of(bucket: Bucket, key: str) -> dict[str, Any]:
    """Make a form by which one picture can be posted."""
    form = bucket.presign_post(key, MOST_UPLOAD_BYTES, LINK_SECONDS)
    return {"url": form.url, "fields": form.fields, "most_bytes": MOST_UPLOAD_BYTES}


def _written(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def _in_nfc(changes: dict[str, Any]) -> dict[str, Any]:
    try:
        read: dict[str, Any] = in_nfc(changes)
    except ValueError as error:
        raise InvalidRequestError(f"The changes cannot be read: {error}.") from error
    return read


def _checked(item: str) -> str:
    try:
        return check_id(item)
    except InvalidCatalogueError as error:
        raise InvalidRequestError(error.detail) from error
