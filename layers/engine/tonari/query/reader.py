"""How a newer generation takes over: beside the requests, and whatever fails, the old one goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tonari.contract.health import Behind
from tonari.errors import ExactNotReadyError, StoreError, UnreadableError
from tonari.query.beside import Beside, Check, Instant, in_thread
from tonari.query.completing import Completing, Failed
from tonari.query.following import Following, Known
from tonari.query.serving import DAMAGE, Opening, Serving, completed, estimating
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import Snapshot
from tonari.storage.bucket import Bucket

ASKING_SECONDS = 0.3
"""For so long a request waits for the head."""
WHOLE_SECONDS = 10.0
"""For so long a request for an exact answer waits for the embeddings: gateways give up after 30 seconds."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How well it is known that what answers is the newest.

    Parameters
    ----------
    checked_seconds_ago
        When it was last confirmed.
    behind
        Why it is not, or why nobody can tell; None if all is well.
    incomplete
        Why scores are estimates by rotated vectors; empty if they are not.
    """

    checked_seconds_ago: float
    behind: Behind | None
    incomplete: str = ""


class Reader:
    """Keeps a :class:`Serving` fresh: asks for the head if it was last asked for ``max_age`` or more seconds ago.

    Questions, and the loading of what is new, go on beside the requests, one at a time. Requests wait for the head, 0.3
    seconds at most, but not for the loading of a snapshot, unless there is nothing to answer from: the old state
    answers meanwhile, and goes on whatever fails. A process that starts while the live files cannot be read answers
    from what was live before, and tries the live files again from time to time. Many threads may call at once.

    The first answers of a process do not wait for the embeddings where rotated vectors find candidates: these are
    fetched beside the requests.

    Parameters
    ----------
    opening
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
        opening: Opening,
        log: Callable[[str], None],
        ask_rebuild: Callable[[str], None] = lambda _: None,
        beside: Beside = in_thread,
    ) -> None:
        self._artefacts, self._cache, self._max_age = artefacts, cache, max_age
        self._opening, self._log, self._ask_rebuild, self._beside = opening, log, ask_rebuild, beside
        self._following = Following(artefacts, cache, max_age, opening, log)
        self._lock = threading.Lock()
        self._completing = Completing(self._load_whole, self._put_in, self._say_incomplete, beside)
        self._whole: Snapshot | None = None
        self._check: Check | None = None
        self._asked: Instant | None = None
        self._known = Known(Instant.now())
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
        if not known.serving.snapshot.whole:
            self._completing.want(known.serving.snapshot)
        age = known.confirmed.age(arrived)
        if known.behind is None and (age < self._max_age or not known.confirmed.is_before(arrived)):
            return known.serving
        return replace(known.serving, stale_seconds=max(0.0, age))

    def whole(self, serving: Serving) -> Serving:
        """Give a state like this one that has the embeddings; wait for them, ten seconds at most.

        Raises
        ------
        ExactNotReadyError
            If they do not come in time, or could not be fetched.
        """
        if serving.snapshot.whole:
            return serving
        check = self._completing.want(serving.snapshot)
        ended = check is None or check.wait_for_end(WHOLE_SECONDS)
        now = self._known.serving
        if now is not None and now.snapshot.whole:
            return replace(now, stale_seconds=serving.stale_seconds)
        failed = self._completing.failure(serving.snapshot)
        why = f"could not be fetched: {failed.reason}" if failed and ended else "are still being fetched"
        raise ExactNotReadyError(
            f"The full vectors, by which exact scores are computed, {why}. Ask again in some seconds, or leave 'exact' "
            "out, and a 'cursor' that full vectors gave: until then scores are estimates."
        )

    def estimating(self, serving: Serving) -> Serving:
        """Give a state like this one whose scores are estimates, for what was begun by estimates."""
        return estimating(serving, self._opening)

    def _load_whole(self, snapshot: Snapshot) -> Snapshot:
        return self._opening.load(self._artefacts, snapshot.id, self._cache, snapshot.encoder)

    def _put_in(self, whole: Snapshot) -> None:
        """Answer from a snapshot that is whole, if what answers is of the same one."""
        self._whole = whole
        while True:
            known = self._known
            fresh = self._with(whole, known)
            with self._lock:
                if self._known is known:
                    self._known = fresh
                    return

    def _with(self, whole: Snapshot | None, known: Known) -> Known:
        """Give what is known with a whole snapshot in the place of a part of the same one; else as it is."""
        serving = known.serving
        if whole is None or serving is None or serving.snapshot.id != whole.id or serving.snapshot.whole:
            return known
        return replace(known, serving=completed(serving, whole, self._opening))

    def _say_incomplete(self, failed: Failed) -> None:
        self._log(f"scores of {failed.snapshot} are estimates, its vectors could not be fetched: {failed.reason}")
        if failed.damage and failed.snapshot not in self._told and self._is_live(failed.snapshot):
            self._ask_for_rebuild(failed.snapshot, failed.reason)

    def _is_live(self, snapshot: str) -> bool:
        """Tell whether the head names a snapshot now: what it named before may have been collected."""
        try:
            return read_head(self._artefacts).head.snapshot == snapshot
        except (*DAMAGE, StoreError):
            return False

    def _drop_damaged(self) -> None:
        """Forget a state into whose files in the cache somebody wrote: they are mapped, and would answer wrongly."""
        serving = self._known.serving
        if serving is None or not serving.snapshot.damaged():
            return
        with self._lock:
            if self._known.serving is serving:
                self._known, self._asked, self._check, self._whole = Known(Instant.now()), None, None, None
        self._log(f"loading snapshot {serving.snapshot.id} anew: somebody wrote into its files in the cache")

    def freshness(self) -> Freshness:
        """Tell how fresh the state is that answers."""
        known = self._known
        return Freshness(max(0.0, known.confirmed.age(Instant.now())), known.behind, self._incomplete(known.serving))

    def _incomplete(self, serving: Serving | None) -> str:
        if serving is None or serving.snapshot.whole:
            return ""
        failed = self._completing.failure(serving.snapshot)
        return f"They could not be fetched: {failed.reason}" if failed else "They are being fetched."

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
            self._end(check, self._following.without(check.began, self._known, None, error))
        return check

    def _is_due(self, asked: Instant, arrived: Instant) -> bool:
        """Tell whether a request must ask again; at once if there is nothing to answer from and trying may help."""
        hopeful = self._known.serving is None and not isinstance(self._known.error, UnreadableError)
        return asked.is_before(arrived) and (hopeful or asked.age(arrived) >= self._max_age)

    def _run(self, check: Check) -> None:
        known = self._known
        try:
            try:
                fresh = self._following.look(check.began, known, lambda news: self._begin_loading(check, news))
            except Exception as error:  # noqa: BLE001  whatever fails, the old state goes on
                fresh = self._following.without(check.began, known, None, error)
            self._end(check, fresh)
            self._tell(fresh)
        finally:
            check.end()

    def _end(self, check: Check, known: Known) -> None:
        self._learn(check, known)
        with self._lock:
            if self._check is check:
                self._check = None
        check.end()

    def _begin_loading(self, check: Check, news: Known | None) -> None:
        if news is not None:
            self._learn(check, news)
        check.load()

    def _learn(self, check: Check, known: Known) -> None:
        """Take in what a check found, unless it was given up meanwhile; what came whole beside it stays whole."""
        while True:
            whole = self._whole
            fresh = self._with(whole, known)
            with self._lock:
                if self._check is not check:
                    return
                if self._whole is whole:
                    self._known = fresh
                    return

    def _tell(self, known: Known) -> None:
        """Ask for a rebuild if the live snapshot cannot be read; if that fails, the next check tries again."""
        if known.damaged is not None and known.damaged not in self._told:
            self._ask_for_rebuild(known.damaged, known.behind.reason if known.behind else str(known.error))

    def _ask_for_rebuild(self, damaged: str, why: str) -> None:
        self._told.add(damaged)
        try:
            self._ask_rebuild(why)
        except Exception as error:  # noqa: BLE001  that nobody can be asked must not end what answers
            self._told.discard(damaged)
            self._log(f"no rebuild could be asked for: {error}")
