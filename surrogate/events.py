"""A batch of input events as one sorted list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError


@dataclass(frozen=True)
class EventBatch:
    """Input events of B rows of T steps each, from N synapses or channels.

    Attributes:
        n_rows: B.
        steps: T; a step is 1 ms where the rows are windows of trials.
        n_synapses: N; of trials, the first half is excitatory, the second inhibitory.
        synapse: (events,) int32, sorted by (row, step).
        offset: (B T + 1,) int64; the events of row b, step t are
            `synapse[offset[b * T + t]:offset[b * T + t + 1]]`.
        value: (events,) float32, how much each counts; None where each counts 1.
        length: (B,) int64, steps of each row, after which nothing comes; None where all have T.
    """

    n_rows: int
    steps: int
    n_synapses: int
    synapse: torch.Tensor
    offset: torch.Tensor
    value: torch.Tensor | None = None
    length: torch.Tensor | None = None

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
        (steps, n_synapses), n_rows = shapes[0], len(inputs)
        return cls(n_rows, steps, n_synapses, torch.from_numpy(synapse), torch.from_numpy(offset))

    @classmethod
    def from_rows(
        cls,
        n_synapses: int,
        length: np.ndarray,
        row: np.ndarray,
        step: np.ndarray,
        synapse: np.ndarray,
        value: np.ndarray | None = None,
    ) -> EventBatch:
        """Rows of unequal length, silent from their end to that of the longest.

        Args:
            length: (B,) steps of each row.
            row, step, synapse, value: of each event, (events,), sorted by (row, step). Values that
                are all 1 are left out.
        """
        steps = int(length.max())
        bins = row.astype(np.int64) * steps + step
        offset = np.searchsorted(bins, np.arange(len(length) * steps + 1))
        if value is not None and (value == 1.0).all():
            value = None
        return cls(
            len(length),
            steps,
            n_synapses,
            torch.from_numpy(synapse.astype(np.int32)),
            torch.from_numpy(offset.astype(np.int64)),
            None if value is None else torch.from_numpy(value.astype(np.float32)),
            torch.from_numpy(length.astype(np.int64)),
        )

    @property
    def device(self) -> torch.device:
        """Where the events are."""
        return self.synapse.device

    def to(self, device: torch.device | str) -> EventBatch:
        """The same events on another device."""
        moved: dict[str, Any] = {
            k: v.to(device) for k, v in vars(self).items() if isinstance(v, torch.Tensor)
        }
        return replace(self, **moved)

    def last(self, x_btc: torch.Tensor) -> torch.Tensor:
        """What something over time is at the last step of each row, (B, C) of (B, T, C)."""
        if self.length is None:
            return x_btc[:, -1]
        return x_btc[torch.arange(self.n_rows, device=x_btc.device), self.length - 1]

    def bins(self) -> torch.Tensor:
        """The bin b T + t of each event, (events,) int64."""
        counts = self.offset.diff()
        bins = torch.arange(len(counts), device=self.device)
        return torch.repeat_interleave(bins, counts, output_size=len(self.synapse))

    def dense(self) -> torch.Tensor:
        """What comes in, (B, N, T) float32: of trials 0 and 1, else sums of values."""
        row, step = self.bins().div(self.steps, rounding_mode="floor"), self.bins()
        out = torch.zeros(self.n_rows, self.n_synapses, self.steps, device=self.device)
        value = out.new_ones(len(self.synapse)) if self.value is None else self.value
        at = row, self.synapse.long(), step - row * self.steps
        return out.index_put_(at, value, accumulate=True)
