"""OpenSearch 2.19.1 with its k-NN plug-in."""

from __future__ import annotations

from pathlib import Path

from tonari_tools.local_engines.lucene_node import Distribution
from tonari_tools.local_engines.running import Running

OPENSEARCH = Distribution(
    "OpenSearch", "opensearch", "OPENSEARCH", (17, 23), options=("-Djava.security.manager=allow",)
)


def start(folder: Path) -> Running:
    """Start a node; raises what :meth:`~tonari_tools.local_engines.lucene_node.Distribution.start` does."""
    return OPENSEARCH.start(folder)
