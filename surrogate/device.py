"""Where a surrogate is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """So many CPU threads for as long as this lasts, and the caller's number again afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
