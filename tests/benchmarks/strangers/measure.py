"""One catalogue: which of its own kind, and which strangers, reach the level that was learned without them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from strangers.statistics import FITTED, Catalogue, Score
from tonari.attributes.familiarity import KNOWN, MOST_ASKED, level_of
from tonari.catalogue.holdout import thirtieths

FOLDS = 10
SEED = 20
Z = 1.959964


@dataclass
class Outcome:
    """Of one statistic on one catalogue.

    Parameters
    ----------
    known : (N,) bool
        Whether each picture of the catalogue reached the level, while its group was held out.
    strange : (S,) bool
        Whether each stranger reached the level of the whole catalogue.
    at_95 : (S,) bool
        Whether it would if the level were the one that exactly 95 % of the held-out pictures reach.
    auc
        How often a held-out picture scores higher than a stranger.
    """

    known: np.ndarray
    strange: np.ndarray
    at_95: np.ndarray
    auc: float
    learned: dict[str, float] = field(default_factory=dict)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Interval of 95 % of a share [Wilson, JASA 22, 1927]."""
    if not n:
        return 0.0, 1.0
    share, z = hits / n, Z**2 / n
    middle, half = share + z / 2, Z * np.sqrt(share * (1 - share) / n + z / 4 / n)
    return max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))


def plain_level(scores: np.ndarray) -> float:
    """What as many reach, outliers and all; nothing is too low where there are too few to tell."""
    rank = math.floor(round((1 - KNOWN) * (len(scores) + 1), 9))
    return float(np.sort(scores)[rank - 1]) if rank else -np.inf


def fenced_level(scores: np.ndarray) -> float:
    """Do what a build does, for scores of any range."""
    lowest, widest = float(scores.min()), float(np.ptp(scores)) or 1.0
    level = level_of((scores - lowest) / widest).level
    return -np.inf if level is None else lowest + widest * level


LEVELS: dict[str, Callable[[np.ndarray], float]] = {
    f"{KNOWN:.1%}": plain_level,
    f"{KNOWN:.1%}, far out ones aside": fenced_level,
}


def run(
    catalogue: Catalogue, names: np.ndarray, strange: np.ndarray, statistics: Mapping[str, Score]
) -> dict[tuple[str, str], Outcome]:
    """Hold a tenth of the groups out in turn; ask the whole catalogue for the strangers.

    Parameters
    ----------
    names : (N,) str
        Of the groups: their hash deals them out.
    strange : (S, D)
    """
    part = thirtieths(names.tolist())
    outcomes = {}
    for name, score in statistics.items():
        held, folds = np.empty(len(part)), 3 if name in FITTED else FOLDS
        levels = {level: np.empty(len(part)) for level in LEVELS}
        for fold in range(folds):
            asks = part % folds == fold
            known = catalogue.take(~asks)
            own = score(known, *drawn(known))
            held[asks] = score(known, catalogue.rows[asks], None)
            for level, of in LEVELS.items():
                levels[level][asks] = of(own)
        own, far = score(catalogue, *drawn(catalogue)), score(catalogue, strange, None)
        order = np.sort(far)
        auc = float((np.searchsorted(order, held) + np.searchsorted(order, held, side="right")).mean() / 2 / len(far))
        for level, of in LEVELS.items():
            at = of(own)
            outcome = Outcome(held >= levels[level], far >= at, far >= np.quantile(held, 0.05), auc, {"level": at})
            outcomes[name, level] = outcome
    return outcomes


def drawn(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """Draw the pictures that a level is learned from."""
    chosen = np.random.default_rng(SEED).permutation(len(catalogue.rows))[:MOST_ASKED]
    return catalogue.rows[chosen], catalogue.group[chosen]
