"""``python -m torture [PART ...] [--share 0.01] [--seed 7]``, in ``tests``: all parts, or those that are named."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PARTS = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("__init__", "__main__", "figure"))
"""Each a module with a function ``run``, a :data:`torture.figure.Part`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of trials")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    failed = 0
    for name in given.parts or PARTS:
        part = importlib.import_module(f"torture.{name}")
        started = time.monotonic()
        for figure in part.run(given.share, given.seed, lambda what: print(what, file=sys.stderr, flush=True)):
            took = time.monotonic() - started
            print(
                f"{name:10} {figure.fault:60} {figure.tried:>7,} tried {figure.failed:>4,} failed {took:7.0f} s  "
                f"{figure.note}",
                flush=True,
            )
            failed += figure.failed
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
