"""What a fit is worth for classes that it has not seen."""

from __future__ import annotations

import numpy as np

from tonari_tools.fit.lda import usable_classes
from tonari_tools.fit.measure import Change, Metric, Parts, compare, enough, pool, unseen_metrics
from tonari_tools.fit.projection import to_unit
from tonari_tools.fit.sample import Sample
from tonari_tools.fit.solution import Solution
from tonari_tools.fit.split import deal_classes
from tonari_tools.fit.trial import CLASS_FOLDS, LEAST_CLASSES


def ask_unseen(sample: Sample, parts: Parts, found: Solution, seed: int) -> list[Change]:
    """Leave each class of an attribute out of one of four fits, and ask that fit for the held-out views of it.

    Returns
    -------
    Recall@1 and mAP@R of each attribute with :data:`LEAST_CLASSES` classes or more; nothing if nothing was chosen.
    """
    if found.parameters is None:
        return []
    fit = sample.take(parts.known)
    backbone = to_unit(sample.features)
    changes: list[Change] = []
    for name, codes in fit.labels.items():
        classes = usable_classes(codes, fit.item).tolist()
        before: list[list[Metric]] = []
        after: list[list[Metric]] = []
        for unseen in deal_classes(classes, CLASS_FOLDS, seed) if len(classes) >= LEAST_CLASSES else []:
            seen = np.flatnonzero(~np.isin(codes, unseen))
            projection = found.refit(seen)
            if projection is not None:
                vectors = projection.apply(sample.features)
                before.append(unseen_metrics(backbone, name, sample, parts.held, unseen))
                after.append(unseen_metrics(vectors, name, sample, parts.held, unseen))
        changes += compare(enough(pool(before).values()), enough(pool(after).values()), seed)
    return changes
