"""What a fit leaves on disk: written whole or not at all, and read back without running code.

A fit directory is self-contained:

    config.json     model, options, seed, training settings, target rule, where the data came from
    best.pt         weights with the smallest validation loss
    checkpoint.pt   everything needed to go on after the last validation
    history.csv     one row a validation
    summary.json    what came out; its presence says that the fit is complete
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import pickle
import platform
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document; NaN and infinity are not JSON and are refused."""
    write_atomic(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises:
        NeuronIOError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NeuronIOError(f"cannot read {path}: {error}") from error


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


def write_history(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write history rows, all of the same keys, as CSV; None is an empty cell."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def read_history(path: Path) -> list[dict[str, float | None]]:
    """The rows of a history file as numbers.

    Raises:
        NeuronIOError: the file is missing or is no history.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [{key: float(v) if v else None for key, v in row.items()} for row in rows]
    except (OSError, ValueError, TypeError) as error:
        raise NeuronIOError(f"cannot read the history {path}: {error}") from error


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    out = {"python": platform.python_version(), "torch": torch.__version__}
    out["numpy"] = np.__version__
    with contextlib.suppress(PackageNotFoundError):
        out["neuronio"] = version("neuronio")
    return out
