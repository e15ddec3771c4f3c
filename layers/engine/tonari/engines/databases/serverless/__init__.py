"""Amazon OpenSearch Serverless as a database."""

from tonari.engines.databases.serverless.database import connect

__all__ = ["connect"]
