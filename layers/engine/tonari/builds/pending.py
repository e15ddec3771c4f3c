"""Asking for a rebuild: once for many who want one."""

from __future__ import annotations

import datetime as dt
import secrets

from tonari.contract.artefacts import RebuildRequest, decode, encode
from tonari.errors import ConflictError, CorruptArtefactError, MissingObjectError
from tonari.storage.bucket import Bucket

ASKED = "work/rebuild-asked.json"
PATIENCE_SECONDS = 900
REFUSED_SECONDS = 6 * 3600


def ask_once(artefacts: Bucket, now: dt.datetime) -> bool:
    """Note that a rebuild is wanted; tell whether the caller is the one who has to start it.

    A note older than 15 minutes, the longest that a function runs, is of a rebuild that failed, and is replaced; one of
    a rebuild that was refused stands for six hours.
    """
    note = _note(now, PATIENCE_SECONDS)
    try:
        artefacts.create(ASKED, note)
    except ConflictError:
        try:
            there = artefacts.get(ASKED)
            if _stands(there.data, now):
                return False
            artefacts.replace(ASKED, note, there.etag)
        except (ConflictError, MissingObjectError):
            return False
    return True


def hold(artefacts: Bucket, now: dt.datetime) -> None:
    """Let nobody start a rebuild for six hours: one was refused, and another would be refused for the same reasons.

    The schedule, and whoever rebuilds by hand, does not ask.
    """
    artefacts.put(ASKED, _note(now, REFUSED_SECONDS))


def _stands(data: bytes, now: dt.datetime) -> bool:
    """Tell whether a note is still good; one that cannot be read is not."""
    try:
        request = decode(data, RebuildRequest, ASKED)
    except CorruptArtefactError:
        return False
    return now.timestamp() - request.at < request.patience


def _note(now: dt.datetime, patience: float) -> bytes:
    return encode(RebuildRequest(now.timestamp(), patience, secrets.token_hex(8)))


def forget(artefacts: Bucket) -> None:
    """Let the next who wants a rebuild start one."""
    artefacts.delete(ASKED)
