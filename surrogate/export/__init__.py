"""A fitted model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path

from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.surrogate.load import load_model

FORMS = ("step", "trace")


def export_model(model: str | Path, out: str | Path, form: str | None = None) -> Path:
    """Write a fitted model as ONNX, or an ELM as a C++ header that needs nothing else.

    Args:
        model: a fit directory, or a folder with published ELM weights.
        out: ends in .onnx or in .h.
        form: of ONNX, 'step' (one ms; where left out) or 'trace' (any number of ms).

    Raises:
        NeuronIOError: the ending or the form does not exist, the model is no ELM (.h) or cannot go
            one ms at a time, or the package onnx is missing.
    """
    out = Path(out)
    if out.suffix not in (".onnx", ".h"):
        raise NeuronIOError(f"{out} must end in .onnx or .h")
    if form not in (None, *FORMS) or (form and out.suffix == ".h"):
        wanted = "left out for a C++ header" if out.suffix == ".h" else "step or trace"
        raise NeuronIOError(f"the form is {form!r} but must be {wanted}")
    loaded = load_model(model)
    if out.suffix == ".h":
        from neuronio.surrogate.export.header import header

        write_atomic(out, header(loaded, out.stem).encode())
    else:
        from neuronio.surrogate.export.onnx_file import onnx_model

        write_atomic(out, onnx_model(loaded, form or "step").SerializeToString())
    return out
