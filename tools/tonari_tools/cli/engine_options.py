"""Which vector database the commands talk to: what flags say first, then the environment, then a running demo."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

from tonari.errors import SettingError
from tonari_tools.cli.target import Command, Target

if TYPE_CHECKING:  # help must not load numpy
    from tonari.contract.database import Database


@contextmanager
def opened(target: Target, kind: str = "", url: str = "", prefix: str = "") -> Iterator[Database | None]:
    """Connect to the database that is meant; None if the built-in engine is.

    Parameters
    ----------
    target
        Whose artefacts are meant: a demo's go with its engine.
    kind, url, prefix
        What flags say.

    Raises
    ------
    SettingError
        If it is not known where it is, or its client is not installed.
    """
    from tonari.config import EngineSettings
    from tonari.engines.opening import connect
    from tonari.storage.s3 import read_secret

    given = {"TONARI_ENGINE": kind, "TONARI_ENGINE_URL": url, "TONARI_ENGINE_PREFIX": prefix}
    said = {**os.environ, **{name: value for name, value in given.items() if value}}
    settings = EngineSettings.read(said) if said.get("TONARI_ENGINE") or not target.engine else target.engine
    secret = read_secret(settings.secret) if settings.secret else settings.own_secret
    database = connect(settings, secret)
    try:
        yield database
    finally:
        if database is not None:
            database.close()


def takes_engine(command: Command) -> Command:
    """Give a command that has a ``target`` options for the database and, as ``database``, the one that is meant.

    Raises
    ------
    SettingError
        If nothing names one.
    """

    @functools.wraps(command)
    def run(*, target: Target, kind: str | None, engine_url: str | None, prefix: str | None, **options: Any) -> None:
        with opened(target, kind or "", engine_url or "", prefix or "") as database:
            if database is None:
                raise SettingError(
                    "The built-in engine needs no looking after. Name another one: --engine opensearch --url URL, or "
                    "set TONARI_ENGINE and TONARI_ENGINE_URL. A demo that was started with one is found by itself."
                )
            command(target=target, database=database, **options)

    for option in (
        click.option("--prefix", metavar="NAME", help="What names of collections begin with; TONARI_ENGINE_PREFIX."),
        click.option("--url", "engine_url", metavar="URL", help="Where it answers; TONARI_ENGINE_URL."),
        click.option(
            "--engine",
            "kind",
            metavar="NAME",
            help="opensearch, elasticsearch, milvus, vald or pgvector; TONARI_ENGINE. Who logs in is said by "
            "TONARI_ENGINE_USER, _PASSWORD and _TOKEN.",
        ),
    ):
        run = option(run)
    return run
