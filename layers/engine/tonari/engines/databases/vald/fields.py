"""The database beside Vald, which keeps fields, documents and states."""

from __future__ import annotations

import importlib
from dataclasses import replace

from tonari.contract.database import Access, Database
from tonari.errors import SettingError

KINDS = ("opensearch", "elasticsearch", "pgvector", "milvus")


def fields_database(named: str, access: Access) -> Database:
    """Connect to it.

    Parameters
    ----------
    named
        Kind and URL, joined by ``+``.
    access
        Of Vald; user, password, token and region are the second database's.

    Raises
    ------
    SettingError
        If no such kind is known.
    """
    kind, _, url = named.partition("+")
    if kind not in KINDS or not url:
        raise SettingError(f"The database beside Vald is KIND+URL, KIND one of {', '.join(KINDS)}; it is {kind!r:.40}.")
    module = importlib.import_module(f"tonari.engines.databases.{kind}")
    database: Database = module.connect(replace(access, url=url, prefix=f"{access.prefix}_v"[:20]))
    return database
