"""Links that a local server honours: signed with a bucket's own secret, each for one key and for a time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from tonari.errors import LinkRefusedError, TooLargeError
from tonari.storage.bucket import PresignedPost

FILE_NAME = "${filename}"
PICTURES = "image/"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links to where a server answers for a bucket, and checks them; whoever has its secret can make them."""

    url: str
    secret: bytes

    def for_reading(self, key: str, seconds: int) -> str:
        """Make a URL that reads one object."""
        expires = str(int(time.time()) + seconds)
        return f"{self.url}/{quote(key)}?expires={expires}&signature={self._sign('GET', key, expires)}"

    def for_upload(self, key: str, most_bytes: int, seconds: int) -> PresignedPost:
        """Make a form that uploads one picture."""
        document = json.dumps({"key": key, "most_bytes": most_bytes, "expires": int(time.time()) + seconds})
        policy = base64.b64encode(document.encode()).decode()
        return PresignedPost(self.url, {"key": key, "policy": policy, "signature": self._sign("POST", policy)})

    def check_reading(self, key: str, query: Mapping[str, str]) -> None:
        """Let a request read an object.

        Raises
        ------
        LinkRefusedError
            If it is not one of this bucket's links, or has expired.
        """
        expires = query.get("expires", "")
        if not self._signed(query.get("signature", ""), "GET", key, expires) or time.time() > int(expires):
            raise LinkRefusedError("The link has expired or was changed: ask the API for a new one.")

    def check_upload(self, fields: Mapping[str, str], file_name: str, size: int) -> str:
        """Let a form upload a picture of ``size`` bytes, which the uploader calls ``file_name``; gives the key.

        Raises
        ------
        LinkRefusedError
            If it is not one of this bucket's forms, has expired, or names another key or type than a picture's.
        TooLargeError
            If the file is larger than the form allows.
        """
        policy = fields.get("policy", "")
        if not self._signed(fields.get("signature", ""), "POST", policy):
            raise LinkRefusedError("The form was changed: ask the API for a new one.")
        allowed = json.loads(base64.b64decode(policy))
        if time.time() > allowed["expires"]:
            raise LinkRefusedError("The form has expired: ask the API for a new one.")
        key = str(allowed["key"])
        if fields.get("key") != key:
            raise LinkRefusedError(f"The form is for {key}, not for {fields.get('key')!r:.80}.")
        if not fields.get("Content-Type", "").startswith(PICTURES):
            raise LinkRefusedError(f"The form takes pictures: its field Content-Type must begin with {PICTURES}.")
        if size < 1:
            raise LinkRefusedError("The file is empty.")
        if not file_name and FILE_NAME in key:
            raise LinkRefusedError("The file has no name: the form's part 'file' gives it as filename.")
        if size > allowed["most_bytes"]:
            raise TooLargeError(f"The file has {size:,} bytes, at most {allowed['most_bytes']:,} are taken.")
        return key.replace(FILE_NAME, file_name)

    def _signed(self, signature: str, *parts: str) -> bool:
        return hmac.compare_digest(signature.encode(), self._sign(*parts).encode())

    def _sign(self, *parts: str) -> str:
        return hmac.new(self.secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
