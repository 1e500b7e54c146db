"""The table of docs/models.md, made from the models themselves: `python docs/models.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from neuronio.files import write_atomic
from neuronio.markdown import table, with_block
from neuronio.surrogate.families import FAMILIES, sized_options
from neuronio.surrogate.models.building import build_model

PAGE = Path(__file__).resolve().with_suffix(".md")
HEAD = ("model", "what it is", "source", "size", "parameters", "multiply-adds per ms", "state")
ELM = "Spieler et al. 2024, [2306.16922](https://arxiv.org/abs/2306.16922)"

# What each is, where it is from, and typical sizes.
FACTS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "branch_elm": ("memory units driven by 45 branches of 100 synapses", ELM, (1, 20, 100)),
    "branch_elm_v2": ("the same with memory gain 1 - exp(-lambda / tau)", f"{ELM}, v2", (20,)),
    "elm": ("memory units driven by every synapse on its own", ELM, (20,)),
    "elm_embedded": (
        "memory units driven by 32 branches, to which every input adds a learned vector",
        "ours, on the ELM's memory",
        (20,),
    ),
    "pooled_elm": (
        "memory units driven by the spike counts of 20 stretches of the tree, excitation and "
        "inhibition apart; no weights of synapses",
        "ours, on the ELM's memory",
        (6, 20),
    ),
    "tcn": ("causal convolutions, ReLU, batch norm", "Beniaguev et al. 2021", (8, 128)),
    "tcn_residual": (
        "dilated causal convolutions in residual blocks",
        "Bai et al. 2018, [1803.01271](https://arxiv.org/abs/1803.01271)",
        (64,),
    ),
    "lstm": ("long short-term memory", "Hochreiter & Schmidhuber 1997", (32,)),
    "chrono_lstm": (
        "LSTM whose gates begin open for as long as dependencies may be",
        "Tallec & Ollivier 2018, [1804.11188](https://arxiv.org/abs/1804.11188)",
        (32,),
    ),
    "gru": ("gated recurrent units", "Cho et al. 2014", (32,)),
    "ssm": (
        "diagonal complex recurrences, gated units between them",
        "Orvieto et al. 2023, [2303.06349](https://arxiv.org/abs/2303.06349); Smith et al. 2023, "
        "[2208.04933](https://arxiv.org/abs/2208.04933)",
        (32,),
    ),
    "lif": (
        "filtered currents, one leaky compartment, threshold and reset; surrogate gradient",
        "Gerstner et al. 2014; Zenke & Ganguli 2018",
        (2,),
    ),
    "lif2": (
        "the same with a passive dendrite, which spikes do not reset",
        "Rospars & Lansky 1993",
        (2,),
    ),
    "lif_network": (
        "leaky integrate-and-fire units that spike into one another, spikes summed; surrogate "
        "gradient",
        "Cramer et al. 2022; Zenke & Ganguli 2018",
        (128,),
    ),
    "linear": ("filtered inputs, summed, through a sigmoid", "Chichilnisky 2001", (4,)),
}


def rows() -> Iterator[tuple[str, ...]]:
    """Cells of every family at each of its sizes, for 1278 synapses and 2 outputs."""
    for name, (what, source, sizes) in FACTS.items():
        for size in sizes:
            model = build_model(name, sized_options(name, size, {}))
            said = (f"`{name}`: {FAMILIES[name].label}", what, source) if size == sizes[0] else ()
            costs = model.count_parameters(), model.count_multiply_adds(), model.state_size()
            sized = f"{FAMILIES[name].options.size_field} {size}"
            yield *(said or ("", "", "")), sized, *(f"{cost:,}" for cost in costs)


def updated(text: str) -> str:
    """The page with its table made anew."""
    return with_block(text, "models", table(HEAD, rows(), right=4))


def main() -> int:
    """Rewrite the page."""
    write_atomic(PAGE, updated(PAGE.read_text()).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
