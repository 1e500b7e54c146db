"""How well predictions agree with the truth, with bootstrap intervals over trials.

Every score is a function of sums over trials, so that a bootstrap resample is a weighting of
trials and all resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.detection import detection
from neuronio.surrogate.matching import SpikeList, spike_list
from neuronio.surrogate.measure import Measure, Scores
from neuronio.surrogate.points import Predictions, voltage_scores, voltage_sums
from neuronio.surrogate.spike_trains import spike_trains


def score(
    predictions: Predictions,
    called: SpikeList | None,
    resamples: Resamples,
    further: Sequence[str] = (),
) -> Scores:
    """All scores: name -> value, low, high; None where undefined (as without any spike).

    `auc`, `average_precision`, `tp_at_fp_0.0025`, `0.005` and `0.01` judge the spike probability of
    every ms; `spike_f1_Nms`, `van_rossum_10ms` and `rate_*` the spikes in `called`; `soma_*` the
    voltage (explained variance as a fraction), and likewise what is named in `further`.
    """
    found = measures(predictions, called, further)
    return {name: entry for m in found for name, entry in m.scores(resamples).items()}


def measures(
    p: Predictions, called: SpikeList | None, further: Sequence[str] = ()
) -> list[Measure]:
    """All scores as functions of the weights of trials."""
    spikes = spike_trains(spike_list(p.spikes), called, p.spikes.shape[1])
    found = [detection(p), spikes, _voltage("soma", p.soma_mV, p.predicted_mV)]
    if p.further_mV is not None and p.predicted_further_mV is not None:
        for v, name in enumerate(further):
            found.append(_voltage(name, p.further_mV[..., v], p.predicted_further_mV[..., v]))
    return found


def _voltage(name: str, true_mV: np.ndarray, predicted_mV: np.ndarray) -> Measure:
    sums = voltage_sums(true_mV, predicted_mV)
    return Measure.of_sums(lambda weight: voltage_scores(weight @ sums, name), len(sums))
