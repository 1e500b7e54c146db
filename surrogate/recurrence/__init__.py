"""What the models compute over time: compiled on the CPU, plain PyTorch elsewhere."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import torch

from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.recurrence import compiled, reference

BAND = 4
"""Channels of a band in `event_convolution` (`kBand` in events.cpp)."""

__all__ = [
    "BAND",
    "event_convolution",
    "exponential_filter",
    "gated",
    "membrane",
    "memory_recursion",
    "reference",
    "rotation",
    "spiking",
]


def event_convolution(
    events: EventBatch, kernel_nkc: torch.Tensor, band_n: torch.Tensor | None = None
) -> torch.Tensor:
    """Causal convolution of the spikes: a spike of synapse n at t adds kernel[n, j] at t + j.

    Args:
        events: B rows of T steps from N synapses; one that has a value counts so much.
        kernel_nkc: (N, K, C), K taps of 1 ms.
        band_n: for one tap, if each synapse reaches few channels: the first of the BAND channels
            beyond which its kernel is 0 and of no interest, (N,) int32, at most C - BAND. The
            gradient is right in the bands alone. It makes no other difference than to speed.

    Returns:
        (B, T, C).

    Raises:
        NeuronIOError: the events are of another number of synapses.
    """
    if events.n_synapses != len(kernel_nkc):
        raise NeuronIOError(
            f"the events come from {events.n_synapses} synapses, but the model takes "
            f"{len(kernel_nkc)}; give it inputs of the cell that it is made for"
        )
    implementation = compiled if _is_compiled_for(kernel_nkc) else reference
    return implementation.event_convolution(events, kernel_nkc, band_n)


def exponential_filter(x_btc: torch.Tensor, decay: float) -> torch.Tensor:
    """y_t = decay y_{t-1} + x_t along the second axis, from y = 0."""
    implementation = compiled if _is_compiled_for(x_btc) else reference
    return implementation.exponential_filter(x_btc, decay)


def rotation(drive_btc: torch.Tensor, turn_c: torch.Tensor) -> torch.Tensor:
    """s_t = z s_{t-1} + x_t of C/2 complex numbers, real parts before imaginary, from s = 0."""
    implementation = compiled if _is_compiled_for(drive_btc) else reference
    return implementation.rotation(drive_btc, turn_c)


def membrane(
    current_btk: torch.Tensor, transition_kk: torch.Tensor, reset_k: torch.Tensor, slope: float
) -> torch.Tensor:
    """Potentials of K coupled compartments that spike, (B, T, K) (equations in reference.py)."""
    implementation = compiled if _is_compiled_for(current_btk) else reference
    return implementation.membrane(current_btk, transition_kk, reset_k, slope)


def spiking(
    drive_btu: torch.Tensor, decay_u: torch.Tensor, weight_uu: torch.Tensor, slope: float
) -> torch.Tensor:
    """Potentials of U units that spike into one another, (B, T, U) (equations in reference.py)."""
    implementation = compiled if _is_compiled_for(drive_btu) else reference
    return implementation.spiking(drive_btu, decay_u, weight_uu, slope)


def gated(
    kind: str,
    drive_btg: torch.Tensor,
    weight_gu: torch.Tensor,
    bias_g: torch.Tensor,
    own_bias_g: torch.Tensor,
) -> torch.Tensor:
    """The state of a layer of U "lstm" or "gru" units over time, (B, T, U), from 0.

    Args:
        kind: "lstm" (G = 4U) or "gru" (G = 3U).
        drive_btg: what reaches the gates from below, in torch's order of gates.
        weight_gu: what reaches them from the units of the layer.
        bias_g, own_bias_g: as torch's `bias_ih` and `bias_hh`.
    """
    implementation = compiled if _is_compiled_for(drive_btg) else reference
    return implementation.gated(kind, drive_btg, weight_gu, bias_g, own_bias_g)


def memory_recursion(
    input_btc: torch.Tensor,
    memory_weight_hd: torch.Tensor,
    input_weight_hc: torch.Tensor | None,
    hidden_bias_h: torch.Tensor,
    layers: Sequence[reference.Layer],
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
    *,
    recompute: bool = False,
) -> torch.Tensor:
    """The ELM memory over time (equations in reference.py and docs/recurrence.md).

    Args:
        input_btc: what the first hidden layer reads beside the memory.
        memory_weight_hd: weights from the decayed memory to the first hidden layer.
        input_weight_hc: those from the input; None where it is (B, T, h) and added as it is.
        hidden_bias_h: bias of the first hidden layer.
        layers: (weight, bias) of each layer after it; the last has d outputs.
        decay_d, gain_d: per memory unit and ms.
        activation: "relu" or "silu".
        recompute: keep less for the backward pass and compute the hidden activity again.

    Returns:
        memory, (B, T, d).
    """
    first = input_btc, memory_weight_hd, input_weight_hc, hidden_bias_h
    if _is_compiled_for(input_btc):
        if len(layers) == 1:
            weight_dh, bias_d = layers[0]
            return compiled.memory_recursion(
                *(*first, weight_dh, bias_d, decay_d, gain_d),
                activation=activation,
                recompute=recompute,
            )
        _notice(
            f"{len(layers)} hidden layers: the recursion runs in plain PyTorch, which is slow; "
            "only one hidden layer is compiled"
        )
    return reference.memory_recursion(*first, layers, decay_d, gain_d, activation)


def _is_compiled_for(tensor: torch.Tensor) -> bool:
    if tensor.device.type != "cpu":
        _notice(
            f"on {tensor.device.type} the recursion runs in plain PyTorch, without compiled kernels"
        )
        return False
    return tensor.dtype in compiled.SUFFIXES and _compiles()


@functools.cache
def _compiles() -> bool:
    try:
        compiled.library()
    except NeuronIOError as error:
        _notice(f"the recursion runs in plain PyTorch, which is slow, because {error}")
        return False
    return True


@functools.cache
def _notice(message: str) -> None:
    warnings.warn(message, stacklevel=3)
