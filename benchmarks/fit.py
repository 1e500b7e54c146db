"""How fast surrogates train and predict: ours beside the published way, in one run.

    python benchmarks/fit.py [--json FILE] [--threads 2] [--quick]

A training step is forward, loss after the burn-in, backward and Adam on windows of 500 ms. Three
ways for the Branch-ELM, equal in result:
  published loop   the trace of every synapse inside the time loop, dense inputs made beforehand
  reference        everything linear in time hoisted, the memory recursion a loop in PyTorch
  compiled         what training uses
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from command import command
from steps import BUSY, median_ms  # before torch

# isort: split
import torch
from torch import nn
from torch.nn import functional

from neuronio.data.trial import InputEvents
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.families.tcn import TcnOptions
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import gated, reference

SIZES = ((5, 8), (20, 8), (50, 8), (100, 8), (100, 32))
SEGMENTS, RATE_PER_MS = 639, 15.0  # the input rate of NeuronIO over all synapses
WINDOW_MS, BURN_IN_MS, TRIAL_MS = 500, 150, 6000
TCN = TcnOptions(width=32, kernels=(45, 19))
GATES, UNITS = {"lstm": 4, "gru": 3}, (16, 100)
Forward = Callable[[], torch.Tensor]


def run(*, quick: bool = False, threads: int = 2) -> dict[str, Any]:
    """Durations of training steps and of predictions.

    Args:
        quick: one size and short trials, to see that it works; the figures mean nothing.
        threads: for every way alike.
    """
    torch.set_num_threads(threads)
    generator = np.random.default_rng(0)
    sizes, rows, trial_ms = (SIZES[:1], 2, 600) if quick else (SIZES, 16, TRIAL_MS)
    return {
        "threads": threads,
        "window_ms": WINDOW_MS,
        "sleeping_threads": BUSY,
        "steps": [measure_elm(num_memory, batch, generator) for num_memory, batch in sizes],
        "tcn": measure_tcn(8, generator),
        "gated": [measure_gated(kind, units, 8) for kind in GATES for units in UNITS],
        "prediction": [measure_prediction(d, rows, trial_ms, generator) for d in (20, 100)],
    }


def random_batch(rows: int, duration_ms: int, generator: np.random.Generator) -> EventBatch:
    """Poisson inputs at the rate of NeuronIO."""
    inputs = []
    for _ in range(rows):
        events = generator.poisson(RATE_PER_MS * duration_ms)
        cells = np.unique(generator.integers(0, 2 * SEGMENTS * duration_ms, events))
        synapse, time_ms = np.divmod(cells, duration_ms)
        inputs.append(InputEvents.from_events(SEGMENTS, duration_ms, synapse, time_ms))
    return EventBatch.from_inputs(inputs)


def training_step(model: nn.Module, forward: Forward, rows: int) -> Callable[[], None]:
    """A function that makes one whole training step of `model`."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4, fused=True)
    targets = torch.Generator().manual_seed(0)
    spikes = (torch.rand(rows, WINDOW_MS, generator=targets) < 0.001).float()
    soma = torch.rand(rows, WINDOW_MS, generator=targets)
    after = slice(BURN_IN_MS, None)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        logit, voltage = forward().unbind(2)
        loss = 0.5 * functional.binary_cross_entropy_with_logits(logit[:, after], spikes[:, after])
        loss = loss + 0.5 * functional.mse_loss(voltage[:, after], soma[:, after])
        loss.backward()
        optimizer.step()

    return step


def measure_elm(num_memory: int, rows: int, generator: np.random.Generator) -> dict[str, Any]:
    """A training step of a Branch-ELM in three ways, ms."""
    options = sized_options("branch_elm", num_memory, {"inputs": 2 * SEGMENTS})
    batch = random_batch(rows, WINDOW_MS, generator)
    dense = batch.dense().transpose(1, 2).contiguous()
    loop, plain, fast = (build_model("branch_elm", options) for _ in range(3))
    plain.compute = reference
    loop_ms = median_ms(training_step(loop, lambda: loop.step_by_step(dense), rows), 2.0)
    plain_ms = median_ms(training_step(plain, lambda: plain(batch), rows), 1.0)
    fast_ms = median_ms(training_step(fast, lambda: fast(batch), rows), 1.0)
    return {
        "num_memory": num_memory,
        "batch": rows,
        "published_loop_ms": loop_ms,
        "reference_ms": plain_ms,
        "compiled_ms": fast_ms,
        "gain": loop_ms / fast_ms,
    }


def plain_tcn(model: nn.Module, dense_bnt: torch.Tensor) -> torch.Tensor:
    """The TCN with the same weights as a stack of Conv1d on dense inputs."""
    first = model.first
    padded = functional.pad(dense_bnt, (first.weight.shape[1] - 1, 0))
    x_bct = functional.conv1d(padded, first.weight.permute(2, 0, 1).flip(2), first.bias)
    x_bct = model.norms[0](functional.relu(x_bct))
    for convolution, norm in zip(model.convolutions, model.norms[1:], strict=True):
        padded = functional.pad(x_bct, (convolution.kernel_size[0] - 1, 0))
        x_bct = norm(functional.relu(convolution(padded)))
    return model.readout(x_bct.transpose(1, 2))


def measure_tcn(rows: int, generator: np.random.Generator) -> dict[str, Any]:
    """A training step of a TCN as a plain Conv1d stack on ready dense inputs, and as ours, ms."""
    batch = random_batch(rows, WINDOW_MS, generator)
    dense = batch.dense()
    plain, ours = (build_model("tcn", TCN) for _ in range(2))
    return {
        "width": TCN.width,
        "depth": TCN.depth,
        "batch": rows,
        "conv1d_ms": median_ms(training_step(plain, lambda: plain_tcn(plain, dense), rows), 1.0),
        "ours_ms": median_ms(training_step(ours, lambda: ours(batch), rows), 1.0),
    }


def measure_gated(kind: str, units: int, rows: int) -> dict[str, Any]:
    """A layer of gated units forward and backward, torch's own and ours, ms."""
    gates = GATES[kind] * units
    shapes = (rows, WINDOW_MS, gates), (gates, units), (gates,), (gates,)
    arguments = [(units**-0.5 * torch.randn(shape)).requires_grad_() for shape in shapes]

    def step(layer: Callable[..., torch.Tensor]) -> Callable[[], None]:
        return lambda: layer(kind, *arguments).square().sum().backward()

    torch_ms, ours_ms = (median_ms(step(layer), 1.0) for layer in (reference.gated, gated))
    return {"kind": kind, "units": units, "batch": rows, "torch_ms": torch_ms, "ours_ms": ours_ms}


def measure_prediction(
    num_memory: int, rows: int, trial_ms: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Whole trials through the compiled Branch-ELM, as many at once as `rows`."""
    batch = random_batch(rows, trial_ms, generator)
    model = build_model("branch_elm", sized_options("branch_elm", num_memory, {})).eval()

    def predict() -> None:
        with torch.no_grad():
            model(batch)

    seconds = median_ms(predict, 0.5) / 1e3
    return {
        "num_memory": num_memory,
        "trial_ms": trial_ms,
        "trials_per_s": rows / seconds,
        "times_real_time": rows * trial_ms / 1e3 / seconds,
    }


def lines(results: dict[str, Any]) -> list[str]:
    """The results for a terminal."""
    tcn = results["tcn"]
    out = [
        f"{results['threads']} threads, windows of {results['window_ms']} ms, median of the steps"
    ]
    if results["sleeping_threads"]:
        out.append("the machine is busy: waiting threads sleep, all figures are worse than need be")
    out += [
        "",
        f"{'training step':<22}{'published':>12}{'reference':>12}{'compiled':>12}{'gain':>8}",
    ]
    for row in results["steps"]:
        ways = (row[f"{way}_ms"] for way in ("published_loop", "reference", "compiled"))
        cells = "".join(f"{value:>9.1f} ms" for value in ways)
        size = f"d_m {row['num_memory']:>3}, batch {row['batch']:>2}"
        out.append(f"{size:<22}{cells}{row['gain']:>7.0f}x")
    out += [
        f"\nTCN, width {tcn['width']}, depth {tcn['depth']}, batch {tcn['batch']}, training step",
        f"  Conv1d stack {tcn['conv1d_ms']:.0f} ms, ours {tcn['ours_ms']:.0f} ms "
        f"({tcn['conv1d_ms'] / tcn['ours_ms']:.1f}x)",
        "\nA layer of gated units, forward and backward",
        *(
            f"  {row['kind']:<4} {row['units']:>3} units: torch {row['torch_ms']:.1f} ms, "
            f"ours {row['ours_ms']:.1f} ms ({row['torch_ms'] / row['ours_ms']:.1f}x)"
            for row in results["gated"]
        ),
        f"\nPrediction of whole trials of {results['prediction'][0]['trial_ms']} ms, compiled",
    ]
    out += [
        f"  d_m {row['num_memory']:>3}: {row['trials_per_s']:.1f} trials/s, "
        f"{row['times_real_time']:.0f} x real time"
        for row in results["prediction"]
    ]
    return out


if __name__ == "__main__":
    command(__doc__, run, lines)
