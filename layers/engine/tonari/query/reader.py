"""How a newer generation takes over: beside the requests, and whatever fails, the old one goes on."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tonari.contract.answers import Behind
from tonari.contract.artefacts import Head
from tonari.errors import CorruptArtefactError, MissingObjectError, NotReadyError, StoreError, UnreadableError
from tonari.query.beside import Beside, Check, Instant, in_thread
from tonari.query.serving import DAMAGE, OpenEngine, Serving, load
from tonari.snapshots.head import ReadHead, read_changed_head, read_copy, read_head
from tonari.storage.bucket import Bucket

ASKING_SECONDS = 0.3
"""For so long a request waits for the head."""
LONGEST_PAUSE = 300.0
"""After so many seconds at the latest it is tried again to load what could not be loaded."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How well it is known that what answers is the newest.

    Parameters
    ----------
    checked_seconds_ago
        When it was last confirmed.
    behind
        Why it is not, or why nobody can tell; None if all is well.
    """

    checked_seconds_ago: float
    behind: Behind | None


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a reader knows, replaced as one value.

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


class Reader:
    """Keeps a :class:`Serving` fresh: asks for the head if it was last asked for ``max_age`` or more seconds ago.

    Questions, and the loading of what is new, go on beside the requests, one at a time. Requests wait for the head, 0.3
    seconds at most, but not for the loading of a snapshot, unless there is nothing to answer from: the old state
    answers meanwhile, and goes on whatever fails. A process that starts while the live files cannot be read answers
    from what was live before, and tries the live files again from time to time. Many threads may call at once.

    Parameters
    ----------
    open_engine
        Gives the engine of a generation.
    log
        Is called with the reason why a newer generation does not answer.
    ask_rebuild
        Is called with the reason when a live snapshot is damaged, gone or of another version, once for each.
    beside
        Runs questions and loading.
    """

    def __init__(
        self,
        artefacts: Bucket,
        cache: Path,
        max_age: float,
        open_engine: OpenEngine,
        log: Callable[[str], None],
        ask_rebuild: Callable[[str], None] = lambda _: None,
        beside: Beside = in_thread,
    ) -> None:
        self._artefacts, self._cache, self._max_age = artefacts, cache, max_age
        self._open_engine, self._log, self._ask_rebuild, self._beside = open_engine, log, ask_rebuild, beside
        self._lock = threading.Lock()
        self._check: Check | None = None
        self._asked: Instant | None = None
        self._known = _Known(Instant.now())
        self._told: set[str] = set()

    def current(self) -> Serving:
        """Give the state to answer from; its ``stale_seconds`` say if it may not be the newest.

        Raises
        ------
        NotReadyError
            If nothing has been published.
        UnreadableError
            If neither what is live nor what was live before can be read.
        StoreError
            If the first state cannot be loaded.
        """
        arrived = Instant.now()
        self._drop_damaged()
        while check := self._wanted(arrived):
            if self._known.serving is None:
                check.wait_for_end()
            elif not check.wait(arrived):
                break
        known = self._known
        if known.serving is None:
            raise known.error or StoreError("Nothing could be loaded yet: try again.")
        age = known.confirmed.age(arrived)
        if known.behind is None and (age < self._max_age or not known.confirmed.is_before(arrived)):
            return known.serving
        return replace(known.serving, stale_seconds=max(0.0, age))

    def _drop_damaged(self) -> None:
        """Forget a state into whose files in the cache somebody wrote: they are mapped, and would answer wrongly."""
        serving = self._known.serving
        if serving is None or not serving.snapshot.damaged():
            return
        with self._lock:
            if self._known.serving is serving:
                self._known, self._asked, self._check = _Known(Instant.now()), None, None
        self._log(f"loading snapshot {serving.snapshot.id} anew: somebody wrote into its files in the cache")

    def freshness(self) -> Freshness:
        """Tell how fresh the state is that answers."""
        known = self._known
        return Freshness(max(0.0, known.confirmed.age(Instant.now())), known.behind)

    def _wanted(self, arrived: Instant) -> Check | None:
        """Give the check that a request needs that arrived then, begun if need be; None if what is known will do."""
        with self._lock:
            now = Instant.now()
            check = self._check
            if check and not check.hangs(now, self._max_age):
                return check
            if check:
                self._log(f"no answer came for {check.began.age(now):.0f} s: asking anew")
                check.end()
            elif self._asked and not self._is_due(self._asked, arrived):
                return None
            self._asked = now
            check = self._check = Check(now, ASKING_SECONDS)
        try:
            self._beside(lambda: self._run(check))
        except RuntimeError as error:  # the system gives no thread
            self._end(check, self._without(check, self._known, None, error))
        return check

    def _is_due(self, asked: Instant, arrived: Instant) -> bool:
        """Tell whether a request must ask again; at once if there is nothing to answer from and trying may help."""
        hopeful = self._known.serving is None and not isinstance(self._known.error, UnreadableError)
        return asked.is_before(arrived) and (hopeful or asked.age(arrived) >= self._max_age)

    def _run(self, check: Check) -> None:
        known = self._known
        try:
            try:
                fresh = self._look(check, known)
            except Exception as error:  # noqa: BLE001  whatever fails, the old state goes on
                fresh = self._without(check, known, None, error)
            self._end(check, fresh)
            self._tell(fresh)
        finally:
            check.end()

    def _end(self, check: Check, known: _Known) -> None:
        self._learn(check, known)
        with self._lock:
            if self._check is check:
                self._check = None
        check.end()

    def _learn(self, check: Check, known: _Known) -> None:
        """Take in what a check found, unless it was given up meanwhile."""
        with self._lock:
            if self._check is check:
                self._known = known

    def _look(self, check: Check, known: _Known) -> _Known:
        """Ask for the head, and load what it names."""
        old = known.serving
        read = read_changed_head(self._artefacts, known.read) if old and known.read else read_head(self._artefacts)
        if old and old.is_what(read.head):
            return _Known(check.began, old if old.read is read else replace(old, read=read), read)
        if old and known.tried and read is known.read:
            pause = min(LONGEST_PAUSE, self._max_age * 2.0 ** (known.tries - 1))
            if known.tried.age(check.began) < pause:
                return known
        if old and (old.snapshot.id, old.read.head.encoder) != (read.head.snapshot, read.head.encoder):
            if known.behind is None or read is not known.read:
                self._learn(check, replace(known, behind=_behind(known, read.head, "It is being loaded.")))
            check.load()
        try:
            try:
                serving = load(self._artefacts, self._cache, read, self._open_engine, old)
            except (MissingObjectError, NotReadyError):
                # Since the head was read the process may have been frozen, and what it named been collected.
                again = read_changed_head(self._artefacts, read)
                if again is read:
                    raise
                read = again
                serving = load(self._artefacts, self._cache, read, self._open_engine, old)
        except Exception as error:  # noqa: BLE001  whatever fails, the old state goes on
            return self._without(check, known, read, error)
        return _Known(check.began, serving, read)

    def _without(self, check: Check, known: _Known, read: ReadHead | None, error: Exception) -> _Known:
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
            return replace(known, read=read, behind=behind, tried=check.began, tries=tries, damaged=damaged)
        if read is None and isinstance(error, CorruptArtefactError):
            return self._from_copy(check, known, error)
        if read is None or damaged is None:
            return replace(known, error=error)
        return self._from_previous(check, known, read, damaged, why)

    def _from_copy(self, check: Check, known: _Known, error: CorruptArtefactError) -> _Known:
        """Serve what the copy of a damaged head names; the head itself is asked for again and again."""
        try:
            read = read_copy(self._artefacts)
            serving = load(self._artefacts, self._cache, read, self._open_engine, None)
        except (*DAMAGE, StoreError):
            return replace(known, error=error)
        self._log(f"serving generation {read.head.generation} by the copy of the head: {error}")
        return _Known(check.began, serving, None, _behind(known, None, str(error)))

    def _from_previous(self, check: Check, known: _Known, read: ReadHead, damaged: str, why: str) -> _Known:
        previous = read.head.previous
        if previous is None:
            error = UnreadableError(f"{why} Nothing was live before it; tonari rebuild makes a new one.")
            return replace(known, read=read, error=error, damaged=damaged)
        as_if = msgspec.structs.replace(
            read.head, snapshot=previous.snapshot, encoder=previous.encoder, segments=previous.segments
        )
        try:
            serving = load(self._artefacts, self._cache, replace(read, head=as_if), self._open_engine, None)
        except DAMAGE as worse:
            error = UnreadableError(
                f"{why} Nor can {previous.snapshot} be read, which was live before: {worse} tonari rebuild makes a new "
                "one."
            )
            return replace(known, read=read, error=error, damaged=damaged)
        self._log(f"serving snapshot {previous.snapshot}, which was live before: {why}")
        behind = _behind(known, read.head, why, previous=True)
        return _Known(check.began, serving, read, behind, tried=check.began, tries=1, damaged=damaged)

    def _tell(self, known: _Known) -> None:
        """Ask for a rebuild if the live snapshot cannot be read; if that fails, the next check tries again."""
        if known.damaged is None or known.damaged in self._told:
            return
        self._told.add(known.damaged)
        try:
            self._ask_rebuild(known.behind.reason if known.behind else str(known.error))
        except Exception as error:  # noqa: BLE001  that nobody can be asked must not end what answers
            self._told.discard(known.damaged)
            self._log(f"no rebuild could be asked for: {error}")


def _behind(known: _Known, head: Head | None, why: str, *, previous: bool | None = None) -> Behind:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Behind(
        generation=head.generation if head else None,
        snapshot=head.snapshot if head else None,
        reason=why,
        since=known.behind.since if known.behind else now,
        previous=previous if previous is not None else known.behind is not None and known.behind.previous,
    )
