"""The compiled kernels as differentiable functions, for float32 and float64 on the CPU.

Shape letters as in reference.py. Each backward pass is derived by hand (docs/recurrence.md).
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch.autograd.function import once_differentiable

from neuronio.native import VECTOR_INCLUDE, load_library
from neuronio.surrogate.events import EventBatch

# The last flag keeps short copies of vectors inline, where GCC would call memmove.
FLAGS = ("-fopenmp", "-ffp-contract=fast", "-fno-tree-loop-distribute-patterns")
NAMES = ("memory", "events", "scans", "spiking", "gated")
SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
ACTIVATION_CODES = {"relu": 0, "silu": 1}


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        NeuronIOError: they do not compile.
    """
    folder = Path(__file__).parent
    sources = [folder / f"{name}.cpp" for name in NAMES]
    kernels = load_library("recurrence", sources, flags=FLAGS, include=[folder, VECTOR_INCLUDE])
    kernels.keep_freed_memory()
    return kernels


def event_convolution(
    events: EventBatch, kernel_nkc: torch.Tensor, band_n: torch.Tensor | None = None
) -> torch.Tensor:
    """As `reference.event_convolution`."""
    return _EventConvolution.apply(kernel_nkc, events, band_n)


def exponential_filter(x_btc: torch.Tensor, decay: float) -> torch.Tensor:
    """As `reference.exponential_filter`."""
    return _ExponentialFilter.apply(x_btc, decay)


def rotation(drive_btc: torch.Tensor, turn_c: torch.Tensor) -> torch.Tensor:
    """As `reference.rotation`."""
    return _Rotation.apply(drive_btc, turn_c)


def membrane(
    current_btk: torch.Tensor, transition_kk: torch.Tensor, reset_k: torch.Tensor, slope: float
) -> torch.Tensor:
    """As `reference.membrane`."""
    return _Membrane.apply(current_btk, transition_kk, reset_k, slope)


def spiking(
    drive_btu: torch.Tensor, decay_u: torch.Tensor, weight_uu: torch.Tensor, slope: float
) -> torch.Tensor:
    """As `reference.spiking`."""
    return _Spiking.apply(drive_btu, decay_u, weight_uu, slope)


def gated(
    kind: str,
    drive_btg: torch.Tensor,
    weight_gu: torch.Tensor,
    bias_g: torch.Tensor,
    own_bias_g: torch.Tensor,
) -> torch.Tensor:
    """As `reference.gated`."""
    if kind == "lstm":
        return _Gated.apply(kind, drive_btg, weight_gu, bias_g + own_bias_g, None)
    units = weight_gu.shape[1]
    both = bias_g[: 2 * units] + own_bias_g[: 2 * units]
    bias = torch.cat([both, bias_g[2 * units :]])
    return _Gated.apply(kind, drive_btg, weight_gu, bias, own_bias_g[2 * units :])


def memory_recursion(
    input_btc: torch.Tensor,
    memory_weight_hd: torch.Tensor,
    input_weight_hc: torch.Tensor | None,
    hidden_bias_h: torch.Tensor,
    proposal_weight_dh: torch.Tensor,
    proposal_bias_d: torch.Tensor,
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
    recompute: bool,
) -> torch.Tensor:
    """As `reference.memory_recursion` with one hidden layer.

    With `recompute` only the memory is kept for the backward pass, which runs the forward pass
    once more.
    """
    first = input_btc, memory_weight_hd, input_weight_hc, hidden_bias_h
    tensors = (*first, proposal_weight_dh, proposal_bias_d, decay_d, gain_d)
    learned = any(x is not None and x.requires_grad for x in tensors)
    keep = torch.is_grad_enabled() and learned and not recompute
    return _MemoryRecursion.apply(*tensors, activation, keep)


def _call(name: str, dtype: torch.dtype, *arguments: object) -> None:
    getattr(library(), f"{name}_{SUFFIXES[dtype]}")(*arguments)


def _shape(*numbers: int) -> ctypes.Array:
    return (ctypes.c_int * (len(numbers) + 1))(*numbers, torch.get_num_threads())


def _address(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _addresses(*tensors: torch.Tensor | None) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*(_address(tensor) for tensor in tensors))


class _EventConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, kernel_nkc, events: EventBatch, band_n) -> torch.Tensor:
        value = None if events.value is None else events.value.to(kernel_nkc.dtype)
        ctx.spikes = events.synapse, value, events.offset, band_n
        ctx.kernel_shape, kernel_nkc = kernel_nkc.shape, kernel_nkc.contiguous()
        out_btc = kernel_nkc.new_empty(events.n_rows, events.steps, kernel_nkc.shape[2])
        shape = _shape(*out_btc.shape[:2], *kernel_nkc.shape)
        arrays = *ctx.spikes, kernel_nkc, out_btc
        _call("convolve", kernel_nkc.dtype, shape, *map(_address, arrays))
        return out_btc

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btc: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        grad_btc = grad_btc.contiguous()
        out_nkc = grad_btc.new_empty(ctx.kernel_shape)
        shape = _shape(*grad_btc.shape[:2], *ctx.kernel_shape)
        arrays = *ctx.spikes, grad_btc, out_nkc
        _call("convolve_backward", grad_btc.dtype, shape, *map(_address, arrays))
        return out_nkc, None, None


def _filtered(x_btc: torch.Tensor, decay: float, reverse: bool) -> torch.Tensor:
    x_btc = x_btc.contiguous()
    y_btc = torch.empty_like(x_btc)
    shape = _shape(x_btc.shape[0], x_btc.shape[1], 0, 0, x_btc.shape[2])
    arguments = ctypes.c_double(decay), reverse, _address(x_btc), _address(y_btc)
    _call("filter", x_btc.dtype, shape, *arguments)
    return y_btc


class _ExponentialFilter(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x_btc: torch.Tensor, decay: float) -> torch.Tensor:
        ctx.decay = decay
        return _filtered(x_btc, decay, reverse=False)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btc: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _filtered(grad_btc, ctx.decay, reverse=True), None


def _rotated(x_btc: torch.Tensor, turn_c: torch.Tensor, reverse: bool) -> torch.Tensor:
    x_btc, turn_c = x_btc.contiguous(), turn_c.contiguous()
    y_btc = torch.empty_like(x_btc)
    shape = _shape(x_btc.shape[0], x_btc.shape[1], 0, 0, x_btc.shape[2])
    _call("rotate", x_btc.dtype, shape, reverse, *map(_address, (turn_c, x_btc, y_btc)))
    return y_btc


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx, drive_btc: torch.Tensor, turn_c: torch.Tensor) -> torch.Tensor:
        state_btc = _rotated(drive_btc, turn_c, reverse=False)
        ctx.save_for_backward(turn_c, state_btc)
        return state_btc

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btc: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        turn_c, state_btc = ctx.saved_tensors
        reached_btc = _rotated(grad_btc, turn_c, reverse=True)
        g_re, g_im = reached_btc[:, 1:].chunk(2, dim=2)
        s_re, s_im = state_btc[:, :-1].chunk(2, dim=2)
        turn_grad = torch.cat([g_re * s_re + g_im * s_im, g_im * s_re - g_re * s_im], dim=2)
        return reached_btc, turn_grad.sum((0, 1))


class _Membrane(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current_btk, transition_kk, reset_k, slope) -> torch.Tensor:
        arrays = [x.contiguous() for x in (transition_kk, reset_k, current_btk)]
        before_btk = torch.empty_like(arrays[-1])
        ctx.shape, ctx.slope = _shape(*before_btk.shape[:2], 0, 0, before_btk.shape[2]), slope
        _call("membrane", before_btk.dtype, ctx.shape, *map(_address, (*arrays, before_btk)))
        ctx.save_for_backward(*arrays[:2], before_btk)
        return before_btk

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btk: torch.Tensor):
        transition_kk, reset_k, before_btk = ctx.saved_tensors
        reached_btk = torch.empty_like(before_btk)
        arrays = transition_kk, reset_k, before_btk, grad_btk.contiguous(), reached_btk
        slope = ctypes.c_double(ctx.slope)
        _call("membrane_backward", before_btk.dtype, ctx.shape, slope, *map(_address, arrays))
        spike_bt1 = (before_btk[:, :-1, :1] > 1.0).to(before_btk.dtype)
        after_btk = before_btk[:, :-1] - reset_k * spike_bt1
        later_btk = reached_btk[:, 1:]
        transition_grad = later_btk.flatten(0, 1).T @ after_btk.flatten(0, 1)
        reset_grad = -(later_btk @ transition_kk * spike_bt1).sum((0, 1))
        return reached_btk, transition_grad, reset_grad, None


class _Spiking(torch.autograd.Function):
    @staticmethod
    def forward(ctx, drive_btu, decay_u, weight_uu, slope) -> torch.Tensor:
        drive_btu, decay_u, weight_uu = (x.contiguous() for x in (drive_btu, decay_u, weight_uu))
        v_btu = torch.empty_like(drive_btu)
        ctx.shape, ctx.slope = _shape(*v_btu.shape[:2], 0, 0, v_btu.shape[2]), slope
        arrays = decay_u, weight_uu.T.contiguous(), drive_btu, v_btu
        _call("spiking", v_btu.dtype, ctx.shape, *map(_address, arrays))
        ctx.save_for_backward(decay_u, weight_uu, v_btu)
        return v_btu

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btu: torch.Tensor):
        decay_u, weight_uu, v_btu = ctx.saved_tensors
        reached_btu = torch.empty_like(v_btu)
        arrays = decay_u, weight_uu, v_btu, grad_btu.contiguous(), reached_btu
        slope = ctypes.c_double(ctx.slope)
        _call("spiking_backward", v_btu.dtype, ctx.shape, slope, *map(_address, arrays))
        before, later = v_btu[:, :-1].flatten(0, 1), reached_btu[:, 1:].flatten(0, 1)
        weight_grad = later.T @ (before > 1.0).to(later.dtype)
        return reached_btu, (later * before).sum(0), weight_grad, None


class _Gated(torch.autograd.Function):
    """A layer; `own_bias_u` is that of the GRU's recurrent part which its reset gate multiplies."""

    @staticmethod
    def forward(ctx, kind, drive_btg, weight_gu, bias_g, own_bias_u) -> torch.Tensor:
        drive_btg, weight_gu = drive_btg.contiguous(), weight_gu.contiguous()
        own_bias_u = None if own_bias_u is None else own_bias_u.contiguous()
        (rows, duration), units = drive_btg.shape[:2], weight_gu.shape[1]
        out_btu = drive_btg.new_empty(rows, duration, units)
        ctx.kind, ctx.shape = kind, _shape(rows, duration, 0, 0, units)
        kept = getattr(library(), f"{kind}_kept_{SUFFIXES[drive_btg.dtype]}")(units)
        learned = any(ctx.needs_input_grad)
        saved = drive_btg.new_empty(rows * duration, kept) if learned else None
        arrays = weight_gu, bias_g.contiguous(), own_bias_u, drive_btg, out_btu, saved
        _call(kind, drive_btg.dtype, ctx.shape, *map(_address, arrays))
        ctx.save_for_backward(weight_gu, out_btu, saved)
        return out_btu

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_btu: torch.Tensor):
        weight_gu, out_btu, saved = ctx.saved_tensors
        drive_btg = grad_btu.new_empty(*out_btu.shape[:2], weight_gu.shape[0])
        within_btg = torch.empty_like(drive_btg) if ctx.kind == "gru" else None
        arrays = weight_gu, out_btu, saved, grad_btu.contiguous(), drive_btg, within_btg
        _call(f"{ctx.kind}_backward", grad_btu.dtype, ctx.shape, *map(_address, arrays))
        reached_btg = drive_btg if within_btg is None else within_btg
        later, before = reached_btg[:, 1:].flatten(0, 1), out_btu[:, :-1].flatten(0, 1)
        own = None if within_btg is None else within_btg[..., -out_btu.shape[2] :].sum((0, 1))
        return None, drive_btg, later.T @ before, drive_btg.sum((0, 1)), own


class _MemoryRecursion(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs, *arguments):
        *weights, activation, keep = arguments
        inputs = inputs.contiguous()
        weights = [None if x is None else x.contiguous() for x in weights]
        memory_weight, input_weight = weights[:2]
        hidden_units, units = memory_weight.shape
        memory = inputs.new_empty(*inputs.shape[:2], units)
        input_units = 0 if input_weight is None else input_weight.shape[1]
        code = ACTIVATION_CODES[activation]
        ctx.shape = _shape(*memory.shape, hidden_units, input_units, code)
        saved = _saved(ctx.shape, memory) if keep else (None, None)
        arrays = _addresses(inputs, *weights, memory, *saved)
        _call("memory_forward", inputs.dtype, ctx.shape, arrays)
        ctx.save_for_backward(inputs, *weights, memory, *saved)
        return memory

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        *given, memory, hidden, squashed = ctx.saved_tensors
        grad = grad.contiguous()
        if hidden is None:
            hidden, squashed = _saved(ctx.shape, memory)
            arrays = _addresses(*given, None, hidden, squashed)
            _call("memory_forward", grad.dtype, ctx.shape, arrays)
        rows, _, units, hidden_units, input_units, _, threads = ctx.shape
        input_grad = torch.empty_like(given[0])
        # A part for each thread's rows.
        parts = min(threads, rows)
        first = grad.new_empty(parts, hidden_units, units + input_units + 1)
        proposal = grad.new_empty(parts, units, hidden_units)
        sums = torch.empty(3, rows, units, dtype=torch.float64)
        out = input_grad, first, proposal
        arrays = _addresses(*given, memory, hidden, squashed, grad, *out)
        _call("memory_backward", grad.dtype, ctx.shape, arrays, _addresses(*sums))
        decay_grad, gain_grad, bias_grad = sums.sum(1).to(grad.dtype)
        split = first.sum(0).split([units, input_units, 1], dim=1)
        memory_weight_grad, input_weight_grad, hidden_bias_grad = split
        return (
            input_grad,
            memory_weight_grad,
            input_weight_grad if input_units else None,
            hidden_bias_grad.squeeze(1),
            proposal.sum(0),
            bias_grad,
            decay_grad,
            gain_grad,
            None,
            None,
        )


def _saved(shape: ctypes.Array, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Room for what the forward pass keeps for the backward pass alone (memory.cpp)."""
    rows, duration, units, hidden_units = shape[:4]
    padded = getattr(library(), f"padded_{SUFFIXES[memory.dtype]}")
    samples = duration * rows
    hidden = memory.new_empty(samples, padded(hidden_units))
    return hidden, memory.new_empty(samples, padded(units))
