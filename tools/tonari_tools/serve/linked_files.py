"""What presigned links and forms of a folder's bucket lead to, as S3 serves them."""

from __future__ import annotations

import mimetypes

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from tonari.api.http import Response as ApiResponse
from tonari.errors import (
    LinkRefusedError,
    MethodNotAllowedError,
    MissingObjectError,
    NotFoundError,
    TonariError,
    TooLargeError,
)
from tonari.storage.folder import FolderBucket

MOST_FORM_BYTES = 64 * 1024 * 1024
BYTES = "application/octet-stream"
INERT = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
"""The API's page has the same origin: no file that somebody uploads may run as a page of it."""


class LinkedFiles:
    """Serves the objects of one bucket to whoever has a link, and takes pictures from whoever has a form."""

    def __init__(self, bucket: FolderBucket) -> None:
        self._bucket = bucket

    def __call__(self, request: Request, key: str) -> Response:
        """Answer one request for a key."""
        try:
            match request.method:
                case "GET" | "HEAD":
                    return self._read(request, key)
                case "POST":
                    return self._upload(request)
                case other:
                    raise MethodNotAllowedError(f"A link is read by GET and a form is sent by POST, not by {other}.")
        except TonariError as error:
            problem = ApiResponse.problem(error)
            return Response(problem.body, problem.status, content_type=problem.media_type)

    def _read(self, request: Request, key: str) -> Response:
        self._bucket.links.check_reading(key, request.args.to_dict())
        try:
            blob = self._bucket.get(key)
        except MissingObjectError as error:
            raise NotFoundError(error.detail) from error
        headers = {"etag": f'"{blob.etag}"', "cache-control": "private, max-age=60", **INERT}
        return Response(blob.data, 200, headers, content_type=mimetypes.guess_type(key)[0] or BYTES)

    def _upload(self, request: Request) -> Response:
        if (request.content_length or 0) > MOST_FORM_BYTES:
            raise TooLargeError(f"A form has at most {MOST_FORM_BYTES:,} bytes, this one {request.content_length:,}.")
        try:
            fields, file = request.form.to_dict(), request.files.get("file")
        except HTTPException as error:
            raise LinkRefusedError(f"The form cannot be read: {error.description}") from error
        if file is None:
            raise LinkRefusedError("The form has no part 'file'.")
        data = file.stream.read()
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
        key = self._bucket.links.check_upload(fields, name, len(data))
        etag = self._bucket.put(key, data)
        return Response(status=204, headers={"etag": f'"{etag}"'})
