"""The ELM neuron on inputs that each have a learned vector, as tokens have."""

from __future__ import annotations

import torch
from torch import nn

from neuronio.surrogate import recurrence
from neuronio.surrogate.models.elm import Elm


class EmbeddedElm(Elm):
    """ELM neuron behind an embedding: an event adds its input's learned vector to the branches.

    The vectors, of either sign, stand for the synapses. With many inputs of which one comes a step
    (tokens, bytes) it is the usual first layer; the ELM alone sees such inputs one-hot.
    """

    @property
    def branched(self) -> bool:
        """Always."""
        return True

    def add_synapses(self) -> None:
        """Set the vectors of the inputs."""
        self.n_branch = self.options.embedding
        self.set_cells(None)
        self.embedding = nn.Parameter(torch.randn(self.options.inputs, self.n_branch))

    def input_kernel(self) -> torch.Tensor:
        """What an event adds to the branches, (N, branches)."""
        return self.embedding

    def step_by_step(self, dense_btn: torch.Tensor) -> torch.Tensor:
        """As `forward`, from dense inputs: slow, for comparison."""
        memory_btd = recurrence.reference.step_by_step(
            dense_btn @ self.embedding,
            torch.ones_like(self.embedding[0]),
            self.n_branch,
            self._layers(),
            self.trace_decay,
            *self.decay_and_gain(),
            self.options.activation,
        )
        return self.readout(memory_btd)

    def count_multiply_adds(self) -> int:
        """Multiply-adds per step with every input counted as active once."""
        weights = sum(layer.weight.numel() for layer in [*self.mlp, self.readout])
        return self.embedding.numel() + self.n_branch + weights + 2 * self.options.num_memory
