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
import math
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_atomic, write_csv, write_json
from neuronio.recipe import differences


@dataclass
class FitState:
    """Where a fit stands: what a checkpoint holds beside model and optimiser."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def write_tensors(path: Path, state: Any) -> None:
    """Save tensors and plain containers; equal states give equal bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def read_tensors(path: Path, advice: str = "give the directory of a fit that has one") -> Any:
    """Load tensors and plain containers to the CPU; nothing else is admitted.

    Args:
        advice: where it does not exist.

    Raises:
        NeuronIOError: the file is missing, cut short, or holds anything that would run as code.
    """
    if not path.exists():
        raise NeuronIOError(f"{path} does not exist; {advice}")
    try:
        if not zipfile.is_zipfile(path):
            raise EOFError("it is cut short, or no torch file at all")
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NeuronIOError(
            f"{path} is not a readable checkpoint ({reason[:120]}); delete it and make it again"
        ) from error


def copy_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """A true copy of a model's weights on the CPU, which later steps do not change."""
    state = model.state_dict()
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}


def load_weights(model: nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Put weights that were read from `path` into a model.

    Raises:
        NeuronIOError: names or shapes differ.
    """
    try:
        model.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:
        detail = " ".join(str(error).split())
        raise NeuronIOError(
            f"the weights in {path} do not fit the model: {detail[:200]}"
        ) from error


def read_record(path: Path) -> dict[str, Any]:
    """What config.json or summary.json of a fit directory holds.

    Raises:
        NeuronIOError: it is missing, is no JSON, or holds no keys and values.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise NeuronIOError(f"{path} is damaged: it holds no keys and values; fit again")
    return document


def claimed(out: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Write config.json, or see that the one there is of this very fit; returns the one there.

    Args:
        document: what config.json holds, of which `recipe` decides the result.

    Raises:
        NeuronIOError: the directory holds another fit, or its config.json is damaged.
    """
    path = out / "config.json"
    if not path.exists():
        write_json(path, document)
        return document
    there, recipe = read_record(path), document["recipe"]
    if not isinstance(made := there.get("recipe", {}), dict):
        raise NeuronIOError(f"{path} is damaged; give another directory, or delete this one")
    if different := list(differences(made, recipe)):
        raise NeuronIOError(
            f"{out} holds another fit ({_in_words(different, made, recipe)}); give another "
            "directory"
        )
    return there


def _in_words(different: list[str], there: dict[str, Any], wanted: dict[str, Any]) -> str:
    """A difference of two fits: a setting with both its values before code, versions or data."""
    key = min(different, key=lambda name: name.startswith(("code", "packages", "data")))
    section, _, name = key.partition(".")
    if section in ("code", "packages", "data"):
        return f"{key} differs"
    values = [recipe.get(section) for recipe in (there, wanted)]
    if name:
        values = [(value or {}).get(name) for value in values]
    return f"{key} is {str(values[0])[:60]} there and {str(values[1])[:60]} here"


def save_checkpoint(
    out: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: FitState
) -> None:
    """Write checkpoint.pt, then history.csv."""
    document = {"model": copy_state(model), "optimizer": optimizer.state_dict(), **vars(state)}
    write_tensors(out / "checkpoint.pt", document)
    write_csv(out / "history.csv", state.history)


def resume(out: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> FitState:
    """Load the last checkpoint, if there is one, and return where it stands."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return FitState()
    document = read_tensors(path)
    try:
        load_weights(model, document.pop("model"), path)
        optimizer.load_state_dict(document.pop("optimizer"))
        return FitState(**document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NeuronIOError(f"{path} is not a checkpoint of this fit; delete it") from error
