"""Presigned forms, posted as browsers do."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid

from tonari.storage.bucket import PresignedPost


def upload(form: PresignedPost, data: bytes, name: str, content_type: str) -> int:
    """Post a form as a browser does; gives the status."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in {**form.fields, "Content-Type": content_type}.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = b"".join(parts) + f"{head}Content-Type: {content_type}\r\n\r\n".encode() + data
    request = urllib.request.Request(  # noqa: S310
        form.url,
        body + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
