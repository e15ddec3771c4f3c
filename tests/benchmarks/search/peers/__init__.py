"""The engines, by name; each module is imported only where its engine runs, and may be absent."""

from __future__ import annotations

import importlib

from .base import Engine

MODULES = {
    "tonari": "own",
    "faiss flat": "faiss_indexes",
    "faiss IVF": "faiss_indexes",
    "faiss HNSW": "faiss_indexes",
    "hnswlib": "graphs",
    "USearch": "graphs",
    "rii": "rii_index",
    "LanceDB": "lance",
    "Milvus Lite": "milvus",
    "Qdrant local": "qdrant",
    "pgvector": "postgres",
}


def engine(name: str) -> Engine:
    """Make an engine; ImportError if it is not installed."""
    module = importlib.import_module(f".{MODULES[name]}", __package__)
    made: Engine = module.ENGINES[name]()
    return made
