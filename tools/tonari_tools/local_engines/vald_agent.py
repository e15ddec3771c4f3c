"""An agent of Vald itself, where one is installed, and PostgreSQL beside it for what Vald does not keep.

No package registry has its program: TONARI_VALD_AGENT names it.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

from tonari_tools.local_engines import pgvector
from tonari_tools.local_engines.beside import Beside
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port, listens

PROGRAM = "TONARI_VALD_AGENT"
DIMENSIONS = "TONARI_VALD_DIMENSIONS"
"""An agent takes vectors of one number of dimensions."""


def start(folder: Path) -> Running:
    """Start an agent on a free port of 127.0.0.1, and PostgreSQL.

    Raises
    ------
    LocalEngineError
        If one is not installed, or does not answer in time.
    """
    program, dimensions = os.environ.get(PROGRAM, ""), os.environ.get(DIMENSIONS, "")
    if not shutil.which(program) or not dimensions.isdecimal():
        raise LocalEngineError(f"Let {PROGRAM} name the program of Vald's agent, and {DIMENSIONS} a number.")
    beside = pgvector.start(folder / "fields")
    port, vectors = free_port(), folder / "vectors"
    index = vectors / "index"
    index.mkdir(parents=True, exist_ok=True)
    file = vectors / "config.json"
    file.write_text(json.dumps(_configuration(port, free_port(), index, int(dimensions))))
    try:
        access = replace(beside.access, url=f"grpc://{HOST}:{port}?fields=pgvector+{beside.access.url}")
        agent = Program("Vald's agent", [program, "-f", str(file)], vectors, lambda: listens(port))
        return Beside(beside, access, agent)
    except BaseException:
        beside.stop()
        raise


def _configuration(port: int, ready: int, index: Path, dimensions: int) -> dict[str, object]:
    """Configure an agent as its makers' chart for Kubernetes does, but to keep its index on disk."""
    address = {"host": HOST, "probe_wait_time": "1s", "socket_option": {"reuse_addr": True}}
    streams = {"bidirectional_stream_concurrency": 20}
    return {
        "version": "v0.0.0",
        "time_zone": "UTC",
        "logging": {"logger": "glg", "level": "warn", "format": "raw"},
        "server_config": {
            "servers": [{"name": "grpc", "port": port, "mode": "GRPC", "grpc": streams, **address}],
            "health_check_servers": [{"name": "readiness", "port": ready, "mode": "REST", **address}],
            "startup_strategy": ["grpc", "readiness"],
            "full_shutdown_duration": "10s",
        },
        "observability": {"enabled": False},
        "ngt": {
            "index_path": str(index),
            "enable_in_memory_mode": False,
            "enable_copy_on_write": True,
            "dimension": dimensions,
            "distance_type": "cos",
            "object_type": "float",
            "creation_edge_size": 50,
            "search_edge_size": 50,
            "bulk_insert_chunk_size": 10,
            "default_pool_size": 16,
            "default_radius": -1,
            "default_epsilon": 0.05,
            "auto_index_check_duration": "30m",
            "auto_index_length": 100,
            "auto_index_duration_limit": "24h",
            "auto_save_index_duration": "35m",
            "auto_create_index_pool_size": 16,
            "initial_delay_max_duration": "3m",
            "min_load_index_timeout": "3m",
            "max_load_index_timeout": "10m",
            "load_index_timeout_factor": "1ms",
            "vqueue": {"insert_buffer_pool_size": 10_000, "delete_buffer_pool_size": 5_000},
            "kvsdb": {"concurrency": 6},
            "error_buffer_limit": 10,
        },
    }
