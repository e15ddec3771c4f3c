"""Vald as a database, beside another one that keeps what Vald does not: fields, documents, states."""

from tonari.engines.databases.vald.database import connect

__all__ = ["connect"]
