"""What a trained head is judged by while it learns. Needs torch.

Each loss adds up over tasks, which are the attributes and the items; a view whose code is -1 has no part in a task.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPERATURE = 0.2
MARGIN = 0.3
SCALE = 8.0
EDGE = 1e-6
"""So far from 1 and -1 cosines stay: the arc cosine has no slope there."""


class Loss(Protocol):
    """A loss and what it learns itself."""

    proxies: Sequence[torch.Tensor]

    def __call__(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Judge vectors (B, D) of length 1, float32, whose classes are ``codes`` (B, T), int64."""


class SupCon:
    """Supervised contrastive loss [Khosla et al., arXiv:2004.11362], every view of a batch against all others."""

    def __init__(self, classes: Sequence[int], dimensions: int, random: torch.Generator) -> None:
        del classes, dimensions, random
        self.proxies: Sequence[torch.Tensor] = ()

    def __call__(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """See :class:`Loss`."""
        likeness = vectors @ vectors.T / TEMPERATURE
        own = torch.eye(len(codes), dtype=torch.bool)
        return sum((_contrast(likeness, own, column) for column in codes.T), vectors.new_zeros(()))


def _contrast(likeness: torch.Tensor, own: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    has = codes >= 0
    alike = (codes[:, None] == codes[None]) & has[None] & ~own
    asked = alike.any(dim=1) & has
    if not asked.any():
        return likeness.new_zeros(())
    all_others = torch.logsumexp(likeness.masked_fill(own | ~has[None], -torch.inf), dim=1)[asked]
    return (all_others - (likeness * alike).sum(dim=1)[asked] / alike.sum(dim=1)[asked]).mean()


class ArcFace:
    """Additive angular margin [Deng et al., arXiv:1801.07698]: one learned proxy per class of each task."""

    def __init__(self, classes: Sequence[int], dimensions: int, random: torch.Generator) -> None:
        self.proxies: Sequence[torch.Tensor] = [
            torch.randn(count, dimensions, generator=random).requires_grad_() for count in classes
        ]

    def __call__(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """See :class:`Loss`."""
        tasks = zip(self.proxies, codes.T, strict=True)
        return sum((_classify(vectors, proxies, column) for proxies, column in tasks), vectors.new_zeros(()))


def _classify(vectors: torch.Tensor, proxies: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    has = codes >= 0
    if not has.any():
        return vectors.new_zeros(())
    cosines = vectors[has] @ functional.normalize(proxies, dim=1).T
    right = functional.one_hot(codes[has], len(proxies)).bool()
    angles = torch.arccos(cosines.clamp(EDGE - 1, 1 - EDGE))
    moved = torch.where(right, torch.cos((angles + MARGIN).clamp(max=math.pi)), cosines)
    return functional.cross_entropy(moved * SCALE, codes[has])
