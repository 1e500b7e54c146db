"""How well predictions agree with the truth, with bootstrap intervals over trials.

Every score is a function of sums over trials, so that a bootstrap resample is a weighting of
trials and all resamples are one matrix product.
"""

from __future__ import annotations

from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.detection import detection
from neuronio.surrogate.matching import SpikeList, spike_list
from neuronio.surrogate.measure import Measure, Scores
from neuronio.surrogate.points import Predictions, soma_from_sums, soma_sums
from neuronio.surrogate.spike_trains import spike_trains


def score(predictions: Predictions, called: SpikeList | None, resamples: Resamples) -> Scores:
    """All scores: name -> value, low, high; None where undefined (as without any spike).

    `auc`, `average_precision`, `tp_at_fp_0.0025`, `0.005` and `0.01` judge the spike probability of
    every ms; `spike_f1_Nms`, `van_rossum_10ms` and `rate_*` the spikes in `called`; `soma_*` the
    voltage (explained variance as a fraction).
    """
    found = measures(predictions, called)
    return {name: entry for m in found for name, entry in m.scores(resamples).items()}


def measures(p: Predictions, called: SpikeList | None) -> list[Measure]:
    """All scores as functions of the weights of trials."""
    spikes = spike_trains(spike_list(p.spikes), called, p.spikes.shape[1])
    return [detection(p), spikes, _soma(p)]


def _soma(p: Predictions) -> Measure:
    sums = soma_sums(p)
    return Measure.of_sums(lambda weight: soma_from_sums(weight @ sums), len(sums))
