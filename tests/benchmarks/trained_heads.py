"""Heads trained by gradient descent: those of the package, and pytorch-metric-learning's ProxyAnchor."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from tonari_tools.fit.trained import LOSSES, teach
from tonari_tools.fit.training import MakeLoss

from tonari_tools.fit.choose import DIMENSIONS
from tonari_tools.fit.measure import Parts
from tonari_tools.fit.sample import Sample

Train = Callable[[Sample, Parts, int], np.ndarray]

TITLES = {"supcon": "SupCon", "arcface": "ArcFace"}


class ProxyAnchor:
    """One proxy per class and per item [Kim et al., arXiv:2003.13911], as pytorch-metric-learning has it."""

    def __init__(self, classes: Sequence[int], dimensions: int, random: torch.Generator) -> None:
        from pytorch_metric_learning.losses import ProxyAnchorLoss

        self._losses = [ProxyAnchorLoss(count, dimensions) for count in classes]
        self.proxies = [loss.proxies for loss in self._losses]
        for proxies in self.proxies:
            deviation = math.sqrt(2 / len(proxies))
            torch.nn.init.normal_(proxies, std=deviation, generator=random)

    def __call__(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        total = vectors.new_zeros(())
        for loss, column in zip(self._losses, codes.T, strict=True):
            has = column >= 0
            total = total + loss(vectors[has], column[has])
        return total


def trainers() -> dict[str, Train]:
    """Each head at the dimensions that it is shown at; steps are chosen within the fit part."""
    found = {
        f"{TITLES[name]} {size}": _trainer(name, make, size) for name, make in LOSSES.items() for size in DIMENSIONS
    }
    if importlib.util.find_spec("pytorch_metric_learning"):
        found[f"ProxyAnchor {DIMENSIONS[-1]}"] = _trainer("ProxyAnchor", ProxyAnchor, DIMENSIONS[-1])
    return found


def _trainer(name: str, make: MakeLoss, size: int) -> Train:
    def train(sample: Sample, parts: Parts, seed: int) -> np.ndarray:
        found = teach(name, make, sample.take(parts.known), (size,), seed)
        return found.projection.apply(sample.features)

    return train
