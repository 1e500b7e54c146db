"""A model that goes one ms at a time: events in, spike logit and soma voltage out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from neuronio.errors import NeuronIOError
from neuronio.surrogate.checkpoint import read_tensors, write_tensors
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.recurrence.reference import event_convolution

FORMAT = 1
Array = np.ndarray | torch.Tensor
State = tuple[torch.Tensor, ...]
"""What a model remembers from one ms to the next: tensors whose first axis is the rows."""


class Steps(Protocol):
    """What a stepper asks of a model (models/base.py)."""

    options: Any
    training: bool

    def input_kernel(self) -> torch.Tensor:
        """What a spike of each synapse adds, (N, C)."""

    def first_state(self, rows: int) -> State:
        """The state before the first ms."""

    def advance(self, current_bc: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One ms."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The weights."""


class Moment(NamedTuple):
    """What B rows did in one ms.

    Attributes:
        spike_logit: (B,).
        soma_mV: (B,), fitted to a voltage clipped where a spike would be (protocol.SomaScale).
        outputs: (B, outputs) as the model gives them.
    """

    spike_logit: torch.Tensor
    soma_mV: torch.Tensor
    outputs: torch.Tensor

    @classmethod
    def of(cls, out_bo: torch.Tensor) -> Moment:
        """From a model's outputs."""
        soma: Any = out_bo[:, 1]
        soma_mV: Any = SomaScale().to_mV(soma)
        return cls(out_bo[:, 0], soma_mV, out_bo)


class Stepper:
    """B rows of a model, equal but for their state, which go on ms by ms.

    Args:
        model: in evaluation mode. Its input kernel is computed once, here: make another stepper
            after its weights have changed.
        rows: B.

    Attributes:
        state: what the rows remember, tensors whose first axis is the rows.

    Raises:
        NeuronIOError: the model is in training mode, or cannot go one ms at a time.
    """

    def __init__(self, model: Steps, rows: int = 1) -> None:
        if model.training:
            raise NeuronIOError("the model is in training mode; call model.eval() before stream")
        if rows < 1:
            raise NeuronIOError(f"a stepper of {rows} rows was asked for; give at least 1")
        self.model = model
        with torch.no_grad():
            self.kernel_nc = model.input_kernel().contiguous()
            self.state: State = model.first_state(rows)

    @property
    def rows(self) -> int:
        """B."""
        return len(self.state[0])

    @property
    def synapses(self) -> int:
        """N."""
        return len(self.kernel_nc)

    def step(self, row: Array, synapse: Array) -> Moment:
        """One ms, from the spikes that come in: spike i reaches synapse[i] of row[i].

        Args:
            row, synapse: (events,) whole numbers in any order; a synapse that is named twice has
                two spikes.

        Raises:
            NeuronIOError: a row or a synapse does not exist.
        """
        row, synapse = checked_events(row, synapse, self.rows, self.synapses)
        events = sorted_events(row, synapse, self.rows, self.synapses)
        return self.step_events(events.to(self.kernel_nc.device))

    def step_events(self, events: EventBatch) -> Moment:
        """One ms, from the events of windows of 1 ms, which are not checked.

        They are summed by PyTorch: for single ms its threads cost less than compiled ones.
        """
        with torch.no_grad():
            return self._advance(event_convolution(events, self.kernel_nc.unsqueeze(1))[:, 0])

    def step_dense(self, spikes_bn: Array) -> Moment:
        """One ms, from the number of spikes of every synapse of every row, (B, N).

        Raises:
            NeuronIOError: the shape is another.
        """
        wanted = (self.rows, self.synapses)
        if tuple(spikes_bn.shape) != wanted:
            raise NeuronIOError(
                f"spikes have shape {tuple(spikes_bn.shape)} but must be (rows, synapses), {wanted}"
            )
        with torch.no_grad():
            return self._advance(torch.as_tensor(spikes_bn).to(self.kernel_nc) @ self.kernel_nc)

    def _advance(self, current_bc: torch.Tensor) -> Moment:
        out_bo, self.state = self.model.advance(current_bc, self.state)
        return Moment.of(out_bo)

    def reset(self) -> None:
        """Every row as before its first ms."""
        with torch.no_grad():
            self.state = self.model.first_state(self.rows)

    def clone(self) -> Stepper:
        """A stepper at the same point, which goes on by itself."""
        return self._with(tuple(part.clone() for part in self.state))

    def split(self, sizes: Sequence[int]) -> list[Stepper]:
        """Steppers of the first rows, the next ones, ..., each of which goes on by itself.

        Raises:
            NeuronIOError: the sizes do not add up to the rows.
        """
        if sum(sizes) != self.rows or min(sizes, default=0) < 1:
            raise NeuronIOError(f"sizes {list(sizes)} do not split {self.rows} rows")
        parts = zip(*(part.split(list(sizes)) for part in self.state), strict=True)
        return [self._with(tuple(tensor.clone() for tensor in part)) for part in parts]

    @staticmethod
    def join(steppers: Sequence[Stepper]) -> Stepper:
        """One stepper of all the rows, in order.

        Raises:
            NeuronIOError: there are none, or they are of different models.
        """
        if not steppers or any(other.model is not steppers[0].model for other in steppers):
            raise NeuronIOError("only steppers of one and the same model can be joined")
        states = zip(*(stepper.state for stepper in steppers), strict=True)
        return steppers[0]._with(tuple(torch.cat(parts) for parts in states))

    def _with(self, state: State) -> Stepper:
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__ | {"state": state}
        return other

    def save(self, path: str | Path) -> None:
        """Write the state to a file, which says of which model it is."""
        document = {"format": FORMAT, "model": self.identity, "state": list(self.state)}
        write_tensors(Path(path), document)

    def load(self, path: str | Path) -> None:
        """Go on from a state that was saved; the rows become as many as it has.

        Raises:
            NeuronIOError: the file is no saved state, or one of another model.
        """
        document = read_tensors(Path(path), "give a file that a stepper saved")
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise NeuronIOError(
                f"{path} is not a state that a stepper saved; give one of its files"
            )
        if document["model"] != self.identity:
            raise NeuronIOError(
                f"{path} is the state of a model with other weights or options; load the model "
                "that it was saved with"
            )
        self.state = tuple(part.to(self.kernel_nc) for part in document["state"])

    @cached_property
    def identity(self) -> str:
        """Checksum of the model's options and weights."""
        options = self.model.options.model_dump(mode="json")
        told = [type(self.model).__name__, options]
        checksum = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        for name, value in sorted(self.model.state_dict().items()):
            checksum.update(name.encode() + value.cpu().numpy().tobytes())
        return checksum.hexdigest()


def checked_events(
    row: Array, synapse: Array, rows: int, synapses: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and synapses of spikes as (events,) int32.

    Raises:
        NeuronIOError: one does not exist or is no whole number, or the shapes differ.
    """
    row, synapse = np.asarray(row), np.asarray(synapse)
    for what, index in (("row", row), ("synapse", synapse)):
        if index.size and index.dtype.kind not in "iu":
            raise NeuronIOError(f"a spike's {what} is of type {index.dtype}; give whole numbers")
    if row.shape != synapse.shape or row.ndim != 1:
        raise NeuronIOError(
            f"rows have shape {row.shape} and synapses {synapse.shape}; both must be (events,)"
        )
    _check_range("row", row, rows)
    _check_range("synapse", synapse, synapses)
    return np.ascontiguousarray(row, np.int32), np.ascontiguousarray(synapse, np.int32)


def sorted_events(row: np.ndarray, synapse: np.ndarray, rows: int, synapses: int) -> EventBatch:
    """The events of one ms as windows of 1 ms, sorted by row."""
    order = np.argsort(row.astype(np.uint16) if rows <= 1 << 16 else row, kind="stable")
    offset = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=offset[1:])
    sorted_synapse = torch.from_numpy(synapse[order])
    return EventBatch(rows, 1, synapses, sorted_synapse, torch.from_numpy(offset))


def _check_range(what: str, index: np.ndarray, count: int) -> None:
    if len(index) and (index.min() < 0 or index.max() >= count):
        raise NeuronIOError(
            f"a spike names {what} {index.max() if index.max() >= count else index.min()}, but "
            f"there are {count}; count them from 0"
        )
