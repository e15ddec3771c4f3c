"""Three ways to an attribute's value: class means, plain or through their covariance, and the vote."""

from tonari.attributes.calibrate import Calibration, Method
from tonari.attributes.evidence import Evidence
from tonari.attributes.files import learned_from_arrays, learned_to_arrays, weights_from_arrays, weights_to_arrays
from tonari.attributes.labels import SAMPLED_ITEMS, Grouping, Labels, Sample, draw, labels_of
from tonari.attributes.learn import Learned, Studied, learn, study
from tonari.attributes.predict import Prediction, by_vote, by_weights
from tonari.attributes.vote import VOTERS, predict_by_vote, vote
from tonari.attributes.weights import ClassWeights, Ranked, class_means, predict_by_means

__all__ = [
    "SAMPLED_ITEMS",
    "VOTERS",
    "Calibration",
    "ClassWeights",
    "Evidence",
    "Grouping",
    "Labels",
    "Learned",
    "Method",
    "Prediction",
    "Ranked",
    "Sample",
    "Studied",
    "by_vote",
    "by_weights",
    "class_means",
    "draw",
    "labels_of",
    "learn",
    "learned_from_arrays",
    "learned_to_arrays",
    "predict_by_means",
    "predict_by_vote",
    "study",
    "vote",
    "weights_from_arrays",
    "weights_to_arrays",
]
