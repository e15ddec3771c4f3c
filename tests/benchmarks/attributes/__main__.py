"""`python tests/benchmarks/attributes DATA FASHION`: how well attributes are predicted, beside scikit-learn.

DATA holds the folders magento, clothing and spree, each with a labels.csv; FASHION is fashion_mnist.npz. `--text` names
embeddings of AG News, or of other texts, made by a text encoder: an .npy file, with the labels beside it as
NAME_labels.npy. It needs scikit-learn, which belongs in a virtualenv of its own: see requirements.txt. Prints tables in
Markdown. `--only` runs one task at a time; nothing is read or encoded for the others.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[0] = str(Path(__file__).resolve().parents[1])

from attributes.data import Sources, task_readers
from attributes.measure import run
from attributes.report import accuracy_table, bar, calibration_table, cost, difference_table, machine, read_former


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("--text", type=Path, help="an .npy file of embeddings of texts")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first split: others are other splits")
    parser.add_argument("--only", default="", help="the task of this name, or those whose names begin so")
    parser.add_argument("--former", type=Path, help="earlier tables, whose figures are printed in brackets")
    arguments = parser.parse_args()
    print(f"{cost()}\n", flush=True)
    sources = Sources(arguments.data, arguments.fashion, arguments.text)
    former = read_former(arguments.former) if arguments.former else {}
    outcomes = []
    readers = task_readers(sources)
    chosen = {arguments.only} & set(readers) or {name for name in readers if name.startswith(arguments.only)}
    for name in readers:
        if name not in chosen:
            continue
        task = readers[name]()
        if task is None:
            print(f"{name} is skipped: no --text names its embeddings.\n", flush=True)
            continue
        outcomes.append(run(task, range(arguments.first, arguments.first + arguments.splits)))
        print("\n\n".join(tables(outcomes[-1:], former)), "\n", flush=True)
    print("\n\n".join([*tables(outcomes, former), bar(outcomes)]))
    print(f"\nEncoder of the pictures: {sources.embedder.id[:12]}. {machine()}.")


def tables(outcomes: list, former: dict[str, dict[str, str]]) -> list[str]:
    return [accuracy_table(outcomes, former), difference_table(outcomes), calibration_table(outcomes)]


if __name__ == "__main__":
    main()
