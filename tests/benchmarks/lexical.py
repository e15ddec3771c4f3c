"""How well, how quickly and within what space items are found by words, beside bm25s and rank_bm25.

    python tests/benchmarks/lexical.py ag_news.csv [--labels magento/labels.csv] [--items 100000]

bm25s and rank_bm25 are imported where they are installed. All get the same terms (``tonari.words.analysis``, stemmed),
so that indexes are compared and not analyses.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tonari.fields.schema import Field, Schema
from tonari.words import word_index
from tonari.words.analysis import STOP_WORDS, terms_of
from tonari.words.searched import FoundBy, searched_of
from tonari.words.word_index import WordIndex, build, lay_over, look, stem

Documents = Sequence[dict[str, str]]
QUERIES = 300


def stemmed(text: str) -> list[str]:
    return stem([term for term in terms_of(text) if term not in STOP_WORDS])


def found_by(documents: Documents, title: int, fields: Sequence[str]) -> Iterator[FoundBy]:
    searched = searched_of(Schema({name: Field("string") for name in fields}))
    weights = {name: title if weight > 1 else 1 for name, weight in searched.weights.items()}
    searched = type(searched)(searched.fields, weights)
    for number, document in enumerate(documents):
        yield searched.found_by(f"item-{number}", document)


class Ours:
    def __init__(self, documents: Documents, fields: Sequence[str], title: int = 3) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.count = len(documents)
        self.everything = np.ones(self.count, np.bool_)
        self.terms = [set(stemmed(" ".join(document.values()))) for document in documents] if self.count < 1e4 else []
        build(Path(self.folder.name), found_by(documents, title, fields))
        self.index = WordIndex(Path(self.folder.name))

    @property
    def bytes(self) -> int:
        return sum(one.stat().st_size for one in Path(self.folder.name).iterdir())

    def search(self, text: str, k: int) -> list[int]:
        return [int(one) for one in self.index.search(look(text), k, self.everything, None, "{:09}".format).numbers]

    def all_words_first(self, text: str, k: int) -> list[int]:
        """Search, and put items that have all of the words before the others."""
        best, terms = self.search(text, 200), set(look(text).terms)
        return sorted(best, key=lambda number: not terms <= self.terms[number])[:k]


def peers(documents: Documents) -> dict[str, Callable[[], Callable[[str, int], list[int]]]]:
    texts = [stemmed(" ".join(document.values())) for document in documents]
    found: dict[str, Callable[[], Callable[[str, int], list[int]]]] = {}
    try:
        import bm25s  # type: ignore[import-not-found,import-untyped,unused-ignore]

        def open_bm25s() -> Callable[[str, int], list[int]]:
            index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
            index.index(texts, show_progress=False)
            return lambda text, k: index.retrieve([stemmed(text)], k=k, show_progress=False)[0][0].tolist()

        found["bm25s"] = open_bm25s
    except ImportError:
        print("bm25s is not installed")
    try:
        from rank_bm25 import BM25Okapi  # type: ignore[import-not-found,import-untyped,unused-ignore]

        def open_rank() -> Callable[[str, int], list[int]]:
            index = BM25Okapi(texts, k1=1.2, b=0.75)
            return lambda text, k: np.argsort(-index.get_scores(stemmed(text)), kind="stable")[:k].tolist()

        found["rank_bm25"] = open_rank
    except ImportError:
        print("rank_bm25 is not installed")
    return found


def some_words(random: np.random.Generator, text: str, count: int) -> str:
    words = [word for word in text.split() if any(sign.isalnum() for sign in word)]
    return " ".join(words[place] for place in sorted(random.permutation(len(words))[:count].tolist()))


def timed(search: Callable[[str, int], list[int]], queries: Sequence[str], k: int = 10) -> tuple[float, float]:
    taken = []
    for text in queries:
        began = time.perf_counter()
        search(text, k)
        taken.append(1e3 * (time.perf_counter() - began))
    return float(np.median(taken)), float(np.quantile(taken, 0.95))


def recall(search: Callable[[str, int], list[int]], asked: Sequence[tuple[str, int]], k: int) -> float:
    return float(np.mean([number in search(text, k) for text, number in asked]))


def show(name: str, **figures: float) -> None:
    print(name, json.dumps({what: round(value, 4) for what, value in figures.items()}), flush=True)


def articles_found(articles: Documents, topics: Sequence[str]) -> None:
    """Whether articles are found by titles where texts are searched, and by words of both; whether topics agree."""
    random = np.random.default_rng(0)
    chosen = [number for number in random.permutation(len(articles)).tolist() if stemmed(articles[number]["title"])]
    chosen = [number for number in chosen if len(articles[number]["text"].split()) > 12][:QUERIES]
    texts = [{"text": article["text"]} for article in articles]
    by_title = [(articles[number]["title"], number) for number in chosen]
    for name, search in {"ours": Ours(texts, ["text"]).search, **{n: o() for n, o in peers(texts).items()}}.items():
        show(f"text by its title, {name}", hit1=recall(search, by_title, 1), hit10=recall(search, by_title, 10))
    for weight in (1, 2, 3, 5):
        both = Ours(articles, ["title", "text"], weight)
        figures, random = {}, np.random.default_rng(1)
        for what, count in (("title", 3), ("text", 3), ("text", 5)):
            asked = [(some_words(random, articles[number][what], count), number) for number in chosen]
            asked = [one for one in asked if stemmed(one[0])]
            figures[f"{count} words of the {what}, hit@10"] = recall(both.search, asked, 10)
            figures[f"{count} words of the {what}, all words first, hit@10"] = recall(both.all_words_first, asked, 10)
        same = [
            np.mean([topics[near] == topics[number] for near in both.search(text, 11) if near != number][:10] or [0])
            for text, number in by_title
        ]
        show(f"title and text, titles x{weight}", **figures, same_topic_at_10=float(np.mean(same)))


def speed(articles: Documents, count: int) -> None:
    """Milliseconds a query, seconds and bytes of an index of many."""
    random = np.random.default_rng(1)
    many = [dict(articles[number % len(articles)]) for number in range(count)]
    for number, article in enumerate(many):
        article["text"] = " ".join([article["text"], f"copy{number // len(articles)}"])
    chosen = random.permutation(len(articles))[:QUERIES].tolist()
    queries = {
        "3 words": [some_words(random, articles[number]["text"], 3) + " say" for number in chosen],
        "title": [f"{articles[number]['title']} say" for number in chosen],
    }
    before, began = _peak(), time.perf_counter()
    ours = Ours(many, ["title", "text"])
    show("ours", index_seconds=time.perf_counter() - began, megabytes=ours.bytes / 1e6, more_memory=_peak() - before)
    for name, texts in queries.items():
        show(f"ours, {name}", **dict(zip(("p50_ms", "p95_ms"), timed(ours.search, texts), strict=True)))
    ranges(ours, queries["3 words"])
    overlay(ours, many)
    for peer, opened in peers(many).items():
        before, began = _peak(), time.perf_counter()
        search = opened()
        show(peer, index_seconds=time.perf_counter() - began, more_memory=_peak() - before)
        for name, texts in queries.items():
            some = texts[:: 1 if peer == "bm25s" else 30]
            show(f"{peer}, {name}", **dict(zip(("p50_ms", "p95_ms"), timed(search, some), strict=True)))


def ranges(ours: Ours, queries: Sequence[str]) -> None:
    """Compare the two ways to search a range: by the numbers of its items, and by the best of all, more and more."""
    for share in (0.001, 0.01, 0.1, 0.5):
        mask = np.random.default_rng(0).random(ours.count) < share
        for way, few in (("numbers", ours.count), ("best of all", 0)):
            word_index.FEW = few

            def search(text: str, k: int, mask: np.ndarray = mask) -> list[int]:
                return [int(one) for one in ours.index.search(look(text), k, mask, None, "{:09}".format).numbers]

            show(f"range {share}, {way}", **dict(zip(("p50_ms", "p95_ms"), timed(search, queries[:60]), strict=True)))
    word_index.FEW = 256


def overlay(ours: Ours, many: Documents, changed: int = 5_000) -> None:
    """Lay changed items over an index of many."""
    fresh = list(found_by(many[:changed], 3, ["title", "text"]))
    began = time.perf_counter()
    list(found_by(many[:changed], 3, ["title", "text"]))
    analysed = time.perf_counter()
    lay_over(Path(ours.folder.name), fresh, ours.count, range(changed))
    laid = time.perf_counter()
    index = WordIndex(Path(ours.folder.name))
    show(
        "overlay", analysis=analysed - began, laid=laid - analysed, opened=time.perf_counter() - laid, items=len(index)
    )


def products_found(path: Path) -> None:
    """Whether products of a colour and a category come for both words."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    fields = ["name", "category", "color", "material", "style", "description"]
    items = list({(row["product"], row["color"]): row for row in rows if row["color"]}.values())
    documents = [{name: row[name] for name in fields} for row in items]
    kinds = [(row["color"], row["category"].split("/")[-1]) for row in items]
    asked = {kind for kind in kinds if kinds.count(kind) >= 3}
    for weight in (1, 2, 3):
        ours = Ours(documents, fields, weight)
        figures = [
            np.mean([kinds[near] == kind for near in ours.search(" ".join(kind), min(10, kinds.count(kind)))])
            for kind in sorted(asked)
        ]
        show(f"colour and category, names x{weight}", queries=len(asked), precision=float(np.mean(figures)))
        figures = [
            np.mean([kinds[near] == kind for near in ours.all_words_first(" ".join(kind), min(10, kinds.count(kind)))])
            for kind in sorted(asked)
        ]
        show("the same, items with all words first", precision=float(np.mean(figures)))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("articles", type=Path)
    reading.add_argument("--labels", type=Path)
    reading.add_argument("--items", type=int, default=100_000)
    asked = reading.parse_args()
    with asked.articles.open(newline="") as file:
        rows = list(csv.DictReader(file))
    articles = [{"title": row["title"], "text": row["text"]} for row in rows]
    articles_found(articles, [row["category"] for row in rows])
    if asked.labels:
        products_found(asked.labels)
    speed(articles, asked.items)


if __name__ == "__main__":
    main()
