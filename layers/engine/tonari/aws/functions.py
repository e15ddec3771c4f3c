"""The four Lambda functions: each event in, each answer out."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from tonari.api.app import App
from tonari.api.http import Response
from tonari.aws.events import read_hints, read_http_event, write_http_answer
from tonari.aws.log import alarm, inform, measure, warn
from tonari.aws.metrics import reindex_metrics
from tonari.aws.rebuild_event import RebuildEvent
from tonari.aws.rebuilding import Rebuilding
from tonari.builds.lease import ask, give_back
from tonari.builds.reindex import reindex
from tonari.catalogue.any_spelling import AnySpelling
from tonari.config import Settings
from tonari.contract.database import Database
from tonari.contract.routes import READING, WRITING, Route
from tonari.encoders.port import Encoder
from tonari.encoders.store import load_encoder
from tonari.engines.opening import connect, opening_of
from tonari.errors import EngineUnavailableError, StoreError, TonariError
from tonari.loading.apply import apply
from tonari.query.reader import Reader
from tonari.snapshots.snapshot import load_tables
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket, read_secret, start_function

SPLITTING_SECONDS = 30.0
"""For so long the reindex function looks for the items that make a batch fail; S3 itself may be what fails."""

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def _encoders(settings: Settings, artefacts: Bucket) -> Callable[[str], Encoder]:
    """Load each encoder once per execution environment."""
    return functools.lru_cache(maxsize=2)(lambda name: load_encoder(artefacts, name, settings.cache))


def _database(settings: Settings) -> Database | None:
    """Connect to the database of an engine elsewhere; None for the built-in engine."""
    engine = settings.engine
    return connect(engine, read_secret(engine.secret) if engine.secret else engine.own_secret)


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

    opening = opening_of(settings.engine, _database(settings))
    reader = Reader(
        artefacts, settings.cache, settings.head_max_age, opening, lambda why: warn(reader=why), ask_rebuild
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
    encoders, database = _encoders(settings, artefacts), _database(settings)
    tables = functools.lru_cache(maxsize=1)(lambda name: load_tables(artefacts, name, settings.cache))

    def handle(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
        hints = read_hints(event)
        if hints.unreadable:
            warn(reindex="unreadable", messages=len(hints.unreadable), first=hints.unreadable[0])
        failed = _take_in(hints.items, publish) if hints.items else []
        answer = hints.report(failed)
        returned = len(answer["batchItemFailures"])
        measure(reindex_metrics(len(hints.items) - len(failed), returned, len(hints.unreadable)))
        return answer

    def publish(items: list[str]) -> str:
        done = reindex(items, catalogue, artefacts, encoders, tables)
        say = warn if done.why else inform
        say(reindex=done.outcome, **{name: value for name, value in asdict(done).items() if name != "outcome"})
        if done.outcome == "rebuild" and settings.rebuild_function:
            _ask_for_rebuild(artefacts, settings.rebuild_function)
        elif database and done.outcome != "rebuild":
            inform(engine=asdict(apply(database, artefacts, tables, items, done.generation)))
        return done.outcome

    return handle


def _take_in(items: list[str], publish: Callable[[list[str]], str]) -> list[str]:
    """Make items searchable; gives those that must be tried again.

    Where some fail, each half is tried by itself, so that one item that always fails does not hold up the others.
    If an engine elsewhere does not answer, all do: the head has them, and the next time only the engine is missing.
    """
    failed: list[str] = []
    parts, until = [items], time.monotonic() + SPLITTING_SECONDS
    while parts:
        part = parts.pop()
        try:
            failed += part if publish(part) == "rebuild" else []
        except EngineUnavailableError as error:
            warn(reindex=error.slug, detail=error.detail, items=len(part))
            return [*failed, *part, *(item for other in parts for item in other)]
        except StoreError as error:
            inform(reindex=error.slug, detail=error.detail, items=len(part))
            if len(part) == 1 or time.monotonic() > until:
                failed += part
            else:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
    return failed


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


def rebuild_function() -> Handler:
    """Rebuild: see :class:`tonari.aws.rebuilding.Rebuilding`."""
    settings = Settings.read(os.environ)
    catalogue, artefacts = AnySpelling(S3Bucket(settings.catalogue)), S3Bucket(settings.artefacts)
    return Rebuilding(settings, catalogue, artefacts, _encoders(settings, artefacts), _database(settings))
