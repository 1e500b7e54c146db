"""A batch of input spike trains as one sorted event list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError


@dataclass(frozen=True)
class EventBatch:
    """Input spikes of B windows of T ms each, from N synapses.

    Attributes:
        n_rows: B.
        duration_ms: T.
        n_synapses: N; the first half is excitatory, the second inhibitory.
        synapse: (events,) int32, sorted by (row, ms, synapse).
        offset: (B T + 1,) int64; the events of row b, ms t are
            `synapse[offset[b * T + t]:offset[b * T + t + 1]]`.
    """

    n_rows: int
    duration_ms: int
    n_synapses: int
    synapse: torch.Tensor
    offset: torch.Tensor

    @classmethod
    def from_inputs(cls, inputs: Sequence[InputEvents]) -> EventBatch:
        """Stack windows of equal duration from cells with equally many synapses.

        Raises:
            NeuronIOError: there are none, or they differ in duration or in synapses.
        """
        shapes = sorted({(item.duration_ms, item.n_synapses) for item in inputs})
        if len(shapes) != 1:
            raise NeuronIOError(
                f"a batch needs inputs of one (duration in ms, synapses), but these have {shapes}; "
                "cut windows of one length from one cell's data"
            )
        starts = np.cumsum([0, *(len(item.synapse) for item in inputs)])
        offsets = [item.offset[:-1] + start for item, start in zip(inputs, starts, strict=False)]
        synapse = np.concatenate([item.synapse for item in inputs]).astype(np.int32)
        offset = np.concatenate([*offsets, starts[-1:]]).astype(np.int64)
        (duration_ms, n_synapses), n_rows = shapes[0], len(inputs)
        return cls(
            n_rows, duration_ms, n_synapses, torch.from_numpy(synapse), torch.from_numpy(offset)
        )

    @property
    def device(self) -> torch.device:
        """Where the events are."""
        return self.synapse.device

    def to(self, device: torch.device | str) -> EventBatch:
        """The same events on another device."""
        synapse, offset = self.synapse.to(device), self.offset.to(device)
        return EventBatch(self.n_rows, self.duration_ms, self.n_synapses, synapse, offset)

    def bins(self) -> torch.Tensor:
        """The bin b T + t of each event, (events,) int64."""
        counts = self.offset.diff()
        bins = torch.arange(len(counts), device=self.device)
        return torch.repeat_interleave(bins, counts, output_size=len(self.synapse))

    def dense(self) -> torch.Tensor:
        """Spikes as (B, N, T) float32 of 0 and 1."""
        row, time_ms = self.bins().div(self.duration_ms, rounding_mode="floor"), self.bins()
        out = torch.zeros(self.n_rows, self.n_synapses, self.duration_ms, device=self.device)
        out[row, self.synapse.long(), time_ms - row * self.duration_ms] = 1.0
        return out
