"""Asking for a rebuild: once for many who want one."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from tonari.errors import ConflictError, MissingObjectError

if TYPE_CHECKING:
    import datetime as dt

    from tonari.store import Bucket

ASKED = "work/rebuild-asked.json"
PATIENCE_SECONDS = 900


def ask_once(artefacts: Bucket, now: dt.datetime) -> bool:
    """Note that a rebuild is wanted; tell whether the caller is the one who has to start it.

    A note older than 15 minutes, the longest that a function runs, is of a rebuild that failed, and is replaced.
    """
    note = json.dumps({"at": now.timestamp(), "by": secrets.token_hex(8)}).encode()
    try:
        artefacts.create(ASKED, note)
    except ConflictError:
        try:
            there = artefacts.get(ASKED)
            if now.timestamp() - json.loads(there.data)["at"] < PATIENCE_SECONDS:
                return False
            artefacts.replace(ASKED, note, there.etag)
        except (ConflictError, MissingObjectError):
            return False
    return True


def forget(artefacts: Bucket) -> None:
    """Let the next who wants a rebuild start one."""
    artefacts.delete(ASKED)
