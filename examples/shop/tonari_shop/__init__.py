"""The demo shop, drawn by the program: no photograph, no font, no licence to mind."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tonari.catalogue.documents import SCHEMA
from tonari_shop.assortment import Article, assortment
from tonari_shop.studio import photograph

__all__ = ["METADATA", "VERSION", "draw_shop"]

METADATA = "items.jsonl"
VERSION = 2
"""Raised when the pictures change, so that those drawn earlier are not taken for today's."""
FIELDS = {
    "name": {"type": "string"},
    "category": {"type": "string", "attribute": True},
    "color": {"type": "string", "attribute": True},
    "pattern": {"type": "string", "attribute": True},
    "brand": {"type": "string"},
    "price": {"type": "number"},
    "in_stock": {"type": "boolean"},
    "added": {"type": "date"},
}


def draw_shop(folder: Path, *, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> Path:
    """Draw every item into ``folder``, as ``tonari push`` takes it: ``images/<id>/<view>.jpg``, table, schema.

    Parameters
    ----------
    folder
        Is made if need be; files of the same names are replaced.
    seed
        The same one gives the same bytes.
    progress
        Called after each item with how many are drawn and how many there are.

    Returns
    -------
    Path
        The table, written last: one JSON object a line with ``id``, ``images`` and the fields.
    """
    articles = list(assortment(seed))
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        for done, _ in enumerate(pool.map(lambda article: _shoot(article, folder), articles), 1):
            if progress:
                progress(done, len(articles))
    rows = [{"id": a.id, "images": [_path(a, view) for view in a.views], **a.fields} for a in articles]
    table = folder / METADATA
    (folder / SCHEMA).write_text(json.dumps({"fields": FIELDS}, indent=1), encoding="utf-8")
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return table


def _path(article: Article, view: str) -> str:
    return f"images/{article.id}/{view}.jpg"


def _shoot(article: Article, folder: Path) -> None:
    (folder / "images" / article.id).mkdir(parents=True, exist_ok=True)
    for view, (camera, backdrop) in article.views.items():
        (folder / _path(article, view)).write_bytes(photograph(article.product, camera, backdrop))
