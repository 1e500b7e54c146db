"""The pooled ELM: the ELM neuron on the summed inputs of stretches of the dendritic tree."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from neuronio.surrogate.models.elm import Elm, ElmOptions, branch_cell
from neuronio.surrogate.models.registry import surrogate

# What a spike adds to its cluster's feature.
SPIKE = 0.5


class PooledElmOptions(ElmOptions):
    """Pooled ELM: neighbouring segments' inputs summed, excitation and inhibition apart."""

    clusters: int = Field(
        20, ge=1, description="Groups of neighbouring segments, equally many where that can be."
    )
    weights: Literal["none", "synapse"] = Field(
        "none", description="All spikes count alike, or by a learned weight of their synapse."
    )
    memory_gain: Literal["v1", "v2"] = Field(
        "v1", description="As in Branch-ELM v1, or v2, where it is below 1 and fits explode less."
    )

    @property
    def version(self) -> int:
        """Of the memory gain."""
        return int(self.memory_gain[1])

    @model_validator(mode="after")
    def _not_too_many(self) -> PooledElmOptions:
        if not self.signed:
            raise ValueError("signed is false, but clusters have excitation and inhibition apart")
        if self.clusters > self.inputs // 2:
            raise ValueError(
                f"clusters is {self.clusters} but must be at most {self.inputs // 2}, the number "
                "of segments"
            )
        return self


@surrogate("pooled_elm", options=PooledElmOptions, label="pooled ELM", marker="H", colour="#E6007E")
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
