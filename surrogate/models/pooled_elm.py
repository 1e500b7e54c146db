"""The pooled ELM: the ELM neuron on the summed inputs of stretches of the dendritic tree."""

from __future__ import annotations

import torch
from torch import nn

from neuronio.surrogate.models.elm import Elm, branch_cell

# What a spike adds to its cluster's feature.
SPIKE = 0.5


class PooledElm(Elm):
    """ELM neuron whose branches are two for each cluster of segments: excitation and inhibition.

    Inputs n and n + S are the excitatory and the inhibitory synapse of segment n of S. Segments
    are numbered along the tree, so that a cluster, a stretch of consecutive ones, is a connected
    piece of it, or a few. Our own; the memory is that of Spieler et al. 2024, whose model learns a
    weight for every synapse.
    """

    def add_synapses(self) -> None:
        """Set what each synapse reads, where it adds to, and its weight where it has one."""
        inputs, clusters = self.options.inputs, self.options.clusters
        source, valid = cluster_routing(inputs, clusters)
        self.n_branch = 2 * clusters
        self.register_buffer("synapse_source", source, persistent=False)
        self.register_buffer("synapse_sign", valid.float(), persistent=False)
        self.set_cells(branch_cell(source, valid, inputs, self.n_branch))
        if self.options.weights == "synapse":
            self.synapse_weight = nn.Parameter(torch.ones(inputs))

    def strength(self) -> torch.Tensor:
        """What a spike of each synapse adds, 0 where a synapse does not exist."""
        if self.options.weights == "none":
            return SPIKE * self.synapse_sign
        return SPIKE * torch.relu(self.synapse_weight)[self.synapse_source] * self.synapse_sign

    def count_multiply_adds(self) -> int:
        """Multiply-adds per ms with every synapse counted as active once."""
        padding = len(self.synapse_source) - self.options.inputs
        return super().count_multiply_adds() - padding


def cluster_routing(inputs: int, clusters: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Input of each place of each feature, and whether the place is taken.

    Features are the clusters' excitation, then their inhibition; each has as many places as the
    largest cluster has segments.
    """
    segments = inputs // 2
    bound = torch.arange(clusters + 1) * segments // clusters
    place_kp = bound[:-1, None] + torch.arange(-(-segments // clusters))
    valid_kp = place_kp < bound[1:, None]
    source_kp = place_kp.clamp(max=segments - 1)
    return torch.cat([source_kp, source_kp + segments]).flatten(), valid_kp.repeat(2, 1).flatten()
