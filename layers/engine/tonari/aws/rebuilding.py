"""What the rebuild function does with an event: a whole rebuild, one step of it, or asking the state machine for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from tonari.aws.log import alarm, inform, measure, warn
from tonari.aws.metrics import failed_rebuild, rebuild_metrics
from tonari.aws.rebuild_event import RebuildEvent
from tonari.builds.collect import collect
from tonari.builds.look import RebuildContext
from tonari.builds.old_collections import drop_old
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.shards import delete_shards
from tonari.builds.steps import encode_planned, give_up, plan_shards, refuse_lost
from tonari.config import ANY_FALL, Settings
from tonari.contract.database import Database
from tonari.contract.decoding import decode
from tonari.encoders.port import Encoder
from tonari.errors import EngineUnavailableError, LostShardsError, NotReadyError, StoreError
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.manifest import MANIFEST
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import start_execution, start_function


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """The rebuild function.

    Without a state machine it does all; a run that is short of time asks for the next one, which goes on where it
    stopped. Where there is one, an event without a step starts it, and it comes back here with each step.

    Lambda tries an event that failed again, under the same request id: that is the same rebuild, which need not wait
    for its own lease.
    """

    settings: Settings
    catalogue: Bucket
    artefacts: Bucket
    load: Callable[[str], Encoder]
    database: Database | None = None

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Handle an event: see :class:`tonari.aws.rebuild_event.RebuildEvent`."""
        try:
            return self._run(decode(event, RebuildEvent), context)
        except Exception as error:  # whatever it is, it is counted, and raised again
            if isinstance(error, (NotReadyError, LostShardsError)):
                inform(rebuild=error.slug, detail=error.detail)
            if event.get("step") != "encode":
                measure(failed_rebuild())
            raise

    def _run(self, asked: RebuildEvent, context: Any) -> dict[str, Any]:
        build = asked.build or context.aws_request_id
        asked = msgspec.structs.replace(asked, build=build)
        work = RebuildContext(
            catalogue=self.catalogue,
            artefacts=self.artefacts,
            load=self.load,
            cache=self.settings.cache,
            progress=lambda stage, done, total: inform(rebuild=stage, done=done, total=total),
            remaining=lambda: context.get_remaining_time_in_millis() / 1000,
            margins=ANY_FALL if asked.accept else self.settings.margins,
            database=self.database,
        )
        match asked.step:
            case "plan":
                planned = plan_shards(work, build, self.settings.shard)
                inform(plan=planned.outcome, build=build, shards=planned.shards)
                return {"accept": asked.accept, "outcomes": [], **asdict(planned)}
            case "encode":
                inform(shard=encode_planned(work, build, asked.shard), build=build, key=asked.shard)
                return {}
            case "publish":
                refuse_lost(self.artefacts, {one.lost: one.error for one in asked.outcomes if one.lost})
                return {"accept": asked.accept, "outcomes": [], **asdict(self._rebuild(work, build))}
            case "give_up":
                give_up(self.artefacts, build)
                return {}
            case None:
                return self._start(asked) if self.settings.rebuild_machine else self._whole(asked, work)

    def _start(self, asked: RebuildEvent) -> dict[str, Any]:
        said = {"build": asked.build, "accept": asked.accept}
        start_execution(self.settings.rebuild_machine, asked.build, msgspec.json.encode(said))
        inform(rebuild="started", build=asked.build)
        return {"outcome": "started", "build": asked.build}

    def _whole(self, asked: RebuildEvent, work: RebuildContext) -> dict[str, Any]:
        done = self._rebuild(work, asked.build)
        if done.outcome == "unfinished" and self.settings.rebuild_function:
            start_function(self.settings.rebuild_function, msgspec.json.encode(asked))
        return asdict(done)

    def _rebuild(self, work: RebuildContext, build: str) -> Rebuilt:
        done = rebuild(work, build)
        if done.outcome == "refused":
            alarm(rebuild="refused", why=done.why, live=done.snapshot)
        elif done.why:
            warn(rebuild=done.outcome, why=done.why)
        if done.outcome not in ("unfinished", "busy"):
            delete_shards(self.artefacts, build)
            _collect(self.artefacts, self.database)
        inform(rebuild="done", **asdict(done))
        measure(rebuild_metrics(done.outcome, _age(self.artefacts, done.snapshot)))
        return done


def _collect(artefacts: Bucket, database: Database | None) -> None:
    """Collect; what fails is left to the next collection."""
    try:
        inform(**asdict(collect(artefacts)))
        if database:
            inform(dropped=drop_old(database, artefacts))
    except (StoreError, EngineUnavailableError) as error:
        inform(collection=error.slug, detail=error.detail)


def _age(artefacts: Bucket, snapshot: str | None) -> float | None:
    """Give the seconds since a snapshot was built, by the store's clock; None if that cannot be told."""
    try:
        manifest = artefacts.head(f"{SNAPSHOTS}{snapshot}/{MANIFEST}") if snapshot else None
        return artefacts.now() - manifest.modified if manifest else None
    except StoreError as error:
        inform(age=error.slug, detail=error.detail)
        return None
