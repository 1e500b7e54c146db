"""How fast classifiers of long sequences train: ours beside plain loops and torch's LSTM.

    python benchmarks/longhorizon.py [--json FILE] [--threads 2] [--quick]

A training step is forward, cross-entropy at the last step, backward and Adamax, on sequences of 100
channels with 4 events a step. The ELM has 100 memory units; the others have most nearly as many
parameters. Ways for the ELM, equal in result:
  published loop   the trace of every synapse inside the time loop, dense inputs made beforehand
  plain loop       everything linear in time hoisted, the memory recursion a loop in PyTorch
  compiled         what training uses
torch's LSTM reads dense inputs, made beforehand; ours reads the events, and steps through the same
kernels, as do the other baselines. Where the published loop
would take minutes a step it is left out. Peak memory is of a process of its own, with `recompute`.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import machine
import numpy as np
from command import command
from steps import BUSY, median_ms  # before torch

# isort: split
import torch
from torch.nn.functional import cross_entropy

from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families import nearest_size, sized_options
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import reference

CHANNELS, CLASSES, EVENTS_A_STEP, MEMORY_UNITS = 100, 10, 4, 100
SIZES = ((400, 8), (2000, 8), (16_384, 16))
LONGEST_PUBLISHED = 2000
BUDGET_S = 2.0


def run(*, quick: bool = False, threads: int = 2) -> dict[str, Any]:
    """Training steps per second of every way and length.

    Args:
        quick: short sequences, to see that it works; the figures mean nothing.
        threads: for every way alike.
    """
    about = machine.facts()
    sizes = ((40, 2), (60, 2)) if quick else SIZES
    # First, since a process counts as its own what the one that started it has.
    memory = [alone(peak, *sizes[-1], again) for again in (False, True)]
    torch.set_num_threads(threads)
    return {
        "machine": about,
        "threads": threads,
        "channels": CHANNELS,
        "events_per_step": EVENTS_A_STEP,
        "sleeping_threads": BUSY,
        "steps": [row for size in sizes for row in measure(*size)],
        "memory": memory,
    }


def random_batch(steps: int, rows: int) -> tuple[EventBatch, torch.Tensor]:
    """Sequences of noise, and labels."""
    rng = np.random.default_rng(0)
    row = np.repeat(np.arange(rows), steps * EVENTS_A_STEP)
    step = np.tile(np.repeat(np.arange(steps), EVENTS_A_STEP), rows)
    channel = rng.integers(CHANNELS, size=len(row))
    batch = EventBatch.from_rows(CHANNELS, np.full(rows, steps), row, step, channel)
    return batch, torch.from_numpy(rng.integers(CLASSES, size=rows))


def classifier(name: str, parameters: int | None = None, **options: Any) -> Surrogate:
    """A model of the size of the ELM, or of a number of parameters."""
    given = {"inputs": CHANNELS, "outputs": CLASSES, "signed": False, **options}

    def sized(size: int) -> Surrogate:
        return build_model(name, sized_options(name, size, given))

    if parameters is None:
        return sized(MEMORY_UNITS)
    return sized(nearest_size(name, lambda size: sized(size).count_parameters(), parameters))


def training_step(
    model: Surrogate, logits: Callable[[], torch.Tensor], label: torch.Tensor
) -> Callable[[], None]:
    """A function that makes one whole training step of `model`."""
    optimizer = torch.optim.Adamax(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(logits(), label).backward()
        optimizer.step()

    return step


def measure(steps: int, rows: int) -> list[dict[str, Any]]:
    """Every way on sequences of one length."""
    batch, label = random_batch(steps, rows)
    elm = classifier("elm", tau_max_ms=float(steps))
    parameters = elm.count_parameters()
    found = []
    for name, way, model, logits in ways(batch, elm, parameters):
        took_ms = median_ms(training_step(model, logits, label), BUDGET_S, most=20)
        found.append(
            {
                "steps": steps,
                "batch": rows,
                "model": name,
                "way": way,
                "parameters": model.count_parameters(),
                "steps_per_s": 1e3 / took_ms,
                "us_per_row_step": 1e3 * took_ms / (steps * rows),
            }
        )
    return found


def ways(
    batch: EventBatch, elm: Surrogate, parameters: int
) -> list[tuple[str, str, Surrogate, Callable[[], torch.Tensor]]]:
    """(model, way, module, what gives its logits) of everything that is measured."""
    dense_btn = batch.dense().transpose(1, 2).contiguous()
    plain = classifier("elm", tau_max_ms=float(batch.steps))
    plain.compute = reference
    lstm, gru, ssm, spiking = (
        classifier(name, parameters) for name in ("lstm", "gru", "ssm", "lif_network")
    )
    found = [
        ("ELM", "plain loop", plain, lambda: plain.at_last(batch)),
        ("ELM", "compiled", elm, lambda: elm.at_last(batch)),
        ("LSTM", "torch, dense", lstm, lambda: lstm.readout(lstm.layers(dense_btn)[0][:, -1])),
        ("LSTM", "events", lstm, lambda: lstm.at_last(batch)),
        ("GRU", "events", gru, lambda: gru.at_last(batch)),
        ("state space", "compiled", ssm, lambda: ssm.at_last(batch)),
        ("recurrent LIF", "compiled", spiking, lambda: spiking.at_last(batch)),
    ]
    if batch.steps <= LONGEST_PUBLISHED:
        loop = classifier("elm", tau_max_ms=float(batch.steps))
        found.insert(
            0, ("ELM", "published loop", loop, lambda: loop.step_by_step(dense_btn)[:, -1])
        )
    return found


def alone(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What a function returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak(steps: int, rows: int, recompute: bool) -> dict[str, Any]:
    """Peak memory of a process that makes two training steps of the ELM, GB."""
    batch, label = random_batch(steps, rows)
    elm = classifier("elm", tau_max_ms=float(steps), recompute=recompute)
    step = training_step(elm, lambda: elm.at_last(batch), label)
    step()
    step()
    peak_GB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"steps": steps, "batch": rows, "recompute": recompute, "peak_GB": peak_GB}


def lines(results: dict[str, Any]) -> list[str]:
    """The results for a terminal."""
    out = [f"{results['threads']} threads, median of the steps"]
    if results["sleeping_threads"]:
        out.append("the machine is busy: waiting threads sleep, all figures are worse than need be")
    out.append(
        f"{'steps, batch':<14}{'model':<15}{'way':<16}{'parameters':>11}{'steps/s':>9}{'us':>8}"
    )
    for row in results["steps"]:
        out.append(
            f"{row['steps']:>6}, {row['batch']:<6}{row['model']:<15}{row['way']:<16}"
            f"{row['parameters']:>11,}{row['steps_per_s']:>9.3g}{row['us_per_row_step']:>8.1f}"
        )
    out.append("us: of a sequence and a step of it")
    for row in results["memory"]:
        kept = "recompute" if row["recompute"] else "kept"
        out.append(
            f"peak memory of the ELM, {row['steps']:,} steps, batch {row['batch']}, "
            f"hidden activity {kept}: {row['peak_GB']:.2f} GB"
        )
    return out


if __name__ == "__main__":
    command(__doc__, run, lines)
