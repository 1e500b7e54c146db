"""The ELM neuron and the Branch-ELM, v1 and v2 (Spieler et al. 2024, arXiv 2306.16922)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from neuronio.surrogate import recurrence
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.families.elm import BranchElmOptions, ElmOptions
from neuronio.surrogate.models.base import ReadoutSurrogate, State

INITIAL_SYNAPSE_WEIGHT = 0.5
# A time constant at the very bound would have an infinite logit.
BOUND_MARGIN = 1e-6


class Elm(ReadoutSurrogate):
    """ELM neuron: synapses, branches, memory units, linear readout.

    All that is linear in time happens before the recursion: a spike adds its synapse's weight to
    its branch (without branches, what it gives to the hidden units directly to those), and one
    exponential filter over time makes the traces. Filtering after summing equals filtering each
    synapse, because all synapses share one time constant.
    """

    synapse_source: torch.Tensor
    synapse_sign: torch.Tensor
    synapse_cell: torch.Tensor | None
    input_band: torch.Tensor | None
    tau_logit: torch.Tensor
    # What computes over time; tests and benchmarks put the plain reference here.
    compute = recurrence

    def __init__(self, options: ElmOptions) -> None:
        super().__init__(options)
        units, hidden = options.num_memory, 2 * options.num_memory
        self.trace_decay = math.exp(-options.step_ms / options.tau_synapse_ms)
        self.add_synapses()
        sizes = [self.n_branch + units, *[hidden] * options.mlp_layers, units]
        self.mlp = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.readout = nn.Linear(units, options.outputs)
        logit = tau_logit(options)
        if options.learn_tau:
            self.tau_logit = nn.Parameter(logit)
        else:
            self.register_buffer("tau_logit", logit)

    def add_synapses(self) -> None:
        """Set what each synapse reads, where it adds to, and its weight."""
        options = self.options
        source, valid, self.n_branch = synapse_routing(options)
        excites = source < (options.inputs // 2 if options.signed else options.inputs)
        sign = torch.where(excites, 1.0, -1.0) * valid
        self.register_buffer("synapse_source", source, persistent=False)
        self.register_buffer("synapse_sign", sign, persistent=False)
        cell = None
        if isinstance(options, BranchElmOptions):
            cell = branch_cell(source, valid, options.inputs, options.num_branch)
        self.set_cells(cell)
        self.synapse_weight = nn.Parameter(torch.full((len(source),), INITIAL_SYNAPSE_WEIGHT))

    def set_cells(self, cell_s: torch.Tensor | None) -> None:
        """Set where synapses stand in the matrix of inputs and branches (`branch_cell`)."""
        self.register_buffer("synapse_cell", cell_s, persistent=False)
        band = None if cell_s is None else branch_band(cell_s, self.options.inputs, self.n_branch)
        self.register_buffer("input_band", band, persistent=False)

    @property
    def branched(self) -> bool:
        """Whether spikes add to branches, which hidden units read, or to those directly."""
        return self.synapse_cell is not None

    def held(self, events: EventBatch) -> torch.Tensor:
        """The memory units over time, (B, T, d)."""
        decay_d, gain_d = self.decay_and_gain()
        input_weight_hc, memory_weight_hd, bias_h = self._first_layer()
        return self.compute.memory_recursion(
            self.traces(events),
            memory_weight_hd,
            input_weight_hc,
            bias_h,
            self._layers()[1:],
            decay_d,
            gain_d,
            self.options.activation,
            recompute=self.options.recompute,
        )

    def _layers(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(weight, bias) of each layer of the multilayer perceptron."""
        return [(layer.get_parameter("weight"), layer.get_parameter("bias")) for layer in self.mlp]

    def _first_layer(self) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        """Its weights from the branches (without them, None) and the memory, and its bias."""
        weight_hd, bias_h = self._layers()[0]
        branch_weight_hc, memory_weight_hd = weight_hd.tensor_split([self.n_branch], dim=1)
        return branch_weight_hc if self.branched else None, memory_weight_hd, bias_h

    def strength(self) -> torch.Tensor:
        """Signed weight of each synapse, 0 where a synapse does not exist."""
        return torch.relu(self.synapse_weight) * self.synapse_sign

    def step_by_step(self, dense_btn: torch.Tensor) -> torch.Tensor:
        """As `forward`, from dense inputs, literally as published: slow, for comparison."""
        decay_d, gain_d = self.decay_and_gain()
        memory_btd = recurrence.reference.step_by_step(
            dense_btn[:, :, self.synapse_source],
            self.strength(),
            self.n_branch,
            self._layers(),
            self.trace_decay,
            decay_d,
            gain_d,
            self.options.activation,
        )
        return self.readout(memory_btd)

    def traces(self, events: EventBatch) -> torch.Tensor:
        """Filtered currents of the branches; without them, of the hidden units, (B, T, C)."""
        kernel_nkc = self.input_kernel().unsqueeze(1)
        currents_btc = self.compute.event_convolution(events, kernel_nkc, self.input_band)
        return self.compute.exponential_filter(currents_btc, self.trace_decay)

    def input_kernel(self) -> torch.Tensor:
        """What a spike of each synapse adds to the branches; without them, to the hidden units."""
        strength_s = self.strength()
        if self.synapse_cell is None:
            return strength_s[:, None] * self._layers()[0][0][:, : self.n_branch].T
        cells = self.options.inputs * self.n_branch
        kernel = strength_s.new_zeros(cells + 1).scatter(0, self.synapse_cell, strength_s)
        return kernel[:cells].view(self.options.inputs, self.n_branch)

    def first_state(self, rows: int) -> State:
        """Filtered currents (rows, C) and memory (rows, d), all 0."""
        weight_hd, _ = self._layers()[0]
        wide = self.n_branch if self.branched else len(weight_hd)
        return weight_hd.new_zeros(rows, wide), weight_hd.new_zeros(rows, self.options.num_memory)

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""
        trace_bc, memory_bd = state
        trace_bc = self.trace_decay * trace_bc + current_bc
        input_weight_hc, memory_weight_hd, bias_h = self._first_layer()
        memory_bd = recurrence.reference.memory_step(
            recurrence.reference.hidden_drive(trace_bc, input_weight_hc, bias_h),
            memory_bd,
            memory_weight_hd,
            self._layers()[1:],
            *self.decay_and_gain(),
            self.options.activation,
        )
        return self.readout(memory_bd), (trace_bc, memory_bd)

    def tau_ms(self) -> torch.Tensor:
        """Memory time constants, (d,) ms."""
        low, high = self.options.tau_min_ms, self.options.tau_max_ms
        return low + (high - low) * torch.sigmoid(self.tau_logit)

    def decay_and_gain(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Per step, (d,) each: what a memory keeps, and how far a proposal moves it."""
        tau_d, scale, step_ms = self.tau_ms(), self.options.memory_scale, self.options.step_ms
        decay_d = torch.exp(-step_ms / tau_d)
        if self.options.version == 2:
            return decay_d, -torch.expm1(-scale * step_ms / tau_d)
        return decay_d, scale * (1.0 - decay_d)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        weights = sum(layer.weight.numel() for layer in [*self.mlp, self.readout])
        units = self.options.num_memory
        return len(self.synapse_source) + self.n_branch + weights + 2 * units


def synapse_routing(options: ElmOptions) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Input of each synapse, whether the synapse exists, and the number of branches.

    ELM: input n is synapse n is branch n. Branch-ELM: with inputs interlaced (excitatory 0,
    inhibitory 0, excitatory 1, ...; those without a sign as they are), branch j takes consecutive
    ones from j ceil(N / branches) on; synapses past the last input do not exist but keep their
    place in the weights.
    """
    n = options.inputs
    if not isinstance(options, BranchElmOptions):
        return torch.arange(n), torch.ones(n, dtype=torch.bool), n
    start_j = torch.arange(options.num_branch) * math.ceil(n / options.num_branch)
    place_s = (start_j[:, None] + torch.arange(options.synapses_per_branch)).flatten()
    valid_s = place_s < n
    order_n = torch.arange(n).view(2, n // 2).T.flatten() if options.signed else torch.arange(n)
    return order_n[place_s.clamp(max=n - 1)], valid_s, options.num_branch


def branch_cell(
    source_s: torch.Tensor, valid_s: torch.Tensor, inputs: int, branches: int
) -> torch.Tensor:
    """Where each synapse stands in a flat (inputs, branches) matrix; none stand in one place.

    The synapses of a branch stand together, equally many a branch. Those that do not exist stand
    past the matrix's end.
    """
    branch_s = torch.arange(len(source_s)) // (len(source_s) // branches)
    return torch.where(valid_s, source_s * branches + branch_s, inputs * branches)


def branch_band(cell_s: torch.Tensor, inputs: int, branches: int) -> torch.Tensor | None:
    """The first of the few neighbouring branches that each input reaches, if they are so few.

    Returns:
        as `event_convolution` wants it, (inputs,) int32, or None.
    """
    width = recurrence.BAND
    input_s, branch_s = cell_s.div(branches, rounding_mode="floor"), cell_s % branches
    first_n = torch.full((inputs + 1,), branches).scatter_reduce(0, input_s, branch_s, "amin")
    first_n = first_n.clamp(0, max(branches - width, 0))[:inputs]
    exists = input_s < inputs
    reach_s = branch_s[exists] - first_n[input_s[exists]]
    return first_n.int() if width <= branches and bool((reach_s < width).all()) else None


def tau_logit(options: ElmOptions) -> torch.Tensor:
    """Inverse of the scaled sigmoid at time constants log-spaced between the bounds, (d,)."""
    low, high = options.tau_min_ms, options.tau_max_ms
    steps = torch.linspace(math.log(low), math.log(high), options.num_memory, dtype=torch.float64)
    share = (steps.exp() - low) / (high - low)
    return torch.logit(share, eps=BOUND_MARGIN / (high - low)).float()
