"""Connections to PostgreSQL: opened, kept, given up when they break; what goes wrong, in tonari's own errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tonari.contract.database import Access
from tonari.errors import EngineUnavailableError, MissingCollectionError, UnsupportedByEngineError

Session = psycopg.Connection[tuple[Any, ...]]
Answer = TypeVar("Answer")
MOST_KEPT = 4
"""Connections kept open while nobody uses them."""
SECONDS = 25
"""For a statement; whoever asks over HTTP waits for 30."""
TRIES = 4
EXPANSION = 100
"""``hnsw.ef_search``, unless a transaction sets it otherwise."""
SETTINGS = (
    f"SET statement_timeout = '{SECONDS}s'; SET jit = off; SET client_encoding = 'UTF8'; "
    f"SET hnsw.iterative_scan = relaxed_order; SET hnsw.ef_search = {EXPANSION}"
)
_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation)
_MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)
_ABSENT = (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile)


class Sessions:
    """Connections to one database, for several threads.

    Parameters
    ----------
    access
        ``sslmode`` and the like stand in its URL; a host that is not this machine is asked for TLS unless they do.
    """

    def __init__(self, access: Access) -> None:
        try:
            self._given = _connection_settings(access)
        except psycopg.Error:
            raise EngineUnavailableError(
                "The engine's URL is not one of PostgreSQL: it has the form postgresql://host:5432/database."
            ) from None
        self._kept: list[Session] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[Session], Answer]) -> Answer:
        """Do something in one transaction, as :meth:`ask` does."""

        def whole(session: Session) -> Answer:
            with session.transaction():
                return work(session)

        return self.ask(whole)

    def ask(self, work: Callable[[Session], Answer]) -> Answer:
        """Do something, each statement for itself; once more if the connection had been broken before.

        What is done must be the same if it is done twice.

        Raises
        ------
        EngineUnavailableError
            If the database cannot be reached, or fails.
        MissingCollectionError
            If a table is not there.
        UnsupportedByEngineError
            If the extension is not installed.
        """
        for left in reversed(range(TRIES)):
            session, fresh = self._take()
            try:
                answer = work(session)
            except _AGAIN as error:
                self._give(session)
                if not left:
                    raise _unavailable(error) from error
            except psycopg.Error as error:
                broken = session.closed
                self._give(session)
                if fresh or not broken or not left:
                    raise _translated(error) from error
                self.close()
            except BaseException:
                self._give(session)
                raise
            else:
                self._give(session)
                return answer
        raise AssertionError

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            kept, self._kept = self._kept, []
        for session in kept:
            session.close()

    def _take(self) -> tuple[Session, bool]:
        """Give a connection, and whether it was opened just now."""
        with self._lock:
            if self._kept:
                return self._kept.pop(), False
        try:
            session = psycopg.connect(**self._given, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise _unavailable(error) from error
        try:
            session.execute(SETTINGS)
        except psycopg.Error as error:
            session.close()
            raise _unavailable(error) from error
        return session, True

    def _give(self, session: Session) -> None:
        with self._lock:
            if not session.closed and len(self._kept) < MOST_KEPT:
                self._kept.append(session)
                return
        with suppress(psycopg.Error):
            session.close()


def fetch(session: Session, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows."""
    return session.execute(statement, parameters or None).fetchall()


def execute(session: Session, statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run a statement; gives how many rows it changed."""
    return session.execute(statement, parameters or None).rowcount


def _connection_settings(access: Access) -> Mapping[str, Any]:
    given: dict[str, Any] = dict(conninfo_to_dict(access.url))
    given |= {name: value for name, value in (("user", access.user), ("password", _secret(access))) if value}
    host = str(given.get("host", ""))
    local = host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1")
    usual: dict[str, Any] = {
        "connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
        "tcp_user_timeout": 15_000, "application_name": "tonari",
    }  # fmt: skip
    if access.authority:
        usual |= {"sslrootcert": access.authority, "sslmode": "verify-full"}
    elif not local:
        usual["sslmode"] = "require"
    return {**usual, **given}


def _secret(access: Access) -> str:
    return access.password or access.token


def _translated(error: psycopg.Error) -> Exception:
    if isinstance(error, _MISSING):
        return MissingCollectionError(
            "PostgreSQL does not hold the snapshot that is live: load it with `tonari engine load`."
        )
    if isinstance(error, _ABSENT) and "vector" in str(error):
        return UnsupportedByEngineError(
            "PostgreSQL has no extension pgvector there: install version 0.8 or newer of it."
        )
    return _unavailable(error)


def _unavailable(error: psycopg.Error) -> EngineUnavailableError:
    said = error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
    return EngineUnavailableError(f"PostgreSQL did not answer as it should: {said:.300}. Try again in a moment.")
