"""The numbers of an ELM's step, for code that is not PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neuronio.errors import NeuronIOError
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.models.elm import Elm
from neuronio.surrogate.recurrence.reference import PROPOSAL_SCALE

# What the equations are those of; a subclass that computes otherwise is another model.
STEPS = ("forward", "advance", "traces", "held", "first_state", "decay_and_gain")


@dataclass(frozen=True)
class ElmStep:
    """One ms of an ELM, float32; h hidden units, d memory units, C currents.

    With the spikes' currents added to s = trace_decay s, and x = memory_decay m:
    a = act(bias + branch_weight s + memory_weight x), or + s itself where there are no branches;
    then `layers`, with act between them; m = x + move tanh(2/3 of the last layer's output).

    Attributes:
        kernel: (N, C), what a spike of each synapse adds.
        trace_decay: per ms.
        branch_weight: (h, C), or None without branches.
        memory_weight: (h, d).
        bias: (h,).
        layers: (weight, bias) of each layer after the first.
        memory_decay, move: (d,).
        readout: (weight, bias), (outputs, d) and (outputs,).
        activation: 'relu' or 'silu'.
    """

    kernel: np.ndarray
    trace_decay: float
    branch_weight: np.ndarray | None
    memory_weight: np.ndarray
    bias: np.ndarray
    layers: list[tuple[np.ndarray, np.ndarray]]
    memory_decay: np.ndarray
    move: np.ndarray
    readout: tuple[np.ndarray, np.ndarray]
    activation: str


@torch.no_grad()
def elm_step(model: Surrogate) -> ElmStep:
    """The step of a model of the ELM family.

    Raises:
        NeuronIOError: it is of another family, or a subclass that computes otherwise.
    """
    if not isinstance(model, Elm):
        raise NeuronIOError(
            f"{type(model).__name__} is not an ELM, whose step alone can be written in C++; "
            "export it as .onnx"
        )
    if changed := [name for name in STEPS if getattr(type(model), name) is not getattr(Elm, name)]:
        raise NeuronIOError(
            f"{type(model).__name__} has its own {', '.join(changed)}, which the equations of an "
            "ELM's step in C++ do not know; export it as .onnx"
        )
    (first, bias), *layers = ((_array(layer.weight), _array(layer.bias)) for layer in model.mlp)
    decay_d, gain_d = model.decay_and_gain()
    return ElmStep(
        kernel=_array(model.input_kernel()),
        trace_decay=model.trace_decay,
        branch_weight=first[:, : model.n_branch].copy() if model.branched else None,
        memory_weight=first[:, model.n_branch :].copy(),
        bias=bias,
        layers=layers,
        memory_decay=_array(decay_d),
        move=_array(gain_d) * np.float32(PROPOSAL_SCALE),
        readout=(_array(model.readout.weight), _array(model.readout.bias)),
        activation=model.options.activation,
    )


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().float().contiguous().numpy()
