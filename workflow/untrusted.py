"""What lies where a product should and is not it, which a run sets aside and makes again."""

from __future__ import annotations

from typing import Any

from neuronio.data.soundness import Soundness
from neuronio.made import MADE, Product

STORE = f"results/{MADE}"


def untrusted(plan: Any) -> dict[str, str]:
    """Why shards and folders of products in the working folder cannot be trusted, by their path.

    Args:
        plan: of the run, of a neuron or of long-horizon tasks.
    """
    found, sound = {}, Soundness(STORE)
    for path, *which in plan.wanted():
        if fault := sound.fault(path, *which):
            found[str(path)] = fault
    sound.remember()
    for product in plan.products:
        if product not in plan.splits.values() and (fault := product.fault()):
            found[str(product.folder)] = fault
    return found


def finished(product: Product, bad: dict[str, str]) -> bool:
    """Whether a product is there and is what it should be.

    Args:
        bad: what `untrusted` found.
    """
    return product.receipt.exists() and str(product.folder) not in bad
