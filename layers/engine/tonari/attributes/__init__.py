"""Three ways to an attribute's value: class means, plain or through their covariance, and the vote."""

from tonari.attributes.arrays import learned_from_arrays, learned_to_arrays, weights_from_arrays, weights_to_arrays
from tonari.attributes.calibrate import Calibration
from tonari.attributes.classify import Prediction, by_vote, by_weights
from tonari.attributes.labels import SAMPLED_ITEMS, Grouping, Labels, Sample, draw, labels_of
from tonari.attributes.learn import AttributeModel, CrossValidated, learn, quality_report, study
from tonari.attributes.vote import VOTERS, predict_by_vote, vote
from tonari.attributes.weights import ClassWeights, Ranked, class_means, predict_by_means
from tonari.contract.findings import Method

__all__ = [
    "SAMPLED_ITEMS",
    "VOTERS",
    "AttributeModel",
    "Calibration",
    "ClassWeights",
    "CrossValidated",
    "Grouping",
    "Labels",
    "Method",
    "Prediction",
    "Ranked",
    "Sample",
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
    "quality_report",
    "study",
    "vote",
    "weights_from_arrays",
    "weights_to_arrays",
]
