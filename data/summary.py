"""What is inside a shard, for a reader at a terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neuronio.data.shard import Shard
from neuronio.sections import flattened

SHOWN = (
    "cell",
    "generator",
    "split",
    "dataset_seed",
    "engine",
    "integrator",
    "inputs_from",
    "t0_artefact",
    "git_revision",
    "neuron_version",
)


def summary_lines(path: str | Path) -> list[str]:
    """How the shard was made, its size, rates and voltages.

    Raises:
        NeuronIOError: the file cannot be read.
    """
    with Shard(path) as shard:
        n, seconds = len(shard), len(shard) * shard.duration_ms / 1000
        inputs = [shard.inputs(i) for i in range(n)]
        spikes = [len(shard.spike_ms(i)) for i in range(n)]
        soma = np.stack([shard.soma_mV(i) for i in range(n)])
        excitatory = sum(trial.n_excitatory for trial in inputs)
        inhibitory = sum(trial.n_events for trial in inputs) - excitatory
        optional = {"soma at 8 kHz": shard.has_soma_8khz, "every segment": shard.has_segments}
        kept = [name for name, held in optional.items() if held]
        facts = {key: shard.info[key] for key in SHOWN if key in shard.info}
        facts |= {
            "trials": f"{n} of {shard.duration_ms} ms ({Path(path).stat().st_size / 1e6:.1f} MB)",
            "segments": f"{shard.n_segments} ({shard.n_synapses:,} synapses)",
            "traces": ", ".join(["soma and nexus at 1 kHz", *kept]),
            "output": f"{sum(spikes):,} spikes, {sum(spikes) / seconds:.3f} Hz, "
            f"{min(spikes)} to {max(spikes)} a trial",
            "input": f"{excitatory / seconds:,.0f} excitatory and {inhibitory / seconds:,.0f} "
            "inhibitory spikes/s",
            "soma": f"mean {soma.mean():.3f} mV, sd {soma.std():.3f} mV",
            "failed": len(shard.info.get("failed") or {}),
            "retried": len(shard.info.get("retried") or {}),
        }
    return [f"{key:<16}{_told(value)}" for key, value in facts.items()]


def _told(value: object) -> str:
    """A fact in words: settings by name, one after the other."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {setting}" for name, setting in flattened(value))
    return str(value)
