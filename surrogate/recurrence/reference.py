"""The plain PyTorch form of everything that the compiled kernels do, on any device.

Shape letters: b batch row, t step (1 ms of trials), n input synapse, k kernel tap, c channel,
h hidden unit, d memory unit, u spiking unit. Source of the equations: Spieler et al. 2024 (arXiv
2306.16922), section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

from neuronio.surrogate.events import EventBatch

PROPOSAL_SCALE = 1.7159
PROPOSAL_SLOPE = 2.0 / 3.0
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "silu": functional.silu,
}
Layer = tuple[torch.Tensor, torch.Tensor]


def event_convolution(
    events: EventBatch, kernel_nkc: torch.Tensor, band_n: torch.Tensor | None = None
) -> torch.Tensor:
    """Causal convolution of the spikes: a spike of synapse n at t adds kernel[n, j] at t + j.

    Shapes as in `recurrence.event_convolution`; `band_n` is of no effect here.
    """
    _, taps, channels = kernel_nkc.shape
    if taps > 1:
        dense_bnt = functional.pad(events.dense().to(kernel_nkc.dtype), (taps - 1, 0))
        return functional.conv1d(dense_bnt, kernel_nkc.permute(2, 0, 1).flip(2)).transpose(1, 2)
    value = None if events.value is None else events.value.to(kernel_nkc.dtype)
    rows = functional.embedding_bag(
        events.synapse.long(),
        kernel_nkc.squeeze(1),
        events.offset[:-1],
        mode="sum",
        per_sample_weights=value,
    )
    return rows.view(events.n_rows, events.steps, channels)


def exponential_filter(x_btc: torch.Tensor, decay: float) -> torch.Tensor:
    """y_t = decay y_{t-1} + x_t along the second axis, from y = 0, in log2 T doubling steps."""
    out_btc, span = x_btc, 1
    while span < x_btc.shape[1] and decay**span > 0.0:
        shifted = functional.pad(out_btc[:, :-span], (0, 0, span, 0))
        out_btc, span = out_btc + decay**span * shifted, 2 * span
    return out_btc


def rotation(drive_btc: torch.Tensor, turn_c: torch.Tensor) -> torch.Tensor:
    """s_t = z s_{t-1} + x_t of C/2 complex numbers from s = 0, in log2 T doubling steps.

    Args:
        drive_btc: x, all real parts before all imaginary ones.
        turn_c: z, likewise.
    """
    (re, im), (turn_re, turn_im) = drive_btc.chunk(2, dim=2), turn_c.chunk(2)
    span = 1
    while span < drive_btc.shape[1]:
        past_re, past_im = (functional.pad(x[:, :-span], (0, 0, span, 0)) for x in (re, im))
        re = re + turn_re * past_re - turn_im * past_im
        im = im + turn_re * past_im + turn_im * past_re
        turn_re, turn_im = turn_re.square() - turn_im.square(), 2.0 * turn_re * turn_im
        span *= 2
    return torch.cat([re, im], dim=2)


def rotation_step(
    drive_bc: torch.Tensor, state_bc: torch.Tensor, turn_c: torch.Tensor
) -> torch.Tensor:
    """One ms of `rotation`: the state after it, (B, C)."""
    (re, im), (turn_re, turn_im) = state_bc.chunk(2, dim=1), turn_c.chunk(2)
    turned = torch.cat([turn_re * re - turn_im * im, turn_re * im + turn_im * re], dim=1)
    return turned + drive_bc


class SurrogateSpike(torch.autograd.Function):
    """Heaviside step forward; derivative 1 / (1 + slope |u|)^2 backward (Zenke & Ganguli 2018)."""

    @staticmethod
    def forward(ctx, excess: torch.Tensor, slope: float) -> torch.Tensor:
        """1 where `excess` is above 0."""
        ctx.save_for_backward(excess)
        ctx.slope = slope
        return (excess > 0).to(excess.dtype)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Gradient to `excess`."""
        (excess,) = ctx.saved_tensors
        return grad / (1.0 + ctx.slope * excess.abs()) ** 2, None


def membrane(
    current_btk: torch.Tensor, transition_kk: torch.Tensor, reset_k: torch.Tensor, slope: float
) -> torch.Tensor:
    """Potentials of K coupled compartments before each ms's reset, (B, T, K), from 0.

    v_t = transition (v_{t-1} - reset spike_{t-1}) + current_t; there is a spike where compartment
    0 is above 1. `slope` is that of the derivative which stands in for the spike's.
    """
    after_bk, out = torch.zeros_like(current_btk[:, 0]), []
    for current_bk in current_btk.unbind(1):
        before_bk, after_bk = membrane_step(current_bk, after_bk, transition_kk, reset_k, slope)
        out.append(before_bk)
    return torch.stack(out, dim=1)


def membrane_step(
    current_bk: torch.Tensor,
    after_bk: torch.Tensor,
    transition_kk: torch.Tensor,
    reset_k: torch.Tensor,
    slope: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """One ms of `membrane`: the potentials before and after its reset."""
    before_bk = after_bk @ transition_kk.T + current_bk
    spike_b1 = SurrogateSpike.apply(before_bk[:, :1] - 1.0, slope)
    return before_bk, before_bk - reset_k * spike_b1


def spiking(
    drive_btu: torch.Tensor, decay_u: torch.Tensor, weight_uu: torch.Tensor, slope: float
) -> torch.Tensor:
    """Potentials of U leaky units that spike above 1 into one another, (B, T, U), from 0.

    v_t = decay v_{t-1} + weight spike_{t-1} + drive_t. `slope` is that of the derivative which
    stands in for the spike's.
    """
    v_bu, out = torch.zeros_like(drive_btu[:, 0]), []
    for drive_bu in drive_btu.unbind(1):
        v_bu = spiking_step(drive_bu, v_bu, decay_u, weight_uu, slope)
        out.append(v_bu)
    return torch.stack(out, dim=1)


def spiking_step(
    drive_bu: torch.Tensor,
    v_bu: torch.Tensor,
    decay_u: torch.Tensor,
    weight_uu: torch.Tensor,
    slope: float,
) -> torch.Tensor:
    """One step of `spiking`: the potentials after it, (B, U)."""
    return decay_u * v_bu + SurrogateSpike.apply(v_bu - 1.0, slope) @ weight_uu.T + drive_bu


def gated(
    kind: str,
    drive_btg: torch.Tensor,
    weight_gu: torch.Tensor,
    bias_g: torch.Tensor,
    own_bias_g: torch.Tensor,
) -> torch.Tensor:
    """The state of a layer of "lstm" or "gru" units, (B, T, U): torch's own layers.

    `drive_btg` goes through a matrix that changes nothing.
    """
    begin_1bu = drive_btg.new_zeros(1, drive_btg.shape[0], weight_gu.shape[1])
    eye = torch.eye(len(weight_gu), dtype=drive_btg.dtype, device=drive_btg.device)
    weights = [eye, weight_gu, bias_g, own_bias_g]
    if kind == "lstm":
        shape = True, 1, 0.0, True, False, True
        return torch.lstm(drive_btg, (begin_1bu, begin_1bu), weights, *shape)[0]
    return torch.gru(drive_btg, begin_1bu, weights, True, 1, 0.0, True, False, True)[0]


def memory_recursion(
    input_btc: torch.Tensor,
    memory_weight_hd: torch.Tensor,
    input_weight_hc: torch.Tensor | None,
    hidden_bias_h: torch.Tensor,
    layers: Sequence[Layer],
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
    *,
    recompute: bool = False,
) -> torch.Tensor:
    """The ELM memory, one millisecond after the other.

    With x = decay m_{t-1}: m_t = x + gain 1.7159 tanh(2/3 MLP(x)), where the first hidden layer of
    the MLP is act(drive_t + memory_weight x), its drive is `hidden_drive`, and `layers` are the
    (weight, bias) after it. `recompute` is of no effect here: autograd keeps what it needs.

    Returns:
        memory, (B, T, d).
    """
    drive_bth = hidden_drive(input_btc, input_weight_hc, hidden_bias_h)
    memory_bd = drive_bth.new_zeros(drive_bth.shape[0], len(decay_d))
    out = []
    for drive_bh in drive_bth.unbind(1):
        memory_bd = memory_step(
            drive_bh, memory_bd, memory_weight_hd, layers, decay_d, gain_d, activation
        )
        out.append(memory_bd)
    return torch.stack(out, dim=1)


def hidden_drive(
    input_c: torch.Tensor, weight_hc: torch.Tensor | None, bias_h: torch.Tensor
) -> torch.Tensor:
    """What the input (..., C) and the bias add to the first hidden layer, (..., h).

    Without a weight the input is (..., h) and added as it is.
    """
    if weight_hc is None:
        return input_c + bias_h
    return functional.linear(input_c, weight_hc, bias_h)


def memory_step(
    drive_bh: torch.Tensor,
    memory_bd: torch.Tensor,
    memory_weight_hd: torch.Tensor,
    layers: Sequence[Layer],
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
) -> torch.Tensor:
    """One millisecond of `memory_recursion`: the memory after it, (B, d)."""
    act = ACTIVATIONS[activation]
    decayed_bd = decay_d * memory_bd
    hidden_bh = drive_bh + decayed_bd @ memory_weight_hd.T
    for weight, bias in layers:
        hidden_bh = functional.linear(act(hidden_bh), weight, bias)
    return decayed_bd + gain_d * PROPOSAL_SCALE * torch.tanh(PROPOSAL_SLOPE * hidden_bh)


def step_by_step(
    spikes_bts: torch.Tensor,
    strength_s: torch.Tensor,
    n_branch: int,
    layers: Sequence[Layer],
    trace_decay: float,
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
) -> torch.Tensor:
    """The ELM as it is published: nothing hoisted, the trace of every synapse inside the loop.

    The slow and literal truth that tests and benchmarks hold the rest against.

    Args:
        spikes_bts: (B, T, synapses), dense, one number for each synapse and ms.
        strength_s: signed weight of each synapse; the synapses of a branch stand together.
        n_branch: number of branches.
        layers: (weight, bias) of each layer of the MLP on [branches, decayed memory].
        trace_decay: of the synaptic traces, per ms.
        decay_d, gain_d: as in `memory_recursion`.
        activation: "relu" or "silu".

    Returns:
        memory, (B, T, d).
    """
    act = ACTIVATIONS[activation]
    rows, duration, synapses = spikes_bts.shape
    trace_bs = spikes_bts.new_zeros(rows, synapses)
    memory_bd = spikes_bts.new_zeros(rows, len(decay_d))
    out = []
    for t in range(duration):
        trace_bs = trace_decay * trace_bs + strength_s * spikes_bts[:, t]
        branch_bj = trace_bs.view(rows, n_branch, -1).sum(2)
        decayed_bd = decay_d * memory_bd
        x = torch.cat([branch_bj, decayed_bd], dim=1)
        for weight, bias in layers[:-1]:
            x = act(functional.linear(x, weight, bias))
        proposal_bd = PROPOSAL_SCALE * torch.tanh(
            PROPOSAL_SLOPE * functional.linear(x, *layers[-1])
        )
        memory_bd = decayed_bd + gain_d * proposal_bd
        out.append(memory_bd)
    return torch.stack(out, dim=1)
