"""Run the tests of engines and write what they found: ``python tests/engines/table.py pgvector milvus``.

The findings go to docs/engines_capabilities.json, and from there into the table of docs/engines.md. Of engines that are
not named the table shows what their last run found. Without a name, only the table is written anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FINDINGS, PAGE = ROOT / "docs" / "engines_capabilities.json", ROOT / "docs" / "engines.md"
BLOCK = re.compile(r"(?P<open><!-- from the tests of engines -->\n).*?(?P<close><!-- end -->)", re.DOTALL)
ENGINES = {
    "pgvector": "PostgreSQL 18, pgvector 0.8.5",
    "milvus": "Milvus 2.3.5",
    "milvus_lite": "Milvus Lite 3.2.2",
    "opensearch": "OpenSearch 2.19.1",
    "serverless": "OpenSearch Serverless' rules before OpenSearch 2.19.1",
    "elasticsearch": "Elasticsearch 9.2.0",
    "vald_agent": "an agent of Vald 1.7.17",
    "vald": "Vald's protocol over NGT",
}
"""Every engine with an adapter, as the table names it."""
NOT_RUN = "not run"


def table(findings: Mapping[str, Any]) -> str:
    """Lay the findings out: engines across, features and numbers down, and below why an engine cannot do something."""
    features = _names(findings, "features")
    numbers = _names(findings, "numbers")
    reasons: dict[str, int] = {}
    rows = [[name, *(_feature(findings, engine, name, reasons) for engine in ENGINES)] for name in features]
    rows += [[name, *(_number(findings, engine, name) for engine in ENGINES)] for name in numbers]
    head = ["", *ENGINES.values()]
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, "", *notes, *([""] if notes else [])])


def _names(findings: Mapping[str, Any], kind: str) -> list[str]:
    return sorted({name for of_engine in findings.values() for name in of_engine[kind]})


def _feature(findings: Mapping[str, Any], engine: str, name: str, reasons: dict[str, int]) -> str:
    found = str(findings.get(engine, {}).get("features", {}).get(name, NOT_RUN))
    if not found.startswith("no: "):
        return found
    return f"no ({reasons.setdefault(found.removeprefix('no: '), len(reasons) + 1)})"


def _number(findings: Mapping[str, Any], engine: str, name: str) -> str:
    found = findings.get(engine, {}).get("numbers", {}).get(name)
    return NOT_RUN if found is None else f"{found:g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(engines: Sequence[str]) -> int:
    """Run the tests of some engines, and write the table."""
    code = 0
    if engines:
        environment = {**os.environ, "TONARI_ENGINES": ",".join(engines), "TONARI_CAPABILITIES": str(FINDINGS)}
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "tests/engines"], cwd=ROOT, env=environment, check=False
        ).returncode
    written = table(json.loads(FINDINGS.read_text()) if FINDINGS.exists() else {})
    PAGE.write_text(BLOCK.sub(lambda found: f"{found['open']}\n{written}\n{found['close']}", PAGE.read_text()))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
