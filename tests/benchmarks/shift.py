"""A search with `shift` beside its alternatives: python tests/benchmarks/shift.py DATA (folders magento and spree).

Each item of a product whose labels were not learned from is asked for in another colour, one that other products of its
category have. Of the first ten: how many have that colour; how many are of the item's category; how many of those that
are both were found; whether the same product in that colour is among them; and whether the first one is both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from attributes.data import Embedder, shop
from numpy.typing import NDArray

from tonari.attributes import shift
from tonari.attributes.crossfit import USUAL
from tonari.attributes.discriminant import class_statistics, discriminant
from tonari.attributes.labels import Grouping, Labels, draw
from tonari.attributes.learn import AttributeModel
from tonari.attributes.shift import move
from tonari.attributes.weights import plain_means
from tonari.index.vectors import from_fixed

FIRST = 10
LEAST_WANTED = 3
LEAST_PRODUCTS = {"magento": 4, "spree": 3}
SPLITS = 4
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Goods:
    """Items (product and colour) with their views."""

    embeddings: Rows
    item: NDArray[np.int32]
    fixed: NDArray[np.int16]
    color: NDArray[np.str_]
    category: NDArray[np.str_]
    product: NDArray[np.str_]


def read(name: str, data: Path, embedder: Embedder) -> Goods:
    """Read a data set: of magento the pictures that show one thing, of spree the departments."""
    rows = shop(name, data, embedder)
    fixed = embedder.embed(name, len(rows), lambda _: b"")
    if name == "magento":
        rows = [row for row in rows if row["view"] in ("main", "back") and row["color"]]
    keys = [(row["product"], row["color"] if name == "magento" else row["path"]) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: keys[place])
    names = sorted(set(keys))
    place = {key: number for number, key in enumerate(names)}
    first = {place[keys[number]]: rows[number] for number in reversed(order)}
    products: dict[str, set[str]] = {}
    for row in rows:
        products.setdefault(row["color"], set()).add(row["product"])
    fixed = fixed[[int(rows[number]["row"]) for number in order]]
    embeddings = from_fixed(fixed)
    items = [first[number] for number in range(len(names))]
    return Goods(
        embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True),
        np.array([place[keys[number]] for number in order], np.int32),
        fixed,
        np.array([row["color"] if len(products[row["color"]]) >= LEAST_PRODUCTS[name] else "" for row in items]),
        np.array([row["category"].partition(" -> ")[0] for row in items]),
        np.array([row["product"] for row in items]),
    )


def learn(values: NDArray[np.str_], goods: Goods, taught: NDArray[np.bool_]) -> AttributeModel:
    """Learn an attribute from some of the items, in the form that is usual."""
    items = np.flatnonzero(taught & (values != ""))
    classes, codes = np.unique(values[items], return_inverse=True)
    _, group = np.unique(goods.product, return_inverse=True)
    labels = Labels(items, codes.astype(np.int64), tuple(classes.tolist()), several=False)
    sample = draw(labels, goods.item, goods.fixed, Grouping(group.astype(np.int64), group % 10))
    statistics = class_statistics(sample, several=False)
    weights = discriminant(statistics, labels.classes, USUAL)
    means = plain_means(statistics.item_means, statistics.sampled, labels.classes)
    return AttributeModel(False, means, weights, USUAL, {})


@dataclass(frozen=True)
class Wish:
    """One item, and the colour that it is wanted in."""

    goods: Goods
    query: Rows
    item: int
    wanted: str
    color: AttributeModel
    category: AttributeModel

    @property
    def means(self) -> dict[str, Rows]:
        return dict(zip(self.color.means.classes, self.color.means.weights, strict=True))

    @property
    def weights(self) -> dict[str, Rows]:
        return dict(zip(self.color.discriminant.classes, self.color.discriminant.weights, strict=True))


def wishes(goods: Goods) -> Iterator[Wish]:
    """Draw a colour for each item of the quarter of the products that taught nothing, in each split."""
    for seed in range(SPLITS):
        random = np.random.default_rng(seed)
        products = np.unique(goods.product)
        held_out = np.isin(goods.product, random.choice(products, len(products) // 4, replace=False))
        color, category = (learn(values, goods, ~held_out) for values in (goods.color, goods.category))
        for item in np.flatnonzero(held_out & (goods.color != "")).tolist():
            like = (goods.category == goods.category[item]) & (goods.product != goods.product[item])
            could = [
                one
                for one in color.classes
                if one != goods.color[item] and np.count_nonzero(like & (goods.color == one)) >= LEAST_WANTED
            ]
            if could and goods.color[item] in color.classes and goods.category[item] in category.classes:
                wanted = could[int(random.integers(len(could)))]
                yield Wish(goods, goods.embeddings[goods.item == item][:1], item, wanted, color, category)


def asked(wish: Wish) -> Rows:
    return wish.query


def moved(wish: Wish, *, reach: float, keep: bool) -> Rows:
    shift.REACH = reach
    return move(wish.query, [(wish.color, wish.wanted)], [wish.category] if keep else []).embeddings


def along_means(wish: Wish, *, step: float) -> Rows:
    return wish.query + step * (wish.means[wish.wanted] - wish.means[str(wish.goods.color[wish.item])])


def along_weights(wish: Wish, *, step: float) -> Rows:
    """As far along the difference of weights as the difference of means goes by the discriminant's score."""
    present = str(wish.goods.color[wish.item])
    way = wish.weights[wish.wanted] - wish.weights[present]
    length = way @ (wish.means[wish.wanted] - wish.means[present]) / (way @ way)
    return wish.query + step * length * way


def mixed(wish: Wish, *, share: float) -> Rows:
    mean = wish.means[wish.wanted]
    return (1 - share) * wish.query + share * mean / np.linalg.norm(mean)


WAYS: dict[str, tuple[Callable[[Wish], Rows], bool]] = {
    "no shift": (asked, False),
    "filter alone": (asked, True),
    **{f"shift, reach {b:g}": (partial(moved, reach=b, keep=True), False) for b in (1, 1.5, 2, 3)},
    "shift, reach 2, and filter": (partial(moved, reach=2, keep=True), True),
    "shift, reach 1, and filter": (partial(moved, reach=1, keep=True), True),
    "shift, reach 2, nothing kept": (partial(moved, reach=2, keep=False), False),
    **{f"{t:g} x difference of means": (partial(along_means, step=t), False) for t in (1, 1.5, 2)},
    **{f"{t:g} x difference of weights": (partial(along_weights, step=t), False) for t in (2, 4, 6)},
    **{f"{a:g} of the mean, {1 - a:g} of the query": (partial(mixed, share=a), False) for a in (0.3, 0.5, 0.7)},
}
HEAD = ("wanted", "kept", "both found", "same product", "first is both", "cosine")


def judge(wish: Wish, rows: Rows, *, filtered: bool) -> list[float]:
    """Search, and look at the first ten."""
    goods, row = wish.goods, rows[0] / np.linalg.norm(rows[0])
    scores = np.full(len(goods.color), -np.inf)
    np.maximum.at(scores, goods.item, goods.embeddings @ row)
    scores[wish.item] = -np.inf
    if filtered:
        scores[goods.color != wish.wanted] = -np.inf
    first = np.argsort(-scores)[:FIRST]
    first = first[np.isfinite(scores[first])]
    wanted = goods.color == wish.wanted
    kept = goods.category == goods.category[wish.item]
    twins = wanted & (goods.product == goods.product[wish.item])
    return [
        np.count_nonzero(wanted[first]) / FIRST,
        np.count_nonzero(kept[first]) / FIRST,
        np.count_nonzero((wanted & kept)[first]) / min(FIRST, np.count_nonzero(wanted & kept)),
        float(twins[first].any()) if twins.any() else np.nan,
        float((wanted & kept)[first[0]]),
        float(row @ wish.query[0]),
    ]


def main(data: Path) -> None:
    embedder = Embedder()
    for name in LEAST_PRODUCTS:
        goods = read(name, data, embedder)
        every = list(wishes(goods))
        print(f"\n{name}: {len(goods.color)} items, {len(every)} wishes in {SPLITS} splits\n")
        print(f"| way | {' | '.join(HEAD)} |\n| --- |{' --- |' * len(HEAD)}")
        for way, (query, filtered) in WAYS.items():
            figures = np.nanmean([judge(wish, query(wish), filtered=filtered) for wish in every], axis=0)
            print(f"| {way} | {' | '.join(f'{one:.2f}' for one in figures)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
