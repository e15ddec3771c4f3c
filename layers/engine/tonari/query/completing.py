"""What first answers do not wait for, fetched beside requests: a snapshot's embeddings and its graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tonari.query.beside import Beside, Check, Instant
from tonari.query.serving import DAMAGE
from tonari.snapshots.snapshot import Snapshot

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds after which it is tried again what failed: twice as many each time, up to a limit."""
NO_WAIT = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a snapshot could not be completed.

    Parameters
    ----------
    tried, tries
        When, and how often in a row.
    damage
        Whether trying again will not help, but a rebuild.
    """

    snapshot: str
    reason: str
    tried: Instant
    tries: int
    damage: bool

    def pauses(self, now: Instant) -> bool:
        """Tell whether it is too early to try again."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.tries - 1))
        return self.tried.age(now) < pause


class Completing:
    """Completes snapshots, one at a time, beside the requests.

    No request waits for it but one that asks for it. What is fetched goes on where it stopped if a transfer is cut, as
    those of Lambda are, which runs nothing between requests. What failed is tried again after a pause.

    Parameters
    ----------
    load
        Gives a snapshot of which a part is here, whole.
    done
        Takes the whole one, in the thread that fetched it.
    failed
        Is told of a failure.
    beside
        Runs the work.
    """

    def __init__(
        self,
        load: Callable[[Snapshot], Snapshot],
        done: Callable[[Snapshot], None],
        failed: Callable[[Failed], None],
        beside: Beside,
    ) -> None:
        self._load, self._done, self._tell, self._beside = load, done, failed, beside
        self._lock = threading.Lock()
        self._check: Check | None = None
        self._of: str | None = None
        self._failed: Failed | None = None

    def failure(self, snapshot: Snapshot) -> Failed | None:
        """Tell why the last try to complete a snapshot failed; None if it did not, or is not over."""
        failed = self._failed
        return failed if failed and failed.snapshot == snapshot.id else None

    def want(self, snapshot: Snapshot) -> Check | None:
        """Begin to complete a snapshot unless that is under way; None while it pauses after a failure."""
        with self._lock:
            now = Instant.now()
            check = self._check
            if check and self._of == snapshot.id and not check.hangs(now):
                return check
            failed = self.failure(snapshot)
            if failed and failed.pauses(now):
                return None
            check = self._check = Check(now, NO_WAIT)
            check.load()
            self._of = snapshot.id
        try:
            self._beside(lambda: self._run(check, snapshot))
        except RuntimeError as error:  # the system gives no thread
            self._end(check, snapshot, error)
        return check

    def _run(self, check: Check, snapshot: Snapshot) -> None:
        error: Exception | None = None
        try:
            self._done(self._load(snapshot))
        except Exception as raised:  # noqa: BLE001  whatever fails, answers go on by what is here
            error = raised
        finally:
            self._end(check, snapshot, error)

    def _end(self, check: Check, snapshot: Snapshot, error: Exception | None) -> None:
        before = self.failure(snapshot)
        failed = None
        if error is not None:
            tries = before.tries + 1 if before else 1
            failed = Failed(snapshot.id, str(error), Instant.now(), tries, isinstance(error, DAMAGE))
        with self._lock:
            if self._check is check:
                self._check, self._failed = None, failed
        check.end()
        if failed:
            self._tell(failed)
