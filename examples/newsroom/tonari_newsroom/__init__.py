"""The demo newsroom: articles made up by the program, from sentences that were written for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tonari.catalogue.documents import SCHEMA
from tonari_newsroom.articles import newsroom

__all__ = ["METADATA", "VERSION", "write_newsroom"]

METADATA = "items.jsonl"
VERSION = 1
"""Raised when the articles change, so that those written earlier are not taken for today's."""
FIELDS = {
    "title": {"type": "string", "filterable": False},
    "text": {"type": "string", "filterable": False},
    "topic": {"type": "string", "attribute": True},
    "tags": {"type": "strings", "attribute": True},
    "section": {"type": "string"},
    "date": {"type": "date"},
    "author": {"type": "string"},
}


def write_newsroom(folder: Path, *, seed: int = 0) -> Path:
    """Write every article into ``folder``, as ``tonari push`` takes it: a table and a schema.

    Parameters
    ----------
    folder
        Is made if need be; files of the same names are replaced.
    seed
        The same one gives the same bytes.

    Returns
    -------
    Path
        The table, written last: one JSON object a line with ``id`` and the fields.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCHEMA).write_text(json.dumps({"fields": FIELDS}, indent=1), encoding="utf-8")
    table = folder / METADATA
    rows = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in newsroom(seed))
    table.write_text("".join(rows), encoding="utf-8")
    return table
