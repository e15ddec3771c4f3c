"""Collection: what no head names any more is condemned by the head first, and deleted after a time of grace.

That no deleted object is ever named again does not rest on clocks. Condemning moves the head, so that whoever has read
an earlier one cannot publish over it; and before a snapshot is published, the head that was just read must not condemn
it, and all its files must be there (:func:`tonari.builds.publish.is_whole`). Grace is for readers that are still
loading what an earlier head named.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from tonari.builds.lease import PATIENCE_SECONDS, SIGNS
from tonari.builds.publish import condemned_keys
from tonari.builds.read_documents import DOCUMENTS
from tonari.contract.artefacts import Condemned, CondemnedList, Head
from tonari.contract.forms import encode
from tonari.errors import ConflictError, CorruptArtefactError
from tonari.snapshots.head import SEGMENTS, SNAPSHOTS, ReadHead, change, named_by, publish, read_head
from tonari.storage.bucket import Bucket, ObjectInfo

GRACE_SECONDS = 3600.0
LISTS = "work/condemned/"
WORK = "work/"
STALE_SECONDS = 24 * 3600.0
"""For so long the work of unfinished rebuilds is kept for the next one."""
TRIES = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a collection would do now.

    Parameters
    ----------
    due
        Lists whose time of grace is over, and the keys that they name.
    condemnable
        Keys that no head names and no list has.
    stale
        Keys of work that nobody goes on with.
    waiting
        How many keys are condemned, and not yet due.
    """

    due: tuple[tuple[Condemned, tuple[str, ...]], ...]
    condemnable: tuple[str, ...]
    stale: tuple[str, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did: how many objects it deleted, and how many keys it condemned, and how many still wait."""

    deleted: int
    condemned: int
    waiting: int


def survey(artefacts: Bucket, grace: float = GRACE_SECONDS) -> Survey:
    """Find out what a collection would do, without doing it."""
    return _survey(artefacts, read_head(artefacts), artefacts.now(), grace)


def collect(artefacts: Bucket, grace: float = GRACE_SECONDS) -> Collected:
    """Delete what was condemned long enough ago, and condemn what no head names any more.

    Parameters
    ----------
    grace
        Seconds between both, and the least age of what is condemned, by the store's clock.

    Raises
    ------
    ConflictError
        If other writers came first 20 times in a row: the next collection does it.
    StoreError
    """
    deleted = 0
    for _ in range(TRIES):
        read, now = read_head(artefacts), artefacts.now()
        found = _survey(artefacts, read, now, grace)
        for condemned, keys in found.due:
            deleted += _delete(artefacts, read.head, keys)
            _strike(artefacts, condemned)
        artefacts.delete(*found.stale)
        deleted += len(found.stale)
        if not found.condemnable:
            return Collected(deleted, 0, found.waiting)
        if found.due:
            continue
        key = f"{LISTS}{secrets.token_hex(8)}.json"
        artefacts.create(key, encode(CondemnedList(found.condemnable)))
        lists = (*read.head.condemned, Condemned(key, now))
        with suppress(ConflictError):
            publish(artefacts, read, msgspec.structs.replace(read.head, condemned=lists))
            return Collected(deleted, len(found.condemnable), found.waiting + len(found.condemnable))
        artefacts.delete(key)
    raise ConflictError(f"Other writers replaced the head {TRIES} times in a row; the next collection goes on.")


def _survey(artefacts: Bucket, read: ReadHead, now: float, grace: float) -> Survey:
    head = read.head
    lists = [(one, _keys(artefacts, one)) for one in head.condemned]
    due = tuple((one, keys) for one, keys in lists if now - one.at >= grace)
    known = {*named_by(head), *(key for _, keys in lists for key in keys)}
    newest: dict[str, float] = {}
    for prefix in (SNAPSHOTS, SEGMENTS):
        for found in artefacts.list(prefix):
            key = _whole(found.key)
            newest[key] = max(found.modified, newest.get(key, found.modified))
    condemnable = tuple(key for key, modified in newest.items() if key not in known and now - modified >= grace)
    waiting = sum(len(keys) for one, keys in lists if now - one.at < grace)
    return Survey(due, condemnable, tuple(_stale(head, artefacts.list(WORK), now)), waiting)


def _whole(key: str) -> str:
    """Give the key that stands for all files of a snapshot."""
    if not key.startswith(SNAPSHOTS):
        return key
    return f"{SNAPSHOTS}{key.removeprefix(SNAPSHOTS).partition('/')[0]}/"


def _stale(head: Head, found: Iterable[ObjectInfo], now: float) -> Iterable[str]:
    """Choose the work that nobody goes on with.

    A rebuild that does miss a checkpoint or document does that part again.
    """
    encoders = {head.encoder, head.next_encoder, head.previous.encoder if head.previous else None}
    lists = {one.key for one in head.condemned}
    for one in found:
        kind = one.key.removeprefix(WORK).partition("/")[0]
        age = now - one.modified
        if one.key.startswith(SIGNS):
            if age >= PATIENCE_SECONDS and not (head.lease and one.key == f"{SIGNS}{head.lease.build}"):
                yield one.key
        elif one.key.startswith(LISTS):
            if age >= STALE_SECONDS and one.key not in lists:
                yield one.key
        elif age >= STALE_SECONDS and head.lease is None and (one.key.startswith(DOCUMENTS) or kind not in encoders):
            yield one.key


def _keys(artefacts: Bucket, one: Condemned) -> tuple[str, ...]:
    """Read a list; one that is damaged names nothing, and what it named is condemned again."""
    try:
        return condemned_keys(artefacts, one.key)
    except CorruptArtefactError:
        return ()


def _delete(artefacts: Bucket, head: Head, keys: Iterable[str]) -> int:
    """Delete what keys stand for, none of which a head names; gives how many objects there were."""
    named = set(named_by(head))
    doomed = [key for key in keys if key not in named]
    files = [found.key for key in doomed if key.endswith("/") for found in artefacts.list(key)]
    objects = [*files, *(key for key in doomed if not key.endswith("/"))]
    artefacts.delete(*objects)
    return len(objects)


def _strike(artefacts: Bucket, done: Condemned) -> None:
    """Take a list out of the head, and delete it."""
    change(
        artefacts,
        lambda head: msgspec.structs.replace(head, condemned=tuple(one for one in head.condemned if one != done)),
    )
    artefacts.delete(done.key)
