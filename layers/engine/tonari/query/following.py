"""What a process knows of the live generation, and how it learns of a newer one.

Each check gives new knowledge from the old. Whatever fails, the old state goes on; where there is none, what was live
before answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tonari.contract.artefacts import Head
from tonari.contract.health import Behind
from tonari.errors import CorruptArtefactError, MissingObjectError, NotReadyError, StoreError, UnreadableError
from tonari.query.beside import Instant
from tonari.query.serving import DAMAGE, Opening, Serving, load
from tonari.snapshots.head import ReadHead, read_changed_head, read_copy, read_head
from tonari.storage.bucket import Bucket

LONGEST_PAUSE = 300.0
"""After so many seconds at the latest it is tried again to load what could not be loaded."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a process knows of the live generation, replaced as one value.

    Parameters
    ----------
    confirmed
        When the check began that found ``serving`` to be what the head names; where that is not, since when.
    read
        The head as it was read last.
    tried, tries
        When, and how often in a row, it was tried in vain to load what ``read`` names.
    damaged
        Id of the live snapshot, if it cannot be read.
    error
        Why nothing can be served.
    """

    confirmed: Instant
    serving: Serving | None = None
    read: ReadHead | None = None
    behind: Behind | None = None
    tried: Instant | None = None
    tries: int = 0
    damaged: str | None = None
    error: Exception | None = None


class Following:
    """Asks for the head, and loads what it names.

    Parameters
    ----------
    max_age
        Seconds after which it is first tried again to load what could not be loaded; then twice as many each time.
    opening
        Gives the engine of a generation.
    log
        Is called with the reason why a newer generation does not answer.
    """

    def __init__(
        self, artefacts: Bucket, cache: Path, max_age: float, opening: Opening, log: Callable[[str], None]
    ) -> None:
        self._artefacts, self._cache, self._max_age = artefacts, cache, max_age
        self._opening, self._log = opening, log

    def look(self, began: Instant, known: Known, about_to_load: Callable[[Known | None], None]) -> Known:
        """Ask for the head, and load what it names.

        Parameters
        ----------
        began
            When it was begun.
        about_to_load
            Is called before a snapshot is loaded, which may take long; with what to know meanwhile, if that is new.
        """
        old = known.serving
        read = read_changed_head(self._artefacts, known.read) if old and known.read else read_head(self._artefacts)
        if old and old.is_what(read.head):
            return Known(began, _caught_up(old, read), read)
        if old and known.tried and read is known.read:
            pause = min(LONGEST_PAUSE, self._max_age * 2.0 ** (known.tries - 1))
            if known.tried.age(began) < pause:
                return known
        if old and (old.snapshot.id, old.read.head.encoder) != (read.head.snapshot, read.head.encoder):
            news = known.behind is None or read is not known.read
            about_to_load(replace(known, behind=_behind(known, read.head, "It is being loaded.")) if news else None)
        try:
            try:
                serving = load(self._artefacts, self._cache, read, self._opening, old)
            except (MissingObjectError, NotReadyError):
                # Since the head was read the process may have been frozen, and what it named been collected.
                again = read_changed_head(self._artefacts, read)
                if again is read:
                    raise
                read = again
                serving = load(self._artefacts, self._cache, read, self._opening, old)
        except Exception as error:  # noqa: BLE001  whatever fails, the old state goes on
            return self.without(began, known, read, error)
        return Known(began, serving, read)

    def without(self, began: Instant, known: Known, read: ReadHead | None, error: Exception) -> Known:
        """Go on without what the head names: from the old state, else from what was live before."""
        if read is None or read.head.snapshot is None or not isinstance(error, DAMAGE):
            why, damaged = str(error), None
        else:
            why, damaged = f"The live snapshot {read.head.snapshot} cannot be read: {error}", read.head.snapshot
        if known.serving:
            self._log(f"still serving generation {known.serving.read.head.generation}: {why}")
            behind = _behind(known, read.head if read else None, why)
            tries = known.tries + 1 if read is known.read else 1
            if read is None:
                return replace(known, behind=known.behind or behind)
            return replace(known, read=read, behind=behind, tried=began, tries=tries, damaged=damaged)
        if read is None and isinstance(error, CorruptArtefactError):
            return self._from_copy(began, known, error)
        if read is None or damaged is None:
            return replace(known, error=error)
        return self._from_previous(began, known, read, damaged, why)

    def _from_copy(self, began: Instant, known: Known, error: CorruptArtefactError) -> Known:
        """Serve what the copy of a damaged head names; the head itself is asked for again and again."""
        try:
            read = read_copy(self._artefacts)
            serving = load(self._artefacts, self._cache, read, self._opening, None)
        except (*DAMAGE, StoreError):
            return replace(known, error=error)
        self._log(f"serving generation {read.head.generation} by the copy of the head: {error}")
        return Known(began, serving, None, _behind(known, None, str(error)))

    def _from_previous(self, began: Instant, known: Known, read: ReadHead, damaged: str, why: str) -> Known:
        previous = read.head.previous
        if previous is None:
            error = UnreadableError(f"{why} Nothing was live before it; tonari rebuild makes a new one.")
            return replace(known, read=read, error=error, damaged=damaged)
        as_if = msgspec.structs.replace(
            read.head, snapshot=previous.snapshot, encoder=previous.encoder, segments=previous.segments
        )
        try:
            serving = load(self._artefacts, self._cache, replace(read, head=as_if), self._opening, None)
        except DAMAGE as worse:
            error = UnreadableError(
                f"{why} Nor can {previous.snapshot} be read, which was live before: {worse} tonari rebuild makes a new "
                "one."
            )
            return replace(known, read=read, error=error, damaged=damaged)
        self._log(f"serving snapshot {previous.snapshot}, which was live before: {why}")
        behind = _behind(known, read.head, why, previous=True)
        return Known(began, serving, read, behind, tried=began, tries=1, damaged=damaged)


def _caught_up(old: Serving, read: ReadHead) -> Serving:
    engine = old.engine.catch_up()
    return old if old.read is read and engine is old.engine else replace(old, read=read, engine=engine)


def _behind(known: Known, head: Head | None, why: str, *, previous: bool | None = None) -> Behind:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Behind(
        generation=head.generation if head else None,
        snapshot=head.snapshot if head else None,
        reason=why,
        since=known.behind.since if known.behind else now,
        previous=previous if previous is not None else known.behind is not None and known.behind.previous,
    )
