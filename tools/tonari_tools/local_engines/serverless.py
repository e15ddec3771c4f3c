"""A stand-in for Amazon OpenSearch Serverless: its published rules before a real OpenSearch 2.19.1.

Nobody can start Serverless on a machine of their own. What its collections of type VECTORSEARCH take and refuse is
written in AWS's pages and in reports of people who asked real ones; :mod:`serverless_standin_rules` names them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tonari_tools.local_engines import opensearch
from tonari_tools.local_engines.beside import Beside
from tonari_tools.local_engines.running import HOST, Program, Running, free_port, listens
from tonari_tools.local_engines.serverless_standin_signatures import KEY, REGION, SECRET

SERVER = "tonari_tools.local_engines.serverless_standin"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""In the environment of who asks the stand-in: it checks that requests are signed with them."""


def start(folder: Path) -> Running:
    """Start the stand-in on a free port of 127.0.0.1, and the OpenSearch behind it.

    Raises
    ------
    LocalEngineError
        If OpenSearch is not installed, or one does not answer in time.
    """
    behind = opensearch.start(folder / "opensearch")
    port = free_port()
    rules = folder / "rules"
    rules.mkdir(parents=True, exist_ok=True)
    arguments = [sys.executable, "-P", "-m", SERVER, str(port), behind.access.url]
    access = replace(behind.access, url=f"http://{HOST}:{port}", region=REGION)
    try:
        return Beside(behind, access, Program("Serverless' stand-in", arguments, rules, lambda: listens(port)))
    except BaseException:
        behind.stop()
        raise
