"""What filters, facets and lists cost over a million items: `.venv/bin/python tests/benchmarks/filters.py [items]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tonari.fields.columns import ClassColumn, Column, ListColumn, NumberColumn
from tonari.fields.facets import count_facet
from tonari.fields.filters import parse_filter
from tonari.fields.masks import evaluate
from tonari.fields.order import first_by_value
from tonari.fields.schema import Field, Schema

REPEATS = 30
SCHEMA = Schema(
    {
        "price": Field("number"),
        "color": Field("string"),
        "brand": Field("string"),
        "stock": Field("boolean"),
        "tags": Field("strings"),
    }
)


def make_columns(items: int) -> dict[str, Column]:
    """Prices, ten colours, 10,000 brands (few are frequent), a flag, and three of 500 tags (few are frequent)."""
    random = np.random.default_rng(0)
    brand = np.minimum(random.zipf(1.2, items), 10_000) - 1
    tag = np.minimum(random.zipf(1.2, 3 * items), 500) - 1
    pairs = np.unique(tag.astype(np.int64) * items + np.tile(np.arange(items), 3))
    price = np.round(random.lognormal(3, 1, items), 2)
    price[random.random(items) < 0.05] = np.nan
    return {
        "price": NumberColumn(price),
        "color": ClassColumn(random.integers(-1, 10, items).astype(np.int8), tuple(f"c{n}" for n in range(10))),
        "brand": ClassColumn(brand.astype(np.int16), tuple(f"b{n:05}" for n in range(10_000))),
        "stock": ClassColumn(random.integers(0, 2, items).astype(np.int8), (False, True)),
        "tags": ListColumn(
            (pairs // items).astype(np.int32),
            (pairs % items).astype(np.int32),
            tuple(f"t{n:03}" for n in range(500)),
            items,
        ),
    }


def brands(*numbers: int) -> list[str]:
    return [f"b{number:05}" for number in numbers]


FILTERS: dict[str, Any] = {
    "number below": {"price": {"$lt": 20}},
    "number range": {"price": {"$gte": 10, "$lt": 50}},
    "number of 5": {"price": {"$in": [5, 10, 15, 20, 25]}},
    "number of 100": {"price": {"$in": list(range(100))}},
    "1 of 10 classes": {"color": "c3"},
    "3 of 10 classes": {"color": {"$in": ["c1", "c4", "c7"]}},
    "8 of 10 classes": {"color": {"$in": [f"c{n}" for n in range(8)]}},
    "1 of 10,000, frequent": {"brand": "b00000"},
    "1 of 10,000, rare": {"brand": "b05000"},
    "5 of 10,000": {"brand": {"$in": brands(0, 1, 10, 100, 5000)}},
    "1,000 of 10,000": {"brand": {"$in": brands(*range(1000))}},
    "not a class": {"color": {"$ne": "c3"}},
    "field exists": {"price": {"$exists": True}},
    "tag, frequent": {"tags": "t000"},
    "tag, rare": {"tags": "t300"},
    "5 tags": {"tags": {"$in": ["t000", "t001", "t010", "t100", "t300"]}},
    "400 tags": {"tags": {"$in": [f"t{n:03}" for n in range(100, 500)]}},
    "tagged at all": {"tags": {"$exists": True}},
    "and of 4": {"price": {"$lt": 50}, "stock": True, "color": {"$in": ["c1", "c4", "c7"]}, "tags": "t000"},
    "or of 3": {"$or": [{"color": "c1"}, {"brand": "b00003"}, {"tags": "t001"}]},
    "not of or": {"$not": {"$or": [{"color": "c1"}, {"price": {"$gt": 100}}]}},
}


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Give the least and the median."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return min(times), float(np.median(times))


def main() -> None:
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    columns = make_columns(items)
    print(f"{items:,} items, {REPEATS} runs, milliseconds\n\n| filter | matching | least | median |\n|---|---|---|---|")
    for name, raw in FILTERS.items():
        tree = parse_filter(raw, SCHEMA)
        share = np.count_nonzero(evaluate(tree, columns, items)) / items
        least, median = milliseconds(lambda tree=tree: evaluate(tree, columns, items))
        print(f"| {name} | {share:.2%} | {least:.2f} | {median:.2f} |")
    print("\n| facet over half of them | least | median |\n|---|---|---|")
    mask = evaluate(parse_filter({"stock": True}, SCHEMA), columns, items)
    for name, column in columns.items():
        least, median = milliseconds(lambda column=column: count_facet([(column, mask)]))
        print(f"| {name} | {least:.2f} | {median:.2f} |")
    print("\n| the first ten in the order of a field, half of them in range | least | median |\n|---|---|---|")
    for name in ("price", "brand", "stock"):
        for descending, paged in ((False, None), (True, None), (False, True)):
            last = (middle_of(columns[name]), items // 2) if paged else None
            least, median = milliseconds(
                lambda name=name, descending=descending, last=last: first_by_value(
                    columns[name], mask, 10, descending=descending, after=last
                )
            )
            what = f"{name}{', descending' if descending else ', from the middle' if last else ''}"
            print(f"| {what} | {least:.2f} | {median:.2f} |")


def middle_of(column: Column) -> Any:
    """Give a value from the middle of a column."""
    match column:
        case NumberColumn(values):
            return float(np.nanmedian(values))
        case ClassColumn(_, classes):
            return classes[len(classes) // 2]
    raise ValueError("lists have no order")


if __name__ == "__main__":
    main()
