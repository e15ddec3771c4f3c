"""Catalogues drawn as vectors: classes, things of a class, and shots of a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.fields.columns import ClassColumn, Column
from tonari.grouping import Found, Grounds, find_groups
from tonari.index.vectors import Views, quantise, to_fixed

DIMENSIONS = 48
CLASSES = 6


@dataclass(frozen=True)
class Drawn:
    """Items: of which thing each is, of which class, and its embedding."""

    thing: NDArray[np.int64]
    label: NDArray[np.int64]
    fixed: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.thing)


def draw(things: int, shots: int, spread: float, seed: int = 0) -> Drawn:
    """Draw ``shots`` of each thing, ``spread`` apart where things of a class are 1 apart."""
    random = np.random.default_rng(seed)
    classes = 1.5 * random.standard_normal((CLASSES, DIMENSIONS))
    label = np.arange(things) % CLASSES
    centres = classes[label] + random.standard_normal((things, DIMENSIONS))
    thing = np.repeat(np.arange(things), shots)
    vectors = centres[thing] + spread * random.standard_normal((len(thing), DIMENSIONS))
    return Drawn(thing, label[thing], to_fixed(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)))


def find(
    drawn: Drawn,
    ids: Sequence[str],
    columns: dict[str, Column] | None = None,
    split_by: str = "",
    values: Sequence[str] | None = None,
    file_names: Sequence[str] | None = None,
    attributes: tuple[str, ...] = ("kind",),
) -> Found:
    """Find groups; items lie in the order given, whatever their ids."""
    label = ClassColumn(drawn.label.astype(np.int8), tuple("abcdef"))
    views = Views(np.arange(len(drawn), dtype=np.int32), drawn.fixed, quantise(drawn.fixed)[0])
    names = file_names or ids
    grounds = Grounds(ids, names, split_by, values or ids, {"kind": label, **(columns or {})}, attributes, views, None)
    return find_groups(grounds)


def opaque(count: int, seed: int = 1) -> list[str]:
    """Give names that say nothing."""
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("abcdefghijklmnop"), 12).tolist()) for _ in range(count)]


def purity(group: NDArray[np.int64], thing: NDArray[np.int64]) -> tuple[float, float]:
    """Of the pairs in one group, the share of one thing; of the pairs of one thing, the share in one group."""
    together = group[:, None] == group
    same = thing[:, None] == thing
    np.fill_diagonal(together, val=False)
    np.fill_diagonal(same, val=False)
    both = np.count_nonzero(together & same)
    return both / max(np.count_nonzero(together), 1), both / max(np.count_nonzero(same), 1)
