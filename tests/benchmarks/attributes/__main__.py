"""`python tests/benchmarks/attributes DATA FASHION`: how well attributes are predicted, beside scikit-learn.

DATA holds the folders magento, clothing and spree, each with a labels.csv; FASHION is fashion_mnist.npz. It needs
scikit-learn, which belongs in a virtualenv of its own: see requirements.txt. Prints tables in Markdown.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[0] = str(Path(__file__).resolve().parents[1])

from attributes.data import read_tasks
from attributes.measure import run
from attributes.report import accuracy_table, calibration_table, cost, difference_table, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first split: others are other splits")
    parser.add_argument("--only", default="", help="tasks whose name begins so")
    arguments = parser.parse_args()
    print(f"{cost()}\n", flush=True)
    tasks, encoder = read_tasks(arguments.data, arguments.fashion)
    outcomes = []
    for task in tasks:
        if task.name.startswith(arguments.only):
            outcomes.append(run(task, range(arguments.first, arguments.first + arguments.splits)))
            tables = (accuracy_table, difference_table, calibration_table)
            print("\n\n".join(table(outcomes[-1:]) for table in tables), "\n", flush=True)
    print("\n\n".join(table(outcomes) for table in (accuracy_table, difference_table, calibration_table)))
    strengths = ", ".join(f"{one.task.name} {one.strength:g}" for one in outcomes)
    print(f"\nC of logistic regression: {strengths}.\nEncoder {encoder[:12]}. {machine()}.")


if __name__ == "__main__":
    main()
