"""Elasticsearch 9.2.0, without the modules for scripts and for stems of words, which its package lacks."""

from __future__ import annotations

from pathlib import Path

from tonari_tools.local_engines.lucene_node import Distribution
from tonari_tools.local_engines.running import Running

ELASTICSEARCH = Distribution(
    "Elasticsearch", "elasticsearch", "ES", (21, 99), settings=("xpack.security.enabled: false",)
)


def start(folder: Path) -> Running:
    """Start a node; raises what :meth:`~tonari_tools.local_engines.lucene_node.Distribution.start` does."""
    return ELASTICSEARCH.start(folder)
