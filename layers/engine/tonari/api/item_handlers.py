"""Handlers of items and uploads: what is read of an item, and what is written to the buckets."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tonari.api.http import Response
from tonari.api.presenting import image_path
from tonari.api.query_handlers import provenance
from tonari.catalogue.documents import check_id, document_key, image_key, list_item, parse_document
from tonari.contract.answers import AcceptedAnswer, ItemAnswer, PutAnswer, UploadAnswer, UploadForm
from tonari.contract.limits import MOST_UPLOAD_BYTES
from tonari.contract.parameters import UPLOADS
from tonari.contract.requests import ImageRequest
from tonari.errors import InvalidCatalogueError, InvalidRequestError, UnknownItemError
from tonari.query.items import image_of, item_details
from tonari.query.serving import Reader
from tonari.storage.bucket import Bucket

LINK_SECONDS = 900


class ItemHandlers:
    """Read items from what is live; write them, and uploads, to the buckets."""

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._catalogue, self._artefacts = reader, catalogue, artefacts

    def item(self, item: str) -> Response:
        """Show an item."""
        serving = self._reader.current()
        fields, views = item_details(serving, item)
        image = image_path(item) if views else None
        return Response.of(ItemAnswer(id=item, fields=fields, views=tuple(views), image=image, **provenance(serving)))

    def image(self, request: ImageRequest, item: str) -> Response:
        """Redirect to an image in the catalogue."""
        key = image_of(self._reader.current(), item, request.view)
        url = self._catalogue.presign_get(key, LINK_SECONDS)
        return Response(302, headers={"location": url, "cache-control": f"private, max-age={LINK_SECONDS // 2}"})

    def put(self, document: dict[str, Any], item: str) -> Response:
        """Write an item's document, and give a form for its images."""
        fields = parse_document(_checked(item), json.dumps(document).encode())
        data = json.dumps(fields, ensure_ascii=False).encode()
        self._catalogue.put(document_key(item), data, "application/json")
        form = self._catalogue.presign_post(image_key(item, "${filename}"), MOST_UPLOAD_BYTES, LINK_SECONDS)
        upload = UploadForm(url=form.url, fields=form.fields, most_bytes=MOST_UPLOAD_BYTES)
        return Response.of(PutAnswer(id=item, upload=upload), 202)

    def delete(self, item: str) -> Response:
        """Delete an item's document and images."""
        names = list_item(self._catalogue, _checked(item))
        keys = [image_key(item, name) for name in names]
        if self._catalogue.head(document_key(item)):
            keys.append(document_key(item))
        if not keys:
            raise UnknownItemError(f"The catalogue has no item {item!r}.")
        self._catalogue.delete(*keys)
        return Response.of(AcceptedAnswer(id=item), 202)

    def upload(self) -> Response:
        """Give a form for a query picture."""
        key = f"{UPLOADS}{uuid.uuid4().hex}"
        form = self._artefacts.presign_post(key, MOST_UPLOAD_BYTES, LINK_SECONDS)
        return Response.of(UploadAnswer(upload=key, url=form.url, fields=form.fields, most_bytes=MOST_UPLOAD_BYTES))


def _checked(item: str) -> str:
    try:
        return check_id(item)
    except InvalidCatalogueError as error:
        raise InvalidRequestError(error.detail) from error
