"""`python tests/benchmarks/articles AG_NEWS.csv DATA`: texts searched and predicted, beside scikit-learn and bm25s.

AG_NEWS.csv has the columns doc, category, title and text; DATA holds the folder magento with a labels.csv. The texts
are encoded by the default encoder of texts (`make .venv/.text`), and kept in the temporary folder: four minutes on one
thread. It needs scikit-learn and bm25s, which belong in a virtualenv of their own: see requirements.txt. Prints tables
in Markdown. `--only` names one of topics, similar, known, products, starts.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:1] = [str(Path(__file__).resolve().parents[1])]
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

import numpy as np
from attributes.report import machine

from articles.retrieval import articles, known_item, like_this, products
from articles.start import starts
from articles.topics import topics
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import load_encoder, save_bundle
from tonari.storage.folder import FolderBucket
from tonari_tools.models.text_default import read_default_texts

TOGETHER = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("articles", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--only", default="", choices=("", "topics", "similar", "known", "products", "starts"))
    arguments = parser.parse_args()
    bundle, rows = read_default_texts(), articles(arguments.articles)
    parts: dict[str, Callable[[], list[str]]] = {
        "topics": lambda: topics(rows, embedded(bundle, "whole", whole(rows)), arguments.splits),
        "similar": lambda: like_this(rows, embedded(bundle, "whole", whole(rows)), bundle),
        "known": lambda: known_item(rows, embedded(bundle, "bodies", [row["text"] for row in rows]), bundle),
        "products": lambda: products(arguments.data),
        "starts": lambda: starts(rows, embedded(bundle, "whole", whole(rows)), bundle),
    }
    for name, part in parts.items():
        if arguments.only in ("", name):
            print("\n".join([f"## {name}", "", *part(), ""]), flush=True)
    print(f"Encoder of the texts: {bundle.id[:12]}. {machine()}.")


def whole(rows: list[dict[str, str]]) -> list[str]:
    return [f"{row['title']}\n{row['text']}" for row in rows]


def embedded(bundle: Bundle, name: str, texts: list[str]) -> np.ndarray:
    """(N, D) float32: encoded once, then kept."""
    folder = Path(tempfile.gettempdir()) / "tonari-articles" / bundle.id[:16]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{len(texts)}.npy"
    if not path.exists():
        (folder / "bucket").mkdir(exist_ok=True)
        bucket = FolderBucket(folder / "bucket", "http://localhost")
        encoder = load_encoder(bucket, save_bundle(bucket, bundle), folder / "cache")
        starts = range(0, len(texts), TOGETHER)
        np.save(
            path,
            np.concatenate([encoder.encode_texts(texts[at : at + TOGETHER], "passage").embeddings for at in starts]),
        )
    return np.load(path)


if __name__ == "__main__":
    main()
