"""Which search engine is started on this machine, by its name."""

from __future__ import annotations

import importlib
from pathlib import Path

from tonari_tools.local_engines.running import Running


def start_engine(kind: str, folder: Path) -> Running:
    """Start a search engine, whose data lie in a folder.

    Raises
    ------
    LocalEngineError
        If it is not installed, or does not answer in time.
    """
    running: Running = importlib.import_module(f"tonari_tools.local_engines.{kind}").start(folder)
    return running
