"""How fast fitted neurons step in a network: neuron-ms per second.

    python benchmarks/network.py [--json FILE] [--threads 2] [--quick]

1,000 neurons with 1,278 synapses, each connected to 100 random synapses of others with delays of 1
to 10 ms, and Poisson background at the rate of NeuronIO; spikes are drawn from the model's
probability. The weights are those before training but for the logit's bias, which sets a rate near
5 Hz: what a step costs does not depend on them. All is counted, drawing the background and sending
spikes included; a figure is the best of several stretches. Real time is 1 million neuron-ms/s.
Beside it stands what one core does, from the CPU time, which other work on the machine sways less.
"""

from __future__ import annotations

import time
from typing import Any

import machine
from command import command
from steps import BUSY  # before torch

# isort: split
import numpy as np
import torch

from neuronio.surrogate.compiled_step import fast_stepper
from neuronio.surrogate.families import FAMILIES, sized_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.network import (
    CHUNK_MS,
    Connections,
    Firing,
    Network,
    PoissonBackground,
)

MODELS = (("branch_elm", 20), ("pooled_elm", 20))
NEURONS, CONNECTIONS, SYNAPSES = 1000, 100, 1278
BACKGROUND_HZ = 12.0  # of each synapse: 15 spikes per ms over all
LOGIT_BIAS = -5.3


def run(*, quick: bool = False, threads: int = 2) -> dict[str, Any]:
    """Neuron-ms per second of every model, in PyTorch and compiled.

    Args:
        quick: few neurons and one short stretch, to see that it works; the figures mean nothing.
        threads: for every way alike.
    """
    torch.set_num_threads(threads)
    neurons, stretch_ms, stretches = (50, CHUNK_MS, 1) if quick else (NEURONS, CHUNK_MS, 20)
    runs = []
    for name, size in MODELS:
        if name not in FAMILIES:
            continue
        for way in ("pytorch", "compiled"):
            network, background = make_network(name, size, way, neurons)
            found = measure(network, background, stretch_ms, stretches)
            runs.append({"model": name, "size": size, "way": way, **found})
    shape = {"neurons": neurons, "connections": CONNECTIONS, "synapses": SYNAPSES}
    told = {"threads": threads, "sleeping_threads": BUSY, "machine": machine.facts()}
    return {**shape, **told, "runs": runs}


def make_network(name: str, size: int, way: str, neurons: int) -> tuple[Network, Any]:
    """A random network, and its background."""
    torch.manual_seed(0)
    model = build_model(name, sized_options(name, size, {"inputs": SYNAPSES})).eval()
    with torch.no_grad():
        model.readout.bias[0] = LOGIT_BIAS
    connections = Connections.random(
        neurons, min(CONNECTIONS, neurons), SYNAPSES, np.random.default_rng(0)
    )
    rows = model.stream(neurons) if way == "pytorch" else fast_stepper(model, neurons)
    background = PoissonBackground(neurons, SYNAPSES, BACKGROUND_HZ, BACKGROUND_HZ)
    return Network(rows, connections, Firing()), iter(background)


def measure(network: Network, background: Any, stretch_ms: int, stretches: int) -> dict[str, float]:
    """Neuron-ms per second and per CPU second, each of its best stretch, and the mean rate, Hz.

    A stretch is a whole number of the background's draws.
    """
    least_s = least_cpu_s = float("inf")
    rates = []
    for _ in range(stretches):
        started, cpu = time.perf_counter(), time.process_time()
        rates.append(network.run(background, stretch_ms).rate_hz)
        least_s = min(least_s, time.perf_counter() - started)
        least_cpu_s = min(least_cpu_s, time.process_time() - cpu)
    done = network.neurons.rows * stretch_ms
    return {
        "neuron_ms_per_s": done / least_s,
        "neuron_ms_per_cpu_s": done / least_cpu_s,
        "rate_hz": float(np.mean(rates)),
    }


def lines(results: dict[str, Any]) -> list[str]:
    """The results for a terminal."""
    head = (
        f"{results['neurons']:,} neurons, {results['connections']} connections each, "
        f"{results['threads']} threads"
    )
    out = [head]
    if results["sleeping_threads"]:
        out.append("the machine is busy: waiting threads sleep, all figures are worse than need be")
    return out + [
        f"{row['model']:<12}{row['size']:>4}  {row['way']:<10}"
        f"{row['neuron_ms_per_s'] / 1e6:>7.2f} million neuron-ms/s, "
        f"{row['neuron_ms_per_cpu_s'] / 1e6:.2f} a core, at {row['rate_hz']:.1f} Hz"
        for row in results["runs"]
    ]


if __name__ == "__main__":
    command(__doc__, run, lines)
