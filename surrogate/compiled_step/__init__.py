"""Many ELM neurons ms by ms in compiled code, for networks."""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from pathlib import Path

import numpy as np
import torch

from neuronio.errors import NeuronIOError
from neuronio.native import VECTOR_INCLUDE, load_library
from neuronio.surrogate.elm_step import elm_step
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.elm import Elm
from neuronio.surrogate.recurrence.compiled import FLAGS
from neuronio.surrogate.streaming import Moment, Stepper, checked_events


@cache
def library() -> ctypes.CDLL:
    """The compiled step.

    Raises:
        NeuronIOError: it does not compile.
    """
    folder = Path(__file__).parent
    include = [VECTOR_INCLUDE, folder.parent / "recurrence"]
    found = load_library("step", [folder / "step.cpp"], flags=FLAGS, include=include)
    found.elm_new.restype = ctypes.c_void_p
    return found


def fast_stepper(model: Surrogate, rows: int) -> CompiledElm | Stepper:
    """Rows of a model in compiled code where it is an ELM with one hidden layer, else in PyTorch.

    Raises:
        NeuronIOError: as `Stepper`.
    """
    plain = model.stream(rows)
    if isinstance(model, Elm) and model.options.mlp_layers == 1:
        try:
            return CompiledElm(model, rows)
        except NeuronIOError:  # there is no compiler, or it is a subclass that computes otherwise
            return plain
    return plain


class CompiledElm:
    """B rows of an ELM on every core that PyTorch may use; as `Stepper`, from events alone.

    Args:
        model: on the CPU, with one hidden layer; its weights are copied.
        rows: B.

    Attributes:
        rows, synapses: how many.
        trace, memory: the state, (B, C) and (B, d), each padded with 0 to whole vectors.

    Raises:
        NeuronIOError: the model is another one, or the code does not compile.
    """

    def __init__(self, model: Surrogate, rows: int) -> None:
        step, compiled = elm_step(model), library()
        if len(step.layers) != 1:
            raise NeuronIOError(
                f"the model has {len(step.layers)} hidden layers but the compiled step knows one; "
                "use model.stream"
            )
        self.synapses, channels = step.kernel.shape
        self.rows, self.outputs = rows, len(step.readout[1])
        hidden, units = len(step.bias), len(step.move)
        branches = step.branch_weight is not None
        sizes = (self.synapses, channels, hidden, units, self.outputs)
        shape = (ctypes.c_int * 7)(*sizes, step.activation == "silu", branches)
        arrays = [
            step.kernel,
            step.branch_weight if step.branch_weight is not None else step.bias,
            *(step.memory_weight, step.bias, *step.layers[0]),
            *(step.memory_decay, step.move, *step.readout),
        ]
        given = [np.ascontiguousarray(array, dtype=np.float32) for array in arrays]
        addresses = (ctypes.c_void_p * len(given))(*(array.ctypes.data for array in given))
        self._elm = compiled.elm_new(shape, ctypes.c_float(step.trace_decay), addresses)
        weakref.finalize(self, compiled.elm_free, ctypes.c_void_p(self._elm))
        self.trace = np.zeros((rows, compiled.elm_padded(channels)), np.float32)
        self.memory = np.zeros((rows, compiled.elm_padded(units)), np.float32)

    def step(self, row: np.ndarray, synapse: np.ndarray) -> Moment:
        """One ms, as `Stepper.step`."""
        row, synapse = checked_events(row, synapse, self.rows, self.synapses)
        out_bo = torch.empty(self.rows, self.outputs)
        library().elm_step(
            ctypes.c_void_p(self._elm),
            self.rows,
            ctypes.c_int64(len(row)),
            *(ctypes.c_void_p(array.ctypes.data) for array in (row, synapse)),
            *(ctypes.c_void_p(array.ctypes.data) for array in (self.trace, self.memory)),
            ctypes.c_void_p(out_bo.data_ptr()),
            torch.get_num_threads(),
        )
        return Moment.of(out_bo)

    def reset(self) -> None:
        """Every row as before its first ms."""
        self.trace[:], self.memory[:] = 0, 0
