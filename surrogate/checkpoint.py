"""What a fit leaves on disk: written whole or not at all, and read back without running code.

A fit directory is self-contained:

    config.json     model, options, seed, training settings, target rule, where the data came from
    targets.npz     what further targets are, where there are any
    best.pt         weights with the smallest validation loss
    checkpoint.pt   everything needed to go on after the last validation
    history.csv     one row a validation
    summary.json    what came out; its presence says that the fit is complete
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic


def write_tensors(path: Path, state: Any) -> None:
    """Save tensors and plain containers; equal states give equal bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def read_tensors(path: Path) -> Any:
    """Load tensors and plain containers to the CPU; nothing else is admitted.

    Raises:
        NeuronIOError: the file is missing, cut short, or holds anything that would run as code.
    """
    if not path.exists():
        raise NeuronIOError(f"{path} does not exist; give the directory of a fit")
    try:
        if not zipfile.is_zipfile(path):
            raise EOFError("it is cut short, or no torch file at all")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NeuronIOError(
            f"{path} is not a readable checkpoint ({reason[:120]}); delete it and fit again"
        ) from error


def copy_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A true copy of a model's weights on the CPU, which later steps do not change."""
    state = model.state_dict()
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}


def load_weights(model: torch.nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Put weights that were read from `path` into a model.

    Raises:
        NeuronIOError: names or shapes differ.
    """
    try:
        model.load_state_dict(weights)
    except (RuntimeError, AttributeError) as error:
        detail = " ".join(str(error).split())
        raise NeuronIOError(
            f"the weights in {path} do not fit the model: {detail[:200]}"
        ) from error
