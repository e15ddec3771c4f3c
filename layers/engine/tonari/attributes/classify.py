"""One query -> the classes of an attribute in order, with probabilities where those are known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonari.attributes.calibrate import Calibration
from tonari.attributes.learn import AttributeModel
from tonari.attributes.vote import share_to_score, vote
from tonari.attributes.weights import Ranked
from tonari.contract.requests import Method

MOST_RANKED = 10


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one method predicts for one attribute.

    Parameters
    ----------
    ranked
        Up to ten classes, best first.
    method
        That predicted it.
    several
        The classes are tags.
    calibrated
        Whether the scores are probabilities.
    threshold
        Least probability at which a class is given as the value.
    """

    ranked: tuple[Ranked, ...]
    method: Method
    several: bool
    calibrated: bool = False
    threshold: float = 0.0

    @property
    def abstained(self) -> bool:
        """Whether the best class is too improbable to be given."""
        return self.calibrated and bool(self.ranked) and self.ranked[0].score < self.threshold

    @property
    def values(self) -> tuple[Any, ...]:
        """The classes that are given: one at most, or several tags."""
        given = self.ranked if self.several and self.calibrated else self.ranked[:1]
        return tuple(one.value for one in given if not self.calibrated or one.score >= self.threshold)


def by_weights(
    queries: NDArray[np.float32], learned: AttributeModel, method: Method, among: Collection[Any] | None = None
) -> Prediction:
    """Score classes by one matrix product.

    Parameters
    ----------
    queries : (Q, D) float32
        Several are averaged.
    method
        ``discriminant`` or ``means``.
    among
        The only classes that can be predicted, all if it is None. Probabilities are then shared among these; they are
        uncalibrated, for calibration took all classes.
    """
    weights = learned.means if method == "means" else learned.discriminant
    scores, classes = weights.scores(queries), weights.classes
    kept: list[int] | None = None
    if among is not None:
        kept = [code for code, value in enumerate(classes) if value in among]
        scores, classes = scores[kept], tuple(classes[code] for code in kept)
    if not classes:
        return Prediction((), method, learned.several)
    calibration = learned.calibrations.get(method)
    if calibration is not None:
        scale = calibration.scale if kept is None else calibration.scale.of(kept)
        scores = scale.probabilities(scores, several=learned.several)
    elif method == "discriminant" and not learned.several:
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    return _prediction(scores, classes, learned, method, calibration if among is None else None)


def by_vote(
    values: Sequence[Sequence[Any]], scores: Sequence[float], learned: AttributeModel, *, typical: bool
) -> Prediction:
    """Let neighbours vote.

    Parameters
    ----------
    values, scores
        The classes of each neighbour and its cosine similarity, nearest first.
    typical
        Whether as many neighbours vote, from as wide a range, as when the vote was calibrated.
    """
    ranked = vote(values, scores)
    calibration = learned.calibrations.get("vote") if typical else None
    if calibration is None or not ranked:
        return Prediction(tuple(ranked[:MOST_RANKED]), "vote", learned.several)
    share = {one.value: one.score for one in ranked}
    new = [value for value in share if value not in learned.classes]
    classes = (*learned.classes, *new)
    logits = share_to_score(np.array([share.get(value, 0.0) for value in classes]), several=learned.several)
    scale = calibration.scale.of([*range(len(learned.classes)), *(-1 for _ in new)]) if new else calibration.scale
    probabilities = scale.probabilities(logits, several=learned.several)
    return _prediction(probabilities, classes, learned, "vote", calibration)


def _prediction(
    scores: NDArray[Any],
    classes: tuple[Any, ...],
    learned: AttributeModel,
    method: Method,
    calibration: Calibration | None,
) -> Prediction:
    count = min(MOST_RANKED, len(classes))
    top = np.argpartition(-scores, count - 1)[:count] if count < len(classes) else np.arange(count)
    top = top[np.lexsort((top, -scores[top]))]
    ranked = tuple(Ranked(classes[code], float(scores[code])) for code in top.tolist())
    if calibration is None:
        return Prediction(ranked, method, learned.several)
    return Prediction(ranked, method, learned.several, calibrated=True, threshold=calibration.threshold)
