"""The trials that a score rests on: who is scored, whether they fit, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.errors import NeuronIOError
from neuronio.surrogate.further_targets import FurtherTargets
from neuronio.surrogate.inference import check_scored
from neuronio.surrogate.load import LoadedModel, fitted_trials
from neuronio.surrogate.protocol import Protocol
from neuronio.surrogate.store import TrialStore


def open_for(
    model: LoadedModel, paths: Sequence[Path], further: FurtherTargets | None = None
) -> TrialStore:
    """The trials of shards, for a model to predict.

    Args:
        further: the targets beside spikes and soma to read with them.

    Raises:
        NeuronIOError: they have another number of synapses than the model, or a trial comes twice.
    """
    store = TrialStore(paths, further=further)
    wanted = model.module.options.inputs
    if store.n_synapses != wanted:
        raise NeuronIOError(
            f"{store.paths[0]} has {store.n_synapses} synapses, but the model takes {wanted}; "
            "give data of the cell that it was fitted to"
        )
    return store


def scored_trials(store: TrialStore, protocol: Protocol) -> list[int]:
    """The trials that a protocol scores.

    Raises:
        NeuronIOError: there are none, or they end before scores begin.
    """
    check_scored(store, protocol)
    return protocol.kept([store.n_spikes(i) for i in range(len(store))])


def described(store: TrialStore, trials: Sequence[int], spikes: np.ndarray) -> dict[str, Any]:
    """What was scored, and where it comes from.

    Args:
        trials: those scored; spikes: theirs, (trials, ms) bool, over the scored ms.
    """
    scored_s = spikes.size / 1000
    return {
        "trials_scored": len(trials),
        "trials_left_out": len(store) - len(trials),
        "scored_s": scored_s,
        "spikes": int(spikes.sum()),
        "spike_rate_hz": float(spikes.sum() / scored_s),
        **store.provenance(),
    }


def seen_in_fit(model: LoadedModel, store: TrialStore) -> bool:
    """Whether a model was fitted to, or chosen on, any trial, whatever file it lies in."""
    checksums, names = fitted_trials(model.config or {})
    files = store.provenance()["files"]
    return not names.isdisjoint(store.names) or any(f["content_sha256"] in checksums for f in files)
