"""Where a surrogate is computed."""

from __future__ import annotations

import torch

from neuronio.errors import NeuronIOError


def check_device(device: str) -> None:
    """Reject a device that does not exist.

    Raises:
        NeuronIOError: it is neither cpu nor cuda, or torch sees no GPU.
    """
    if device not in ("cpu", "cuda"):
        raise NeuronIOError(f"device is '{device}' but must be cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise NeuronIOError("device is cuda, but torch sees no GPU here; set device to cpu")
