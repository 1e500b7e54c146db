"""Samples of two sequences: one model encodes each, and a head names the class of both."""

from __future__ import annotations

import torch
from torch import nn

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import ModelOptions
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.building import build_model


class PairClassifier(Surrogate):
    """Two sequences encoded by one model, what it reads out at their last steps; a head on both.

    The head sees [e1, e2, e1 e2, e1 - e2] of the encodings e1 and e2, and has two hidden layers, of
    as many units as an encoding and of half as many, as that of the Long Range Arena (Tay et al.
    2021, arXiv 2011.04006) has.

    Args:
        encoder: of sequences, whose outputs are the encoding.
        classes: how many.
    """

    def __init__(self, encoder: Surrogate, classes: int) -> None:
        super().__init__(encoder.options)
        wide = encoder.options.outputs
        half = max(1, wide // 2)
        self.encoder, self.classes = encoder, classes
        self.head = nn.Sequential(
            nn.Linear(4 * wide, wide),
            nn.ReLU(),
            nn.Linear(wide, half),
            nn.ReLU(),
            nn.Linear(half, classes),
        )

    def at_last(self, events: EventBatch) -> torch.Tensor:
        """Logits of B samples, (B, classes), from 2 B rows: both of a sample follow each other."""
        first_be, second_be = self.encoder.at_last(events).unflatten(0, (-1, 2)).unbind(1)
        both = [first_be, second_be, first_be * second_be, first_be - second_be]
        return self.head(torch.cat(both, dim=1))

    def state_size(self) -> int | None:
        """Of the encoder."""
        return self.encoder.state_size()

    def count_multiply_adds(self) -> int:
        """The encoder's per step of a sequence; the head's come once a sample."""
        return self.encoder.count_multiply_adds()


def build_classifier(
    model: str, options: ModelOptions, rows: int, classes: int, *, seed: int = 0
) -> Surrogate:
    """A freshly initialised classifier of samples of one row or of two; the same seed gives the
    same weights.

    Raises:
        NeuronIOError: as `build_model`.
    """
    built = build_model(model, options, seed=seed)
    if rows == 1:
        return built
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PairClassifier(built, classes)
