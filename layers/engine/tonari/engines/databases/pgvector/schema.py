"""The schema of a deployment in PostgreSQL, and in it what all collections share."""

from __future__ import annotations

from dataclasses import dataclass

from tonari.engines.databases.pgvector.layout import quoted
from tonari.engines.databases.pgvector.sessions import Session, execute, fetch
from tonari.errors import UnsupportedByEngineError

LEAST_VERSION = (0, 8)


@dataclass(frozen=True, slots=True)
class Schema:
    """Two tables and a view for each alias: ``collections``, where each write leaves a new number, and ``aliases``."""

    name: str

    def of(self, name: str) -> str:
        """Name a table or view in it."""
        return f"{quoted(self.name)}.{quoted(name)}"

    def is_there(self, session: Session) -> bool:
        """Tell whether it was made."""
        ((table,),) = fetch(session, "SELECT to_regclass(%s)", (self.of("aliases"),))
        return table is not None

    def lock(self, session: Session) -> None:
        """Let nobody else change collections and aliases until this transaction ends."""
        fetch(session, "SELECT pg_advisory_xact_lock(hashtext(%s))", (f"tonari {self.name}",))

    def make(self, session: Session) -> None:
        """Make what all collections share, and check that the database can keep them."""
        self.lock(session)
        if self.is_there(session):
            return
        ((encoding,),) = fetch(session, "SHOW server_encoding")
        if encoding != "UTF8":
            raise UnsupportedByEngineError(f"The PostgreSQL database is in {encoding}: make one with ENCODING 'UTF8'.")
        execute(session, "CREATE EXTENSION IF NOT EXISTS vector")
        ((version,),) = fetch(session, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        if tuple(map(int, version.split(".")[:2])) < LEAST_VERSION:
            raise UnsupportedByEngineError(
                f"PostgreSQL has pgvector {version}, and 0.8 is the oldest that searches on behind a filter: install a "
                "newer one and run ALTER EXTENSION vector UPDATE."
            )
        execute(session, f"CREATE SCHEMA IF NOT EXISTS {quoted(self.name)}")
        first = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        columns = f"name text PRIMARY KEY, state text NOT NULL, changes bigint NOT NULL DEFAULT {first}"
        execute(session, f"CREATE TABLE {self.of('collections')} ({columns})")
        execute(session, f"CREATE TABLE {self.of('aliases')} (alias text PRIMARY KEY, name text NOT NULL)")
