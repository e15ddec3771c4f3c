"""OpenSearch with its k-NN plug-in, on machines of one's own, as a domain of Amazon OpenSearch Service or Serverless.

Its engine "lucene" keeps graphs in the index's own segments and looks at a filter while it walks them [Malkov,
Yashunin, HNSW, TPAMI 42(4), 2020].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tonari.contract.database import Access
from tonari.engines.databases.lucene.database import LuceneDatabase
from tonari.engines.databases.lucene.documents import VECTOR, VIEWS
from tonari.engines.databases.lucene.filters import Query
from tonari.engines.databases.lucene.http import Http, authorization_of
from tonari.engines.databases.lucene.indices import CONSTRUCTION, NEIGHBOURS, candidates
from tonari.engines.databases.serverless import database as serverless
from tonari.engines.databases.serverless.database import ServerlessDatabase

NAME = "OpenSearch"
FIELD = f"{VIEWS}.{VECTOR}"


def connect(access: Access) -> LuceneDatabase | ServerlessDatabase:
    """Connect, by password, token (of OpenID or JWT) or signed requests; nothing is asked yet.

    Raises
    ------
    SettingError
        If a collection of OpenSearch Serverless is named without its region.
    """
    host = urlsplit(access.url).hostname or ""
    if service_of(host) == serverless.SERVICE:
        return serverless.connect(access)
    sign = None
    if access.region:
        from tonari.engines.databases.lucene.signed import Signer  # noqa: PLC0415 - others do not wait for botocore

        sign = Signer(access.region, service_of(host)).headers
    http = Http(NAME, access, authorization_of(access, "Bearer"), sign)
    return LuceneDatabase(http, OpenSearch(), access.prefix)


def service_of(host: str) -> str:
    """Tell for which of AWS's services requests to a host are signed."""
    return serverless.SERVICE if f".{serverless.SERVICE}." in f".{host}." else "es"


class OpenSearch:
    """In what OpenSearch differs from Elasticsearch: a :class:`~tonari.engines.databases.lucene.database.Dialect`."""

    name = NAME
    vectors = (VECTOR,)
    most_dimensions = 16_000
    settings: Mapping[str, Any] = {"knn": True}

    def mapping(self, dimensions: int) -> dict[str, Any]:
        """Give the mapping of an embedding."""
        parameters = {"m": NEIGHBOURS, "ef_construction": CONSTRUCTION}
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil", "parameters": parameters}
        return {VECTOR: {"type": "knn_vector", "dimension": dimensions, "method": method}}

    def nearest(self, vector: NDArray[np.float32], k: int, within: Query | None, *, exact: bool) -> Query:
        """Walk the graph, or compare every view by the plug-in's own script."""
        if exact:
            parameters = {"field": FIELD, "query_value": vector.tolist(), "space_type": "cosinesimil"}
            script = {"lang": "knn", "source": "knn_score", "params": parameters}
            return {"script_score": {"query": {"exists": {"field": FIELD}}, "script": script}}

        narrowed = {} if within is None else {"filter": within}
        return {"knn": {FIELD: {"vector": vector.tolist(), "k": candidates(k), **narrowed}}}
