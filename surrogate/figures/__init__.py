"""Figures of fitted surrogates, one kind a file; the same input gives the same bytes."""


def accuracy_name(x: str) -> str:
    """The name of the figure of accuracy against a cost: that against parameters is the first."""
    return "accuracy" if x == "parameters" else f"accuracy_{x}"
