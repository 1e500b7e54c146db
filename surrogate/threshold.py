"""The logit at which a model calls a spike, and where it was chosen.

On validation data, never on the data that is reported, unless there is no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.special import expit

from neuronio.errors import NeuronIOError
from neuronio.surrogate.inference import predictions
from neuronio.surrogate.load import LoadedModel
from neuronio.surrogate.matching import SpikeList, best_threshold, called_spikes
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.scored import open_for, scored_trials
from neuronio.surrogate.store import TrialStore

FROM_FIT = "validation data of the fit"
FROM_GIVEN = "validation data given to the evaluation"
FROM_SAME = "the evaluated data itself: F1 is optimistic"


@dataclass(frozen=True)
class Threshold:
    """Where a model calls a spike.

    Attributes:
        logit: the least that is called; None where the data to choose it on have no spike.
        chosen_on: what it was chosen on, in words; files: the shards, where they were given.
    """

    logit: float | None
    chosen_on: str
    files: tuple[Path, ...] = ()

    def called(self, p: Predictions) -> SpikeList | None:
        """The spikes that are called; None without a threshold."""
        return None if self.logit is None else called_spikes(p.logit, self.logit)

    def document(self) -> dict[str, Any]:
        """The threshold as JSON."""
        return {
            "logit": self.logit,
            "probability": None if self.logit is None else float(expit(self.logit)),
            "chosen_on": self.chosen_on,
            "files": [str(path) for path in self.files],
        }


def threshold_for(
    model: LoadedModel,
    scored: TrialStore,
    seen: Predictions,
    valid: Sequence[Path],
    protocol: Protocol,
    device: str,
) -> Threshold:
    """The threshold with the best F1 (within 2 ms) on validation data.

    Args:
        scored: the trials that are reported; seen: their predictions, for a model that has no
            validation data.
        valid: shards to choose it on instead of the fit's own.

    Raises:
        NeuronIOError: those shards do not fit the model, or hold a trial that is reported.
    """
    if valid:
        store = open_for(model, valid)
        if not set(store.names).isdisjoint(scored.names):
            raise NeuronIOError(
                "the threshold is to be chosen on trials that are scored, which makes F1 "
                "optimistic; give other shards to choose it on, or none"
            )
        trials = scored_trials(store, protocol)
        given = predictions(model.module, store, trials, protocol, device)
        return Threshold(best_threshold(given.spikes, given.logit), FROM_GIVEN, tuple(valid))
    if model.threshold is not None:
        return Threshold(model.threshold, FROM_FIT)
    return Threshold(best_threshold(seen.spikes, seen.logit), FROM_SAME)
