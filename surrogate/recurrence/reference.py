"""The plain PyTorch form of everything that the compiled kernels do, on any device.

Shape letters: b batch row, t ms, n input synapse, k kernel tap, c channel, h hidden unit,
d memory unit. Source of the equations: Spieler et al. 2024 (arXiv 2306.16922), section 2.
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


def event_convolution(events: EventBatch, kernel_nkc: torch.Tensor) -> torch.Tensor:
    """Causal convolution of the spikes: a spike of synapse n at t adds kernel[n, j] at t + j.

    Shapes as in `recurrence.event_convolution`.
    """
    _, taps, channels = kernel_nkc.shape
    if taps > 1:
        dense_bnt = functional.pad(events.dense().to(kernel_nkc.dtype), (taps - 1, 0))
        return functional.conv1d(dense_bnt, kernel_nkc.permute(2, 0, 1).flip(2)).transpose(1, 2)
    rows = functional.embedding_bag(
        events.synapse.long(), kernel_nkc.squeeze(1), events.offset[:-1], mode="sum"
    )
    return rows.view(events.n_rows, events.duration_ms, channels)


def exponential_filter(x_btc: torch.Tensor, decay: float) -> torch.Tensor:
    """y_t = decay y_{t-1} + x_t along the second axis, from y = 0, in log2 T doubling steps."""
    out_btc, span = x_btc, 1
    while span < x_btc.shape[1] and decay**span > 0.0:
        shifted = functional.pad(out_btc[:, :-span], (0, 0, span, 0))
        out_btc, span = out_btc + decay**span * shifted, 2 * span
    return out_btc


def memory_recursion(
    drive_bth: torch.Tensor,
    memory_weight_hd: torch.Tensor,
    layers: Sequence[Layer],
    decay_d: torch.Tensor,
    gain_d: torch.Tensor,
    activation: str,
    *,
    recompute: bool = False,
) -> torch.Tensor:
    """The ELM memory, one millisecond after the other.

    With x = decay m_{t-1}: m_t = x + gain 1.7159 tanh(2/3 MLP(x)), where the first hidden layer of
    the MLP is act(drive_t + memory_weight x) and `layers` are the (weight, bias) after it.
    `recompute` is of no effect here: autograd keeps what it needs.

    Returns:
        memory, (B, T, d).
    """
    memory_bd = drive_bth.new_zeros(drive_bth.shape[0], len(decay_d))
    out = []
    for drive_bh in drive_bth.unbind(1):
        memory_bd = memory_step(
            drive_bh, memory_bd, memory_weight_hd, layers, decay_d, gain_d, activation
        )
        out.append(memory_bd)
    return torch.stack(out, dim=1)


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
