"""Small made-up samples whose truth is known."""

from __future__ import annotations

import numpy as np

from tonari_tools.fit.fit_sample import Sample
from tonari_tools.fit.lda import to_unit


def world(
    items: int = 120,
    views: int = 3,
    features: int = 24,
    classes: tuple[int, ...] = (5, 6),
    seed: int = 0,
    nuisance: float = 3.0,
) -> Sample:
    """Each attribute and the item itself own a few coordinates; far louder noise per view lies in the others."""
    random = np.random.default_rng(seed)
    item = np.repeat(np.arange(items), views)
    rows = random.normal(size=(len(item), features)) * nuisance
    labels = {}
    start = 0
    for number, count in enumerate(classes):
        of = random.permutation(np.arange(items) % count)
        width = 3
        centres = random.normal(size=(count, width))
        rows[:, start : start + width] = centres[of[item]] + 0.25 * random.normal(size=(len(item), width))
        labels[f"attribute{number}"] = of[item].astype(np.int64)
        start += width
    rows[:, start : start + 4] = random.normal(size=(items, 4))[item] + 0.3 * random.normal(size=(len(item), 4))
    mixing = np.linalg.qr(random.normal(size=(features, features)))[0]
    return Sample(to_unit(rows @ mixing), item, item.copy(), labels)


def held_out(sample: Sample, share: float = 0.3, seed: int = 1) -> np.ndarray:
    groups = np.unique(sample.group)
    chosen = np.random.default_rng(seed).permutation(groups)[: round(share * len(groups))]
    return np.isin(sample.group, chosen)
