"""Gradient descent on a linear map: what it learns from, and its steps. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from tonari.local.fit.lda import usable_classes
from tonari.local.fit.projection import project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tonari.local.fit.lda import Axes
    from tonari.local.fit.losses import Loss
    from tonari.local.fit.projection import Projection
    from tonari.local.fit.sample import Sample

BATCH = 512
RATE = 2e-3
PROXY_RATE = 0.1

MakeLoss: TypeAlias = "Callable[[Sequence[int], int, torch.Generator], Loss]"
"""From the number of classes of each task, the dimensions and what draws."""


@dataclass(frozen=True, slots=True)
class Training:
    """What is chosen.

    Parameters
    ----------
    loss
        Its name.
    dimensions
        Of the head.
    steps
        Of gradient descent.
    """

    loss: str
    dimensions: int
    steps: int

    @property
    def method(self) -> str:
        """What was done, in a line."""
        return f"linear head trained by {self.loss} over all attributes and items"

    @property
    def summary(self) -> str:
        """What was chosen, in a line."""
        return f"{self.loss}, {self.steps} steps"


def find_tasks(sample: Sample) -> NDArray[np.int64]:
    """Find what a head can learn from: the attributes, and the items.

    Classes of one item and items of one view teach nothing, nor does a task that has one class left.

    Returns
    -------
    (N, T) int64
        Class of each view in each task, counted from 0; -1 where it has none.
    """
    items, counts = np.unique(sample.item, return_counts=True)
    usable = [(codes, usable_classes(codes, sample.item)) for codes in sample.labels.values()]
    usable.append((sample.item, items[counts > 1]))
    columns = [_number(codes, classes) for codes, classes in usable if len(classes) > 1]
    return np.stack(columns, axis=1) if columns else np.empty((len(sample), 0), np.int64)


def _number(codes: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    place = np.minimum(np.searchsorted(classes, codes), len(classes) - 1)
    return np.where(classes[place] == codes, place, -1)


def train(
    make: MakeLoss, taught: Sample, axes: Axes, dimensions: int, marks: Sequence[int], seed: int
) -> Iterator[tuple[int, Projection]]:
    """Train, and give the map after each number of steps in ``marks``.

    It begins as the leading axes. Features are not centred: where labels say little it stays nearly the backbone.
    """
    tasks = find_tasks(taught)
    random, turns = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    rows = torch.tensor(axes.along(taught.features), dtype=torch.float32)
    codes = torch.tensor(tasks)
    head = torch.eye(rows.shape[1], min(dimensions, rows.shape[1])).requires_grad_()
    loss = make([int(column.max()) + 1 for column in tasks.T], head.shape[1], random)
    groups = [{"params": [head], "lr": RATE}, {"params": list(loss.proxies), "lr": PROXY_RATE}]
    optimiser = torch.optim.Adam([group for group in groups if group["params"]])
    waiting = np.empty(0, np.int64)
    for step in range(1, marks[-1] + 1):
        if len(waiting) < min(BATCH, len(rows)):
            waiting = turns.permutation(len(rows))
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        optimiser.zero_grad()
        loss(functional.normalize(rows[batch] @ head, dim=1), codes[batch]).backward()
        optimiser.step()
        if step in marks:
            yield step, project(axes, head.detach().numpy().astype(np.float64))
