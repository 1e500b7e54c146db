"""The integrator's noise floor: the same trials integrated otherwise, scored as if by a model.

A bursting neuron amplifies small errors: two integrators, or two time steps, put some spikes
elsewhere. A run predicts another no better than that, and what differs between them is nothing
that a model could learn. It is no strict bound: a probability may score higher than a second run,
which is as certain where it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.config import EvaluationConfig
from neuronio.data.shard import Shard
from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.recipe import code, made_with
from neuronio.surrogate.evaluate import scores_of
from neuronio.surrogate.inference import check_scored
from neuronio.surrogate.matching import spike_list
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.protocol import Protocol, SomaScale
from neuronio.surrogate.recipes import PACKAGES
from neuronio.surrogate.reference_scores import FLOOR_SOURCE, without_model
from neuronio.surrogate.scored import described
from neuronio.surrogate.store import Trial, TrialStore

NAME = "integrator floor"
CALLED = "no threshold: the spikes of the other run are those called"


def floor_scores(
    test_shards: Sequence[Path], again_shards: Sequence[Path], settings: EvaluationConfig
) -> dict[str, Any]:
    """Score a second integration of the same trials as if it were a prediction of the first.

    The logit of a ms is minus its distance in ms to the nearest spike of the other run, the
    spikes called are the other run's, and so is the soma voltage, clipped as the truth is.

    Args:
        test_shards: the trials that models are scored on.
        again_shards: some or all of them, integrated otherwise; those that are not among them are
            left out.

    Returns:
        A document of the form of an evaluation: name 'integrator floor', source 'floor', without
        parameters.

    Raises:
        NeuronIOError: the shards do not hold the same trials, or none is left to score.
    """
    test, again, protocol = TrialStore(test_shards), TrialStore(again_shards), Protocol.of(settings)
    check_scored(test, protocol)
    pairs = _pairs(test, again)
    kept = [pairs[i] for i in protocol.kept([test.n_spikes(first) for first, _ in pairs])]
    whole = [_as_predicted(test[first], again[second]) for first, second in kept]
    seen = Predictions(
        *(np.stack(rows)[:, protocol.ignore_ms :] for rows in zip(*whole, strict=True))
    )
    other = np.stack([again[second].spikes[protocol.ignore_ms :] for _, second in kept])
    data = described(test, [first for first, _ in kept], seen.spikes)
    return {
        "format": 3,
        "name": NAME,
        "model": without_model(NAME, FLOOR_SOURCE),
        "settings": settings.model_dump(),
        "protocol": protocol.words(),
        "data": {**data, "seen_in_fit": False},
        "again": again.provenance(),
        "spike_threshold": {"logit": None, "probability": None, "chosen_on": CALLED, "files": []},
        **scores_of(seen, spike_list(other), settings),
        "legacy": {},
        **made_with(*PACKAGES),
        "code": code("neuronio.surrogate.floor"),
    }


def nearest_spike_ms(spikes: np.ndarray) -> np.ndarray:
    """(T,) distance of every bin of a trial to the nearest spike, ms; T where there is none."""
    bins = np.arange(len(spikes))
    at = np.flatnonzero(spikes)
    if not len(at):
        return np.full(len(spikes), len(spikes))
    after = np.minimum(np.searchsorted(at, bins), len(at) - 1)
    before = np.maximum(after - 1, 0)
    return np.minimum(np.abs(at[after] - bins), np.abs(at[before] - bins))


def _as_predicted(truth: Trial, again: Trial) -> tuple[np.ndarray, ...]:
    """What `Predictions` holds, of one whole trial."""
    scale = SomaScale()
    logit = -nearest_spike_ms(again.spikes).astype(np.float32)
    return truth.spikes, logit, scale.clipped(truth.soma_mV), scale.clipped(again.soma_mV)


def _pairs(test: TrialStore, again: TrialStore) -> list[tuple[int, int]]:
    """Where in both stores the trials of the second are, in the order of the first.

    Raises:
        NeuronIOError: a trial is not in the first, or has other inputs there.
    """
    first, second = _numbers(test), _numbers(again)
    if strange := sorted(set(second) - set(first)):
        raise NeuronIOError(
            f"trial {strange[0]} of {again.paths[0]} and the shards given with it is not among the "
            "test trials; give the same trials integrated again"
        )
    shared = [index for index in first if index in second]
    for index in shared:
        if not _same_inputs(test[first[index]].inputs, again[second[index]].inputs):
            raise NeuronIOError(
                f"trial {index} has other inputs in {again.paths[0]} and the shards given with it "
                "than among the test trials; give the same trials integrated again"
            )
    return [(first[index], second[index]) for index in shared]


def _numbers(store: TrialStore) -> dict[int, int]:
    """Index of each trial in its dataset -> where it is in the store.

    Raises:
        NeuronIOError: two trials have the same index.
    """
    found: dict[int, int] = {}
    for path in store.paths:
        with Shard(path) as shard:
            for index in shard.trial_index.tolist():
                if index in found:
                    raise NeuronIOError(
                        f"{path} holds trial {index}, which another shard given with it holds "
                        "too; give shards of one split, each once"
                    )
                found[index] = len(found)
    return found


def _same_inputs(a: InputEvents, b: InputEvents) -> bool:
    same = a.n_segments == b.n_segments and np.array_equal(a.offset, b.offset)
    return same and np.array_equal(a.synapse, b.synapse)
