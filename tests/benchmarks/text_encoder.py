"""What an encoder of texts costs: its start, a query, and a catalogue, one by one and together.

    python tests/benchmarks/text_encoder.py ARTICLES.csv [--encoder FOLDER] [--items 300] [--starts 5]

ARTICLES.csv has the columns title and text. FOLDER holds an encoder as `tonari encoder export` writes it; without it
the default encoder of texts is taken (`make .venv/.text`). All is computed by one thread. Printed, in Markdown, are
seconds of its processor, which a busy machine stretches little, and beside them the shortest by the clock.

*Filled up* is what the product does not do: texts of unlike length in one batch, the short ones filled up.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
from numpy.typing import NDArray

from tonari.contract.encoder import CONFIG, files_of, read_encoder_file
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import open_encoder
from tonari.encoders.text import TOGETHER, TextEncoder
from tonari_tools.models.texts.bundle_folder import read_bundle, write_bundle

LENGTHS = (8, 64, 250)
TIMES = 30
ROUNDS = 3
AT_ONCE = 32
"""Passages of like length that a build gives an encoder together."""
START = """
import sys, time
from pathlib import Path
def resident():
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1])
import numpy, onnxruntime
from tonari.contract.encoder import CONFIG
from tonari.encoders.store import open_encoder, read_encoder_file
before = resident()
imported = time.perf_counter(), time.process_time()
import tokenizers
library = time.perf_counter(), time.process_time()
folder = Path(sys.argv[1])
about = read_encoder_file((folder / CONFIG).read_bytes())
encoder = open_encoder(about, {path.name: path for path in folder.iterdir()})
opened = time.perf_counter(), time.process_time()
encoder.encode_texts(["a pair of red boots for children"], "query")
asked = time.perf_counter(), time.process_time()
for clock in (0, 1):
    print(library[clock] - imported[clock], opened[clock] - library[clock], asked[clock] - opened[clock])
print((resident() - before) / 1024)
"""


@dataclass(frozen=True)
class Cost:
    """Of doing something several times: median seconds of the processor, and least seconds by the clock."""

    processor: float
    clock: float


def cost(act: Callable[[], object], times: int) -> Cost:
    """Do something once to warm up, and so many times."""
    act()
    processor, clock = [], []
    for _ in range(times):
        start = time.process_time(), time.perf_counter()
        act()
        processor.append(time.process_time() - start[0])
        clock.append(time.perf_counter() - start[1])
    return Cost(statistics.median(processor), min(clock))


def of_length(encoder: TextEncoder, words: Sequence[str], tokens: int) -> str:
    """Put words together until the text has so many tokens, or one more."""
    text = ""
    for word in words:
        if len(encoder._tokenizer.read([text])[0].numbers) >= tokens:
            break
        text += f" {word}"
    return text.strip()


def in_batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Part texts into batches, as they lie."""
    yield from (texts[start : start + size] for start in range(0, len(texts), size))


def filled_up(encoder: TextEncoder, texts: Sequence[str], size: int) -> NDArray[np.float32]:
    """Encode texts of unlike length together, the longest of a batch first."""
    read = encoder._tokenizer.read(texts)
    order = sorted(range(len(texts)), key=lambda number: -len(read[number].numbers))
    found = np.empty((len(texts), encoder.dimensions), np.float32)
    for batch in in_batches([*map(str, order)], size):
        numbers = [*map(int, batch)]
        found[numbers] = encoder._embed([read[number] for number in numbers])
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def show_start(folder: Path, starts: int) -> None:
    """Print what a process pays before its first answer."""
    runs = []
    for _ in range(starts):
        done = subprocess.run([sys.executable, "-c", START, str(folder)], capture_output=True, text=True, check=True)
        clock, processor, memory = (list(map(float, line.split())) for line in done.stdout.splitlines())
        runs.append((clock, processor, memory))
    print("| start | ms, processor | ms, clock (least) |\n| --- | --- | --- |")
    for place, step in enumerate(("import tokenizers", "open graph and tokenizer", "first query")):
        processor = statistics.median(run[1][place] for run in runs)
        print(f"| {step} | {processor * 1e3:.0f} | {min(run[0][place] for run in runs) * 1e3:.0f} |")
    memory = statistics.median(run[2][0] for run in runs)
    print(f"\nMemory that it takes, beside numpy and onnxruntime: {memory:.0f} MB.\n")


def show_queries(encoder: TextEncoder, words: Sequence[str]) -> None:
    """Print what a query costs, by its length."""
    print("| tokens of a query | ms, processor | ms, clock (least) |\n| --- | --- | --- |")
    for tokens in LENGTHS:
        text = of_length(encoder, words, tokens)
        read = len(encoder._tokenizer.read([text])[0].numbers)
        spent = cost(lambda text=text: encoder.encode_texts([text], "query"), TIMES)  # type: ignore[misc]
        print(f"| {read} | {spent.processor * 1e3:.1f} | {spent.clock * 1e3:.1f} |")
    print()


def show_catalogue(encoder: TextEncoder, texts: Sequence[str], what: str) -> None:
    """Print how many texts are encoded a second, and what becomes of their embeddings."""
    ordered = sorted(texts, key=len)

    def ask(size: int) -> NDArray[np.float32]:
        parts = [encoder.encode_texts(batch, "passage").embeddings for batch in in_batches(ordered, size)]
        return np.concatenate(parts)

    ways: dict[str, Callable[[], NDArray[np.float32]]] = {
        "one by one": lambda: ask(1),
        f"equal lengths together, at most {TOGETHER} (the product)": lambda: ask(AT_ONCE),
        f"filled up, {TOGETHER} together": lambda: filled_up(encoder, ordered, TOGETHER),
        f"filled up, {AT_ONCE} together": lambda: filled_up(encoder, ordered, AT_ONCE),
    }
    alone = ask(1)
    tokens = [len(one.numbers) for one in encoder._tokenizer.read(ordered)]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    least = dict.fromkeys(ways, 1.0)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.process_time()
            found = way()
            seconds[name].append(time.process_time() - start)
            least[name] = min(least[name], float((found.astype(np.float64) * alone).sum(axis=1).min()))
    print(f"{len(ordered)} {what} of {statistics.mean(tokens):.0f} tokens in the mean, {max(tokens)} at most.\n")
    print("| way | a second of the processor | least cosine to alone |\n| --- | --- | --- |")
    for name in ways:
        print(f"| {name} | {len(ordered) / statistics.median(seconds[name]):.0f} | {least[name]:.6f} |")
    print()


def read_encoder(folder: Path | None) -> Bundle:
    """Read an encoder of texts out of a folder, or the default one."""
    if folder is None:
        from tonari_tools.models.text_default import read_default_texts

        return read_default_texts()
    bundle = read_bundle(folder)
    if bundle is None:
        sys.exit(f"{folder} holds no {CONFIG} of format 3.")
    return bundle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    with given.articles.open(newline="") as file:
        articles = list(csv.DictReader(file))
    chosen = articles[:: max(1, len(articles) // given.items)][: given.items]
    texts = [f"{row['title']}\n{row['text']}" for row in chosen]
    bundle = read_encoder(given.encoder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_bundle(folder, bundle)
        about = read_encoder_file(bundle.config)
        encoder = open_encoder(about, {file: folder / file for file in files_of(about)})
        if not isinstance(encoder, TextEncoder):
            sys.exit("This measures encoders of texts alone.")
        print(f"{encoder.name}, {sum(map(len, bundle.files.values())) / 1e6:.1f} MB\n")
        show_start(folder, given.starts)
        show_queries(encoder, " ".join(texts).split())
        show_catalogue(encoder, texts, "articles")
        show_catalogue(encoder, [row["title"] for row in chosen], "titles")


if __name__ == "__main__":
    main()
