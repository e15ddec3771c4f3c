"""The three Lambda functions: each event in, each answer out, and one JSON object a line in the log."""

from __future__ import annotations

import datetime as dt
import functools
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import Struct

from tonari.api.app import App
from tonari.api.http import Response
from tonari.aws.events import read_hints, read_http_event, write_http_answer
from tonari.builds.look import RebuildContext
from tonari.builds.pending import ask_once, forget, hold
from tonari.builds.rebuild import rebuild
from tonari.builds.reindex import reindex
from tonari.config import ANY_FALL, Settings
from tonari.contract.decoding import decode
from tonari.encoders.port import Encoder
from tonari.encoders.store import load_encoder
from tonari.engines.builtin import open_builtin
from tonari.errors import NotReadyError, StoreError, TonariError
from tonari.query.serving import Reader
from tonari.snapshots.snapshot import load_tables
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket, start_function

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


class RebuildEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rebuild is started with; ``accept``: publish the snapshot however much worse it is than the live one."""

    accept: bool = False


Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def _encoders(settings: Settings, artefacts: Bucket) -> Callable[[str], Encoder]:
    """Load each encoder once per execution environment."""
    return functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, settings.cache))


def query_function() -> Handler:
    """Answer HTTP requests; what is live is loaded now, at cold start."""
    settings = Settings.read(os.environ)
    catalogue, artefacts = S3Bucket(settings.catalogue), S3Bucket(settings.artefacts)
    reader = Reader(artefacts, settings.cache, settings.head_max_age, open_builtin, lambda why: warn(reader=why))
    app = App(reader, catalogue, artefacts)
    try:
        reader.current()
    except TonariError as error:
        inform(cold_start=error.slug, detail=error.detail)

    def handle(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
        try:
            request = read_http_event(event)
        except TonariError as error:
            return write_http_answer(Response.problem(error))
        return write_http_answer(app(request))

    return handle


def reindex_function() -> Handler:
    """Take in batches of S3 events; messages that must come back later are named as failures."""
    settings = Settings.read(os.environ)
    catalogue, artefacts = S3Bucket(settings.catalogue), S3Bucket(settings.artefacts)
    encoders = _encoders(settings, artefacts)
    tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, settings.cache))

    def handle(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
        hints = read_hints(event)
        items = sorted({item for hinted in hints.values() for item in hinted})
        again = {"batchItemFailures": [{"itemIdentifier": message} for message, hinted in hints.items() if hinted]}
        if not items:
            return again
        try:
            done = reindex(items, catalogue, artefacts, encoders, tables)
        except StoreError as error:
            inform(reindex=error.slug, detail=error.detail, items=len(items))
            return again
        inform(reindex=done.outcome, **{name: value for name, value in asdict(done).items() if name != "outcome"})
        if done.outcome != "rebuild":
            return {"batchItemFailures": []}
        if settings.rebuild_function:
            _ask_for_rebuild(artefacts, settings.rebuild_function)
        return again

    return handle


def _ask_for_rebuild(artefacts: Bucket, name: str) -> None:
    """Start a rebuild unless one is asked for; if it cannot be started, the next who asks tries again."""
    try:
        if not ask_once(artefacts, dt.datetime.now(dt.UTC)):
            return
        try:
            start_function(name, msgspec.json.encode(RebuildEvent()))
        except StoreError:
            forget(artefacts)
            raise
    except StoreError as error:
        inform(rebuild="could not be asked for", detail=error.detail)


def rebuild_function() -> Handler:
    """Rebuild; a run that is short of time asks for the next one, which goes on where it stopped.

    Its event is a :class:`tonari.aws.functions.RebuildEvent`.
    """
    settings = Settings.read(os.environ)
    catalogue, artefacts = S3Bucket(settings.catalogue), S3Bucket(settings.artefacts)
    encoders = _encoders(settings, artefacts)

    def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        started_with = decode(event, RebuildEvent)
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
                )
            )
        except NotReadyError as error:
            inform(rebuild=error.slug, detail=error.detail)
            raise
        if done.outcome == "unfinished" and settings.rebuild_function:
            start_function(settings.rebuild_function, msgspec.json.encode(started_with))
        elif done.outcome == "refused":
            hold(artefacts, dt.datetime.now(dt.UTC))
            alarm(rebuild="refused", why=done.why, live=done.snapshot)
        else:
            forget(artefacts)
        answer = asdict(done)
        inform(rebuild="done", **answer)
        return answer

    return handle
