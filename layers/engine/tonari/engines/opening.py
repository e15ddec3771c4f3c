"""Which engine answers: the built-in one, or one over a vector database elsewhere."""

from __future__ import annotations

import importlib

from tonari.config import EngineSettings
from tonari.contract.database import Access, Database
from tonari.engines.builtin import BuiltinOpening
from tonari.engines.remote import RemoteOpening
from tonari.errors import SettingError

EXTRAS = {"opensearch": "", "elasticsearch": "", "milvus": "milvus", "vald": "vald", "pgvector": "pgvector"}
"""By engine: the optional extra that brings its client; none where plain HTTP does."""


def connect(settings: EngineSettings, secret: dict[str, str]) -> Database | None:
    """Connect to the database that the settings name; nothing is asked of it yet.

    Parameters
    ----------
    secret
        ``user``, ``password`` and ``token``, as far as the database asks for them.

    Returns
    -------
    None for the built-in engine, which needs none.

    Raises
    ------
    SettingError
        If no such engine is known, or its client is not installed.
    """
    if settings.kind == "builtin":
        return None
    if settings.kind not in EXTRAS:
        raise SettingError(f"TONARI_ENGINE is {settings.kind!r:.40}; it can be {', '.join(['builtin', *EXTRAS])}.")
    access = Access(
        url=settings.url,
        prefix=settings.prefix,
        user=secret.get("user", ""),
        password=secret.get("password", ""),
        token=secret.get("token", ""),
        region=settings.region,
        authority=settings.authority,
    )
    return connect_to(settings.kind, access)


def connect_to(kind: str, access: Access) -> Database:
    """Connect to a database of a known kind.

    Raises
    ------
    SettingError
        If its client is not installed.
    """
    try:
        module = importlib.import_module(f"tonari.engines.databases.{kind}")
        database: Database = module.connect(access)
    except ModuleNotFoundError as error:
        extra = EXTRAS[kind]
        remedy = f"deploy with Engine={kind}, or install tonari[{extra}]" if extra else "install tonari anew"
        raise SettingError(f"The engine {kind} needs {error.name}, which is not here: {remedy}.") from error
    return database


def opening_of(settings: EngineSettings, database: Database | None) -> BuiltinOpening | RemoteOpening:
    """Choose what opens the engine of each generation."""
    return BuiltinOpening() if database is None else RemoteOpening(database, settings.kind)
