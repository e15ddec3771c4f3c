"""Milvus as a database."""

from tonari.engines.databases.milvus.database import connect

__all__ = ["connect"]
