"""The four Lambda functions: each event in, each answer out, and one JSON object a line in the log."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import Struct

from tonari.api.app import App
from tonari.api.http import Response
from tonari.aws.events import read_hints, read_http_event, write_http_answer
from tonari.aws.metrics import failed_rebuild, metric_line, rebuild_metrics, reindex_metrics
from tonari.builds.collect import collect
from tonari.builds.lease import ask, give_back
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import Rebuilt, rebuild
from tonari.builds.reindex import reindex
from tonari.catalogue.any_spelling import AnySpelling
from tonari.config import ANY_FALL, Settings
from tonari.contract.decoding import decode
from tonari.contract.routes import READING, WRITING, Route
from tonari.encoders.port import Encoder
from tonari.encoders.store import load_encoder
from tonari.engines.builtin import open_builtin
from tonari.errors import NotReadyError, StoreError, TonariError
from tonari.query.reader import Reader
from tonari.snapshots.head import SNAPSHOTS
from tonari.snapshots.snapshot import MANIFEST, load_tables
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket, start_function

SPLITTING_SECONDS = 30.0
"""For so long the reindex function looks for the items that make a batch fail; S3 itself may be what fails."""

_log = logging.getLogger("tonari")
_log.setLevel(logging.INFO)


def inform(**facts: Any) -> None:
    """Log facts."""
    _log.info(json.dumps(facts))


def warn(**facts: Any) -> None:
    """Log facts that somebody should look at if they repeat."""
    _log.warning(json.dumps(facts))


def alarm(**facts: Any) -> None:
    """Log facts that somebody has to act on."""
    _log.error(json.dumps(facts))


def measure(values: Mapping[str, float]) -> None:
    """Print metrics; not by the logger, whose prefix would hide them from CloudWatch."""
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
    sys.stdout.write(f"{metric_line(function, time.time(), values)}\n")
    sys.stdout.flush()


class RebuildEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rebuild is started with.

    Parameters
    ----------
    accept
        Publish the snapshot however much worse it is than the live one.
    build
        Id of the rebuild that this run goes on with; if it is empty, a rebuild begins.
    """

    accept: bool = False
    build: str = ""


Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def _encoders(settings: Settings, artefacts: Bucket) -> Callable[[str], Encoder]:
    """Load each encoder once per execution environment."""
    return functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, settings.cache))


def query_function() -> Handler:
    """Answer HTTP requests that read; what is live is loaded now, at cold start."""
    reader, handle = _http_function(READING)
    try:
        reader.current()
    except TonariError as error:
        inform(cold_start=error.slug, detail=error.detail)
    return handle


def items_function() -> Handler:
    """Answer HTTP requests that change the catalogue; what is live is loaded when one of them asks for it."""
    return _http_function(WRITING)[1]


def _http_function(serves: Collection[Route]) -> tuple[Reader, Handler]:
    """Make a function of the API that answers some of its routes, and what it answers from."""
    settings = Settings.read(os.environ)
    catalogue, artefacts = AnySpelling(S3Bucket(settings.catalogue)), S3Bucket(settings.artefacts)

    def ask_rebuild(why: str) -> None:
        alarm(live="unreadable", why=why)
        if settings.rebuild_function:
            start_function(settings.rebuild_function, msgspec.json.encode(RebuildEvent()))

    reader = Reader(
        artefacts, settings.cache, settings.head_max_age, open_builtin, lambda why: warn(reader=why), ask_rebuild
    )
    app = App(reader, catalogue, artefacts, serves)

    def handle(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
        try:
            request = read_http_event(event)
        except TonariError as error:
            return write_http_answer(Response.problem(error))
        return write_http_answer(app(request))

    return reader, handle


def reindex_function() -> Handler:
    """Take in batches of S3 events; messages that must come back later are named as failures."""
    settings = Settings.read(os.environ)
    catalogue, artefacts = AnySpelling(S3Bucket(settings.catalogue)), S3Bucket(settings.artefacts)
    encoders = _encoders(settings, artefacts)
    tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, settings.cache))

    def handle(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
        hints = read_hints(event)
        if hints.unreadable:
            warn(reindex="unreadable", messages=len(hints.unreadable), first=hints.unreadable[0])
        failed = take_in(hints.items) if hints.items else []
        answer = hints.report(failed)
        returned = len(answer["batchItemFailures"])
        measure(reindex_metrics(len(hints.items) - len(failed), returned, len(hints.unreadable)))
        return answer

    def take_in(items: list[str]) -> list[str]:
        """Make items searchable; gives those that must be tried again.

        Where some fail, each half is tried by itself, so that one item that always fails does not hold up the others.
        """
        failed: list[str] = []
        parts, until = [items], time.monotonic() + SPLITTING_SECONDS
        while parts:
            part = parts.pop()
            try:
                failed += part if publish(part) == "rebuild" else []
            except StoreError as error:
                inform(reindex=error.slug, detail=error.detail, items=len(part))
                if len(part) == 1 or time.monotonic() > until:
                    failed += part
                else:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
        return failed

    def publish(items: list[str]) -> str:
        done = reindex(items, catalogue, artefacts, encoders, tables)
        say = warn if done.why else inform
        say(reindex=done.outcome, **{name: value for name, value in asdict(done).items() if name != "outcome"})
        if done.outcome == "rebuild" and settings.rebuild_function:
            _ask_for_rebuild(artefacts, settings.rebuild_function)
        return done.outcome

    return handle


def _ask_for_rebuild(artefacts: Bucket, name: str) -> None:
    """Start a rebuild unless one is running; if it cannot be started, the next who asks tries again."""
    try:
        lease = ask(artefacts)
        if lease is None:
            return
        try:
            start_function(name, msgspec.json.encode(RebuildEvent(build=lease.build)))
        except StoreError:
            give_back(artefacts, lease)
            raise
    except StoreError as error:
        inform(rebuild="could not be asked for", detail=error.detail)


def _collect(artefacts: Bucket) -> None:
    """Collect; what fails is left to the next collection."""
    try:
        inform(**asdict(collect(artefacts)))
    except StoreError as error:
        inform(collection=error.slug, detail=error.detail)


def rebuild_function() -> Handler:
    """Rebuild; a run that is short of time asks for the next one, which goes on where it stopped. Then collect.

    Its event is a :class:`tonari.aws.functions.RebuildEvent`. Lambda tries an event that failed again, under the same
    request id: that is the same rebuild, which need not wait for its own lease.
    """
    settings = Settings.read(os.environ)
    catalogue, artefacts = AnySpelling(S3Bucket(settings.catalogue)), S3Bucket(settings.artefacts)
    encoders = _encoders(settings, artefacts)

    def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        try:
            done = run(decode(event, RebuildEvent), context)
        except Exception:  # whatever it is, it is counted, and raised again
            measure(failed_rebuild())
            raise
        measure(rebuild_metrics(done.outcome, _age(artefacts, done.snapshot)))
        return asdict(done)

    def run(started_with: RebuildEvent, context: Any) -> Rebuilt:
        try:
            done = rebuild(
                RebuildContext(
                    catalogue=catalogue,
                    artefacts=artefacts,
                    load=encoders,
                    cache=settings.cache,
                    progress=lambda stage, done, total: inform(rebuild=stage, done=done, total=total),
                    remaining=lambda: context.get_remaining_time_in_millis() / 1000,
                    margins=ANY_FALL if started_with.accept else settings.margins,
                ),
                started_with.build or context.aws_request_id,
            )
        except NotReadyError as error:
            inform(rebuild=error.slug, detail=error.detail)
            raise
        if done.outcome == "unfinished" and settings.rebuild_function:
            next_run = msgspec.structs.replace(started_with, build=done.build)
            start_function(settings.rebuild_function, msgspec.json.encode(next_run))
        elif done.outcome == "refused":
            alarm(rebuild="refused", why=done.why, live=done.snapshot)
        if done.outcome not in ("unfinished", "busy"):
            _collect(artefacts)
        inform(rebuild="done", **asdict(done))
        return done

    return handle


def _age(artefacts: Bucket, snapshot: str | None) -> float | None:
    """Give the seconds since a snapshot was built, by the store's clock; None if that cannot be told."""
    try:
        manifest = artefacts.head(f"{SNAPSHOTS}{snapshot}/{MANIFEST}") if snapshot else None
        return artefacts.now() - manifest.modified if manifest else None
    except StoreError as error:
        inform(age=error.slug, detail=error.detail)
        return None
