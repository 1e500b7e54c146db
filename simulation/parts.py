"""The folder of trials that are finished while their shard is not, and of draws put by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.files import read_npz, write_atomic, write_npz
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.queue import DONE, REJECTED, Draw

VERDICTS = {".npz": DONE, ".rejected": REJECTED}


@dataclass(frozen=True)
class Parts:
    """A file for every finished trial; and until it is finished, one for every draw of it."""

    folder: Path

    def path(self, index: int) -> Path:
        """The file of one finished trial."""
        return self.folder / f"trial-{index:07d}.npz"

    def save(self, draw: Draw, inputs: InputEvents, outcome: Recording | TrialFailure) -> None:
        """Keep a finished trial, atomically."""
        self.put_by(draw, inputs, outcome)
        self.keep(draw)

    def put_by(self, draw: Draw, inputs: InputEvents, outcome: Recording | TrialFailure) -> None:
        """Write a draw that was accepted or failed for good, in case it is the one that counts."""
        arrays: dict = {"attempt": draw.attempt, "retried": draw.failed, "failed": ""}
        arrays |= {"n_segments": inputs.n_segments, "duration_ms": inputs.duration_ms}
        arrays |= {"synapse": inputs.synapse, "offset": inputs.offset}
        if isinstance(outcome, TrialFailure):
            arrays["failed"] = outcome.reason
        else:
            kept = {key: value for key, value in vars(outcome).items() if value is not None}
            arrays |= {f"recording_{key}": value for key, value in kept.items()}
        write_npz(self._draw(draw, ".npz"), arrays, compressed=False)

    def reject(self, draw: Draw) -> None:
        """Note that a draw was rejected, so that it is not simulated again after a kill."""
        write_atomic(self._draw(draw, ".rejected"), b"")

    def keep(self, draw: Draw) -> None:
        """Make a draw that was put by the finished trial.

        Raises:
            NeuronIOError: it is gone, as where two runs make the same shard.
        """
        try:
            self._draw(draw, ".npz").replace(self.path(draw.index))
        except OSError as error:
            if self.path(draw.index).exists():  # the other run was first, with the same trial
                return
            raise NeuronIOError(
                f"cannot keep trial {draw.index} in {self.folder}: {error}; is another run at work "
                "on the same folder?"
            ) from error

    def verdicts(self) -> dict[int, dict[int, str]]:
        """The verdicts on the draws of trials, by index and attempt."""
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for path in self.folder.glob("draw-*"):
            _, index, attempt = path.stem.split("-")
            found[int(index)][int(attempt)] = VERDICTS[path.suffix]
        return found

    def load(self, index: int) -> tuple[dict, InputEvents, Recording | None]:
        """A kept trial: facts, inputs, and the recording unless the trial failed.

        Raises:
            NeuronIOError: it is gone, as where two runs make the same shard, or damaged.
        """
        part = read_npz(self.path(index))
        inputs = InputEvents(
            int(part["n_segments"]), int(part["duration_ms"]), part["synapse"], part["offset"]
        )
        facts = {key: part[key].item() for key in ("attempt", "retried", "failed")}
        traces = {k.removeprefix("recording_"): part[k] for k in part if k[:10] == "recording_"}
        return facts, inputs, Recording(**traces) if traces else None

    def _draw(self, draw: Draw, suffix: str) -> Path:
        return self.folder / f"draw-{draw.index:07d}-{draw.attempt:04d}{suffix}"


# Trials by their indices, and where those are kept: small enough to tell every worker.
Places = Sequence[tuple[Sequence[int], Parts]]


def parts_of(places: Places, draw: Draw) -> Parts:
    """Where a draw's trial is kept."""
    return next(parts for indices, parts in places if draw.index in indices)


def put_by(
    places: Places, draw: Draw, inputs: InputEvents, outcome: Recording | TrialFailure
) -> str:
    """Put a draw by and say so; one that failed for the first time is left for another try."""
    if isinstance(outcome, TrialFailure) and not draw.failed:
        return outcome.reason
    parts_of(places, draw).put_by(draw, inputs, outcome)
    return DONE
