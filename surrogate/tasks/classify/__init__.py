"""Sequences with a label each: what the class is, said at a sequence's last step."""

from neuronio.surrogate.tasks.classify.evaluate import evaluate_classifier
from neuronio.surrogate.tasks.classify.fit import (
    ClassifierSpec,
    classifier_options,
    fit_classifier,
)
from neuronio.surrogate.tasks.classify.source import Facts, FixedSource, Source

__all__ = [
    "ClassifierSpec",
    "Facts",
    "FixedSource",
    "Source",
    "classifier_options",
    "evaluate_classifier",
    "fit_classifier",
]
