"""The page at ``/`` and the policy under which browsers run it."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Page:
    """HTML, and a Content-Security-Policy that allows its one script and one style by their hashes."""

    html: bytes
    policy: str


@functools.cache
def read_page() -> Page:
    """Read the page; images may come from S3 by presigned links, locally over plain HTTP."""
    html = resources.files("tonari.api.page").joinpath("index.html").read_bytes()
    policy = (
        f"default-src 'none'; script-src {_hash(html, b'script')}; style-src {_hash(html, b'style')}; "
        "img-src 'self' blob: data: https: http://127.0.0.1:*; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    return Page(html, policy)


def _hash(html: bytes, tag: bytes) -> str:
    (text,) = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
