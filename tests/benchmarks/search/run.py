"""Search benchmark.

    python3 -m venv PEERS
    PEERS/bin/pip install -r tests/benchmarks/search/requirements.txt
    PEERS/bin/pip install --no-deps -e .
    PEERS/bin/python tests/benchmarks/search DATA [--sets 100k] [--engines tonari,faiss\\ IVF] [--work DIR] [--out DIR]

DATA holds fashion_mnist.npz and groundtruth_l2_top100.npz. Every engine runs in a process of its own, one after the
other, bound to one core; what it measured stays in the work folder, so that a later run with the same `--work` measures
only the engines it names and reports all. An engine that is not installed is left out and named in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
WAITING = ("TOKIO_WORKER_THREADS", "LANCE_CPU_THREADS", "LANCE_IO_THREADS")
"""LanceDB waits for itself for ever if it has one thread of these; two share the core."""
LONGEST = 1_800
"""Seconds that an engine may take for one set."""
QUERIES = 200


def main() -> None:
    """Measure and report."""
    asked = _arguments()
    os.environ.update(dict.fromkeys(THREADS, "1") | dict.fromkeys(WAITING, "2"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {asked.core})
    if asked.one:
        _one_engine(asked.one, asked.sets, asked.work)
        return
    from . import data
    from .filters import Prepared, prepare
    from .peers import MODULES
    from .report import write_report

    work = asked.work or Path(tempfile.mkdtemp(prefix="tonari-search-"))
    sets = asked.sets.split(",")
    for name in sets:
        if not (work / name / "about.json").exists():
            print(f"{name}: making vectors, filters and truth", flush=True)
            prepare(data.load(asked.data, name, QUERIES), work / name)
        for engine in asked.engines.split(",") if asked.engines else MODULES:
            began = time.monotonic()
            (work / name / f"{engine}.json").unlink(missing_ok=True)
            command = [sys.executable, str(Path(__file__).parent), str(asked.data), "--work", str(work)]
            command += ["--core", str(asked.core), "--sets", name, "--one", engine]
            try:
                subprocess.run(command, check=True, timeout=LONGEST)
            except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                why = (
                    f"not done in {LONGEST // 60} minutes" if isinstance(error, subprocess.TimeoutExpired) else "failed"
                )
                _give_up(work / name / f"{engine}.json", why)
            print(f"{name}, {engine}: {time.monotonic() - began:.0f} s", flush=True)
    given_truth = data.agreement_with_given_truth(asked.data, QUERIES, 10)
    prepared = {name: Prepared(work / name) for name in data.SIZES if (work / name / "about.json").exists()}
    write_report(prepared, list(MODULES), given_truth, asked.out)
    print(f"{asked.out / 'search.md'}")


def _one_engine(name: str, dataset: str, work: Path) -> None:
    from .filters import Prepared
    from .measure import measure
    from .peers import engine

    given = Prepared(work / dataset)
    result = work / dataset / f"{name}.json"
    try:
        made = engine(name)
    except ImportError as error:
        result.write_text(json.dumps({"left_out": f"not installed ({error})"}))
        return
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for measured in measure(made, given, Path(folder)):
            measured["date"] = time.strftime("%Y-%m-%d", time.gmtime())
            result.write_text(json.dumps(measured, indent=1))


def _give_up(result: Path, why: str) -> None:
    """Note that an engine got no further; the cells that it had measured stay."""
    known = json.loads(result.read_text()) if result.exists() else {}
    result.write_text(json.dumps({**known, "left_out": why}, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="search", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default="fashion,100k,1m", help="some of fashion,100k,1m")
    parser.add_argument("--engines", default="", help="some engines, separated by commas; all by default")
    parser.add_argument("--work", type=Path, help="folder for vectors and results; a temporary one by default")
    parser.add_argument("--out", type=Path, default=Path("docs/measurements"), help="where search.md and search.png go")
    parser.add_argument("--core", type=int, default=0, help="the core to run on")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    return parser.parse_args()
