"""Elasticsearch, from 8.15 on.

Each embedding is in two fields: one with a graph [Malkov, Yashunin, HNSW, TPAMI 42(4), 2020], and one without, over
which the same search compares every view. So no scripts are needed, which a cluster may forbid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import Access
from tonari.engines.databases.lucene.database import LuceneDatabase
from tonari.engines.databases.lucene.documents import VECTOR, VIEWS
from tonari.engines.databases.lucene.filters import Query
from tonari.engines.databases.lucene.http import Http, authorization_of
from tonari.engines.databases.lucene.indices import CONSTRUCTION, NEIGHBOURS, candidates

NAME = "Elasticsearch"
FLAT = "flat"


def connect(access: Access) -> LuceneDatabase:
    """Connect, by password or API key; nothing is asked yet.

    The key is given as token, in the form that Elasticsearch calls encoded.
    """
    return LuceneDatabase(Http(NAME, access, authorization_of(access, "ApiKey")), Elasticsearch(), access.prefix)


class Elasticsearch:
    """In what Elasticsearch differs from OpenSearch: a :class:`~tonari.engines.databases.lucene.database.Dialect`."""

    name = NAME
    vectors = (VECTOR, FLAT)
    most_dimensions = 4_096
    settings: Mapping[str, Any] = {}

    def mapping(self, dimensions: int) -> dict[str, Any]:
        """Give the mapping of both forms of an embedding, neither quantised."""
        same = {"type": "dense_vector", "dims": dimensions, "index": True, "similarity": "cosine"}
        graph = {"type": "hnsw", "m": NEIGHBOURS, "ef_construction": CONSTRUCTION}
        return {VECTOR: {**same, "index_options": graph}, FLAT: {**same, "index_options": {"type": "flat"}}}

    def nearest(self, vector: NDArray[np.float32], k: int, within: Query | None, *, exact: bool) -> Query:
        """Walk the graph, or compare every view."""
        field = f"{VIEWS}.{FLAT if exact else VECTOR}"
        looked_at = k if exact else candidates(k)
        narrowed = {} if within is None else {"filter": within}
        query = {"field": field, "query_vector": vector.tolist(), "k": k, "num_candidates": looked_at}
        return {"knn": {**query, **narrowed}}
