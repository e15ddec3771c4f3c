"""Three ways to an attribute's value: class means, plain or through their covariance, and the vote."""

from tonari.attributes.arrays import learned_from_arrays, learned_to_arrays
from tonari.attributes.calibrate import Calibration
from tonari.attributes.classify import Prediction, by_vote, by_weights
from tonari.attributes.described import Described, with_described
from tonari.attributes.familiarity import learn_familiarity
from tonari.attributes.labels import Grouping, Labels, Sample, draw, labels_of
from tonari.attributes.learn import AttributeModel, CrossValidated, study
from tonari.attributes.vote import VOTERS, vote
from tonari.attributes.weights import ClassWeights, Ranked, plain_means
from tonari.contract.requests import Method

__all__ = [
    "VOTERS",
    "AttributeModel",
    "Calibration",
    "ClassWeights",
    "CrossValidated",
    "Described",
    "Grouping",
    "Labels",
    "Method",
    "Prediction",
    "Ranked",
    "Sample",
    "by_vote",
    "by_weights",
    "draw",
    "labels_of",
    "learn_familiarity",
    "learned_from_arrays",
    "learned_to_arrays",
    "plain_means",
    "study",
    "vote",
    "with_described",
]
