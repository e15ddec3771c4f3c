"""The page at ``/``: three files joined to one, and the policy under which browsers run it."""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

STYLE = b'<link rel="stylesheet" href="style.css">'
SCRIPT = b'<script src="app.js"></script>'


@dataclass(frozen=True, slots=True)
class Page:
    """HTML, and a Content-Security-Policy that allows its one script and one style by their hashes."""

    html: bytes
    policy: str


@functools.cache
def read_page() -> Page:
    """Read the page; images may come from S3 by presigned links, locally over plain HTTP."""
    html, style, script = (_read(name) for name in ("index.html", "style.css", "app.js"))
    return join_page(html, style, script)


def join_page(html: bytes, style: bytes, script: bytes) -> Page:
    """Put style and script into the page in place of the tags that name their files.

    Raises
    ------
    ValueError
        If the page does not name each of them exactly once.
    """
    style, script = b"\n" + style, b"\n" + script
    for tag, element in ((STYLE, b"<style>%b</style>" % style), (SCRIPT, b"<script>%b</script>" % script)):
        before, after = html.split(tag)
        html = before + element + after
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src 'self' blob: data: https: http://127.0.0.1:*; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    return Page(html, policy)


def _read(name: str) -> bytes:
    return resources.files("tonari.api.page").joinpath(name).read_bytes()


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
