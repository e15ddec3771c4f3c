"""Linear heads trained by gradient descent with the losses of pytorch-metric-learning, beside the closed form.

SupCon [Khosla et al., arXiv:2004.11362], ArcFace [Deng et al., arXiv:1801.07698] and ProxyAnchor [Kim et al.,
arXiv:2003.13911]. The loss adds up over the attributes and the items. A head begins as the leading axes of the
features, nearly the backbone; how many steps it is trained for is chosen on an inner split of the fit part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from pytorch_metric_learning import losses
from torch.nn import functional

from tonari_tools.fit.cross_validation import DIMENSIONS
from tonari_tools.fit.fit_metrics import Parts, enough, measure, pool, score
from tonari_tools.fit.fit_sample import Sample, folds
from tonari_tools.fit.lda import to_unit, usable_classes

Train = Callable[[Sample, Parts, int], np.ndarray]
Loss = torch.nn.Module

BATCH, RATE, PROXY_RATE = 512, 2e-3, 0.1
MARKS = (10, 20, 50, 100, 200, 400, 800)
"""Steps that may be chosen."""
INNER_FOLDS = 5
LOSSES: dict[str, Callable[[int, int], Loss]] = {
    "SupCon": lambda _classes, _dimensions: losses.SupConLoss(temperature=0.2),
    "ArcFace": lambda classes, dimensions: losses.ArcFaceLoss(classes, dimensions, margin=17.2, scale=8),
    "ProxyAnchor": losses.ProxyAnchorLoss,
}


def trainers() -> dict[str, Train]:
    """Each head at the dimensions that it is shown at."""
    return {f"{name} {size}": _trainer(make, size) for name, make in LOSSES.items() for size in DIMENSIONS}


def _trainer(make: Callable[[int, int], Loss], size: int) -> Train:
    def train(sample: Sample, parts: Parts, seed: int) -> np.ndarray:
        fit = sample.take(parts.known)
        steps = _choose_steps(make, fit, size, seed)
        ((_, head),) = _train(make, fit, size, (steps,), seed)
        return to_unit(sample.features @ head)

    return train


def _choose_steps(make: Callable[[int, int], Loss], fit: Sample, size: int, seed: int) -> int:
    fold = folds(fit.group, INNER_FOLDS, seed)
    inner = Parts(np.flatnonzero(fold > 0), np.flatnonzero(fold == 0))
    before = pool([enough(measure(to_unit(fit.features), fit, inner, seed))])
    scores = {
        steps: score(before, pool([measure(to_unit(fit.features @ head), fit, inner, seed)]))
        for steps, head in _train(make, fit.take(inner.known), size, MARKS, seed)
    }
    return max(scores, key=lambda steps: (scores[steps], -steps))


def _tasks(sample: Sample) -> list[np.ndarray]:
    """Class of each view by attribute and by item, counted from 0; -1 where it has none that another item has too."""
    items, counts = np.unique(sample.item, return_counts=True)
    usable = [(codes, usable_classes(codes, sample.item)) for codes in sample.labels.values()]
    usable.append((sample.item, items[counts > 1]))
    return [_numbered(codes, classes) for codes, classes in usable if len(classes) > 1]


def _numbered(codes: np.ndarray, classes: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(classes, codes), len(classes) - 1)
    return np.where(classes[place] == codes, place, -1)


def _train(
    make: Callable[[int, int], Loss], taught: Sample, size: int, marks: Sequence[int], seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Train, and give the matrix ``(F, size)`` after each number of steps in ``marks``."""
    torch.manual_seed(seed)
    turns = np.random.default_rng(seed)
    axes = np.linalg.svd(taught.features, full_matrices=False)[2].T[:, :512]
    rows = torch.tensor(taught.features @ axes, dtype=torch.float32)
    tasks = [torch.tensor(column) for column in _tasks(taught)]
    head = torch.eye(rows.shape[1], min(size, rows.shape[1])).requires_grad_()
    made = [make(int(column.max()) + 1, head.shape[1]) for column in tasks]
    proxies = [parameter for loss in made for parameter in loss.parameters()]
    groups = [{"params": [head], "lr": RATE}, *([{"params": proxies, "lr": PROXY_RATE}] if proxies else [])]
    optimiser = torch.optim.Adam(groups)
    waiting = np.empty(0, np.int64)
    for step in range(1, marks[-1] + 1):
        if len(waiting) < min(BATCH, len(rows)):
            waiting = turns.permutation(len(rows))
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        vectors = functional.normalize(rows[batch] @ head, dim=1)
        known = [(loss, column[batch] >= 0, column[batch]) for loss, column in zip(made, tasks, strict=True)]
        optimiser.zero_grad()
        sum(loss(vectors[has], codes[has]) for loss, has, codes in known).backward()
        optimiser.step()
        if step in marks:
            yield step, axes @ head.detach().numpy().astype(np.float64)
