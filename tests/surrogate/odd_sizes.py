"""Every kernel, forward and backward, on sizes that fill no vector; test_bounds.py runs it."""

import numpy as np
import torch
from test_gated import GATES, layer
from test_recurrence import random_events, recursion_arguments
from test_scans import membrane_arguments, normal, rotation_arguments

from neuronio import native
from neuronio.surrogate.compiled_step import CompiledElm
from neuronio.surrogate.families import sized_options
from neuronio.surrogate.models.building import build_model
from neuronio.surrogate.recurrence import compiled

# rows, duration, units, hidden units, inputs
MEMORY = [(1, 1, 1, 1, 0), (1, 9, 1, 2, 45), (2, 9, 2, 4, 45), (3, 7, 5, 10, 9), (7, 6, 33, 66, 0)]


def differentiate(value, *arguments):
    torch.autograd.grad(value.sum(), [x for x in arguments if x is not None], allow_unused=True)


def main():
    for dtype in (torch.float32, torch.float64):
        for sizes in MEMORY:
            for activation in ("relu", "silu"):
                for recompute in (False, True):
                    arguments = recursion_arguments(*sizes[:4], dtype, sizes[4])
                    found = compiled.memory_recursion(*arguments, activation, recompute)
                    differentiate(found, *arguments)
        events = random_events(3, 11, 9)
        for taps, channels in ((1, 1), (1, 19), (4, 5), (70, 3)):
            kernel = torch.randn(18, taps, channels, dtype=dtype, requires_grad=True)
            differentiate(compiled.event_convolution(events, kernel), kernel)
        band = torch.full((18,), 7, dtype=torch.int32)
        kernel = torch.randn(18, 1, 11, dtype=dtype, requires_grad=True)
        differentiate(compiled.event_convolution(events, kernel, band), kernel)
        for kind in GATES:
            for shape in ((1, 1, 1), (3, 5, 9), (7, 4, 33)):
                arguments = layer(kind, *shape, dtype)
                differentiate(compiled.gated(kind, *arguments), *arguments)
        for count in (1, 3, 9):
            arguments = rotation_arguments(3, 5, count, dtype)
            differentiate(compiled.rotation(*arguments), *arguments)
            arguments = membrane_arguments(3, 5, count, dtype)
            differentiate(compiled.membrane(*arguments, 5.0), *arguments)
            drive, weight = normal(3, 5, count, dtype=dtype), normal(count, count, dtype=dtype)
            arguments = drive, torch.full((count,), 0.9, dtype=dtype), weight
            arguments = [x.requires_grad_() for x in arguments]
            differentiate(compiled.spiking(*arguments, 5.0), *arguments)
            x = normal(3, 5, count, dtype=dtype).requires_grad_()
            differentiate(compiled.exponential_filter(x, 0.8), x)
    for units, rows in ((1, 1), (5, 7), (33, 50)):
        given = {"inputs": 18, "num_branch": 3, "synapses_per_branch": 6}
        model = build_model("branch_elm", sized_options("branch_elm", units, given)).eval()
        stepper = CompiledElm(model, rows)
        for ms in range(3):
            stepper.step(np.arange(rows), np.full(rows, ms))


if __name__ == "__main__":
    # Compiled in half the time, and no other accesses.
    native.DEFAULT_FLAGS = tuple("-O1" if f == "-O3" else f for f in native.DEFAULT_FLAGS)
    native.WISHED_FLAGS += ("-fsanitize=address", "-fno-omit-frame-pointer")
    main()
    print("every kernel kept within its arrays")
