"""Linear heads trained by gradient descent: the same features, labels and parts as the closed form has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from tonari.local.fit.measure import Parts
    from tonari.local.fit.sample import Sample

STEPS = 100
BATCH = 1024
RATE = 1e-4
DECAY = 1e-4
TEMPERATURE = 0.1


def supcon(sample: Sample, parts: Parts, dimensions: int, seed: int) -> np.ndarray:
    """Supervised contrastive loss, summed over attributes and items [Khosla et al., arXiv:2004.11362]."""
    return _train(sample, parts, dimensions, seed, lambda _: _contrast)


def proxy_anchor(sample: Sample, parts: Parts, dimensions: int, seed: int) -> np.ndarray:
    """One proxy per class and per item [Kim et al., arXiv:2003.13911], as pytorch-metric-learning has it."""
    from pytorch_metric_learning.losses import ProxyAnchorLoss

    return _train(sample, parts, dimensions, seed, lambda classes: ProxyAnchorLoss(classes, dimensions))


def _train(sample: Sample, parts: Parts, dimensions: int, seed: int, make: Callable[[int], Callable]) -> np.ndarray:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    mean = sample.features[parts.known].mean(axis=0)
    features = torch.tensor(sample.features - mean, dtype=torch.float32)
    features /= features[torch.tensor(parts.known)].std(dim=0).mean()
    tasks = _tasks(sample, parts)
    head = torch.nn.Linear(features.shape[1], dimensions, bias=False)
    torch.nn.init.orthogonal_(head.weight)
    losses = [make(int(codes.max()) + 1) for codes in tasks]
    proxies = [one for loss in losses if isinstance(loss, torch.nn.Module) for one in loss.parameters()]
    groups = [{"params": head.parameters(), "weight_decay": DECAY}, {"params": proxies, "lr": 100 * RATE}]
    optimiser = torch.optim.AdamW(groups[: 1 + bool(proxies)], lr=RATE)
    for _ in range(STEPS):
        rows = random.permutation(len(parts.known))[:BATCH]
        vectors = functional.normalize(head(features[parts.known[rows]]), dim=1)
        total = torch.zeros(())
        for codes, loss in zip(tasks, losses, strict=True):
            has = codes[rows] >= 0
            total = total + loss(vectors[torch.tensor(has)], torch.tensor(codes[rows][has]))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    with torch.no_grad():
        return functional.normalize(head(features), dim=1).numpy()


def _tasks(sample: Sample, parts: Parts) -> list[np.ndarray]:
    """Class of each known view, by attribute and by item; items of one view teach nothing."""
    items, place, counts = np.unique(sample.item[parts.known], return_inverse=True, return_counts=True)
    tasks = [codes[parts.known] for codes in sample.labels.values()]
    if (counts > 1).any():
        several = np.flatnonzero(counts > 1)
        number = np.full(len(items), -1)
        number[several] = np.arange(len(several))
        tasks.append(number[place])
    return tasks


def _contrast(vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    likeness = vectors @ vectors.T / TEMPERATURE
    own = torch.eye(len(codes), dtype=torch.bool)
    alike = (codes[:, None] == codes[None]) & ~own
    odds = likeness - torch.logsumexp(likeness.masked_fill(own, -torch.inf), dim=1, keepdim=True)
    asked = alike.any(dim=1)
    return -((odds * alike).sum(dim=1)[asked] / alike.sum(dim=1)[asked]).mean()
