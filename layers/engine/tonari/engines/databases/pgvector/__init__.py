"""PostgreSQL with pgvector as a database."""

from tonari.engines.databases.pgvector.database import connect

__all__ = ["connect"]
