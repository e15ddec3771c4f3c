"""How well words, embeddings and both together find articles, and pictures."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from attributes.data import Embedder, shop
from bm25s import BM25, tokenize
from numpy.typing import NDArray

from articles.served import Asked, served
from joint_pair import bundle_of, learn
from tonari.catalogue.holdout import unit_hash
from tonari.encoders.bundle import Bundle
from tonari.fields.schema import Field, Schema
from tonari.index.vectors import from_fixed
from tonari_tools.onnx.default import read_default

WAYS = ("lexical", "dense", "fused")
K = 10
ASKED = 1_000
SEED = 7
SPLITS, TAUGHT = 5, 0.5
LEAST_RIGHT = 3
"""Views that answer a query, below which it is not asked."""
ARTICLES = Schema({"topic": Field("string", searched=False), "title": Field("string"), "text": Field("string")})
PRODUCTS = Schema({one: Field("string") for one in ("name", "category", "color", "description")})


@dataclass
class Found:
    """What one way found: of each query the ids, and seconds of the processor."""

    ids: list[list[str]] = field(default_factory=list)
    seconds: float = 0.0


def articles(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [
            {"id": f"news-{row['doc']}", "topic": row["category"], "title": row["title"], "text": row["text"]}
            for row in csv.DictReader(file)
        ]


def ask(asked: Asked, queries: Sequence[dict[str, Any]], ways: Sequence[str]) -> dict[str, Found]:
    found = {}
    for way in ways:
        asked.seconds.clear()
        ids = [[item["id"] for item in asked.search(**one, retrieval=way, fields=[])] for one in queries]
        found[way] = Found(ids, float(np.median(asked.seconds)))
    return found


def like_this(rows: Sequence[dict[str, str]], embeddings: NDArray[np.float32], bundle: Bundle) -> list[str]:
    """Ask by titles for articles of the same topic, the article itself left out."""
    chosen = np.random.default_rng(SEED).choice(len(rows), ASKED, replace=False).tolist()
    topic = {row["id"]: row["topic"] for row in rows}
    queries = [{"text": rows[at]["title"], "k": K + 1} for at in chosen]
    with served(bundle, ARTICLES, rows, embeddings, "#1") as asked:
        found = ask(asked, queries, WAYS)
    lines = ["| way | same topic, precision@10 | ms |", "|---|---|---|"]
    for way, one in found.items():
        shares = []
        for at, ids in zip(chosen, one.ids, strict=True):
            others = [item for item in ids if item != rows[at]["id"]][:K]
            shares.append(sum(topic[item] == rows[at]["topic"] for item in others) / K)
        lines.append(f"| {way} | {np.mean(shares):.3f} ± {interval(shares):.3f} | {1000 * one.seconds:.1f} |")
    return lines


def known_item(rows: Sequence[dict[str, str]], bodies: NDArray[np.float32], bundle: Bundle) -> list[str]:
    """Ask by titles for the texts that they stood over; the titles are not searched."""
    chosen = np.random.default_rng(SEED).choice(len(rows), ASKED, replace=False).tolist()
    documents = [{name: value for name, value in row.items() if name != "title"} for row in rows]
    schema = Schema({name: one for name, one in ARTICLES.fields.items() if name != "title"})
    queries = [{"text": rows[at]["title"], "k": K} for at in chosen]
    with served(bundle, schema, documents, bodies, "#1") as asked:
        found = ask(asked, queries, WAYS)
    found["bm25s"] = peer([row["text"] for row in rows], rows, [query["text"] for query in queries])
    lines = ["| way | hit@1 | hit@10 | MRR@10 |", "|---|---|---|---|"]
    for way, one in found.items():
        places = [
            ids.index(rows[at]["id"]) + 1 if rows[at]["id"] in ids else 0
            for at, ids in zip(chosen, one.ids, strict=True)
        ]
        first = np.mean([place == 1 for place in places])
        hit = np.mean([place > 0 for place in places])
        reciprocal = np.mean([1 / place if place else 0 for place in places])
        lines.append(f"| {way} | {first:.3f} | {hit:.3f} | {reciprocal:.3f} |")
    return lines


def peer(texts: Sequence[str], rows: Sequence[dict[str, str]], queries: Sequence[str]) -> Found:
    model = BM25()
    model.index(tokenize(list(texts), stopwords="en", show_progress=False), show_progress=False)
    found, _ = model.retrieve(tokenize(list(queries), stopwords="en", show_progress=False), k=K, show_progress=False)
    return Found([[rows[at]["id"] for at in one] for one in found.tolist()])


def interval(shares: Sequence[float]) -> float:
    """Half of the interval of 95 %."""
    return float(1.96 * np.std(shares) / np.sqrt(len(shares)))


def products(data: Path) -> list[str]:
    """Ask for pictures by colour and category of products that the pair was not learned from.

    What is right is what the labels say. Lexical search has once all texts of a shop and once names and descriptions
    alone, for nobody has labelled everything.
    """
    embedder = Embedder()
    whole = shop("magento", data, embedder)
    embedded = from_fixed(embedder.embed("magento", len(whole), lambda _: b""))
    rows = [row for row in whole if row["color"] and row["category"]]
    embeddings = embedded[[int(row["row"]) for row in rows]]
    documents = [
        {
            "id": f"view-{row['row']}",
            "name": row["name"],
            "category": row["category"].replace("/", " "),
            "color": row["color"],
            "description": row["description"],
        }
        for row in rows
    ]
    built = read_default()
    outcome: dict[str, list[float]] = {}
    for split in range(SPLITS):
        asks = np.array([unit_hash(row["product"], f"split {split}") >= TAUGHT for row in rows])
        texts = [said(row) for row in rows]
        pair = learn(embeddings[~asks], [text for text, one in zip(texts, asks, strict=True) if not one])
        bundle = bundle_of(pair, built.model, built.config)
        held = np.flatnonzero(asks).tolist()
        pictures = pair.pictures.apply(embeddings[asks])
        queries = sorted({texts[at] for at in held})
        right = {text: {documents[at]["id"] for at in held if texts[at] == text} for text in queries}
        queries = [text for text in queries if len(right[text]) >= LEAST_RIGHT]
        for name, left_out in (("", ()), (" without colour and category", ("category", "color"))):
            kept = [{key: value for key, value in documents[at].items() if key not in left_out} for at in held]
            schema = Schema({one: about for one, about in PRODUCTS.fields.items() if one not in left_out})
            with served(bundle, schema, kept, pictures, "main.jpg") as asked:
                ways = [way for way in WAYS if not (name and way == "dense")]
                for way, one in ask(asked, [{"text": text, "k": K} for text in queries], ways).items():
                    shares = [
                        len(right[text] & {*ids}) / min(K, len(right[text]))
                        for text, ids in zip(queries, one.ids, strict=True)
                    ]
                    outcome.setdefault(f"{way}{name}", []).extend(shares)
    lines = ["| way | found of the first ten that are right | queries |", "|---|---|---|"]
    lines += [f"| {way} | {np.mean(one):.3f} ± {interval(one):.3f} | {len(one)} |" for way, one in outcome.items()]
    return lines


def said(row: dict[str, str]) -> str:
    """Say colour and the last part of the category, as somebody would type it."""
    return f"{row['color']} {row['category'].rsplit('/', 1)[-1]}".lower()
