"""A model as ONNX: one ms, or a trace of any length as a scan over the same ms."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from neuronio.errors import NeuronIOError
from neuronio.surrogate.export.facts import facts
from neuronio.surrogate.load import LoadedModel
from neuronio.surrogate.models.base import Surrogate

# Of the operators; the highest that the runtimes of 2025 know.
OPSET = 20
ROWS = 2  # Of the example that the exporter follows; the file takes any number.
INSIDE = "ms_"


class Step(nn.Module):
    """One ms from dense spikes, with the input kernel as a constant."""

    kernel_nc: torch.Tensor

    def __init__(self, model: Surrogate) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("kernel_nc", model.input_kernel().detach().clone())

    def forward(self, spikes_bn: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs (B, outputs), then the next state."""
        out_bo, following = self.model.advance(spikes_bn @ self.kernel_nc, state)
        return out_bo, *following


def onnx_model(loaded: LoadedModel, form: str) -> Any:
    """The ONNX model of the step or of the trace.

    step:  spikes (B, N), state_0 ...    -> out (B, outputs), next_state_0 ...
    trace: spikes (B, N, T), state_0 ... -> out (B, T, outputs), next_state_0 ...
    all float32; the state before the first ms is 0.

    Raises:
        NeuronIOError: a package is missing, or the model cannot be exported.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise NeuronIOError(
            f"{error.name} is not installed; run: pip install '.[export]' in the clone"
        ) from error
    built = step_model(loaded.module)
    if form == "trace":
        built = trace_model(built)
    onnx.helper.set_model_props(built, facts(loaded))
    onnx.checker.check_model(built, full_check=True)
    return built


def step_model(model: Surrogate) -> Any:
    """The step as torch's exporter makes it, without what it says of this machine."""
    with torch.no_grad():
        state = model.first_state(ROWS)
        if any(part.any() for part in state):
            raise NeuronIOError(
                f"{type(model).__name__} does not begin with a state of 0, so it cannot be "
                "exported; let first_state give zeros"
            )
        step = Step(model).eval()
        example = (torch.zeros(ROWS, len(step.kernel_nc)), *state)
        rows = torch.export.Dim("rows")
        shapes = ({0: rows}, tuple({0: rows} for _ in state))
        numbers = range(len(state))
        with _quietly():
            program = torch.onnx.export(
                step,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=["spikes", *(f"state_{i}" for i in numbers)],
                output_names=["out", *(f"next_state_{i}" for i in numbers)],
                dynamic_shapes=shapes,
                verbose=False,
            )
    assert program is not None
    return _cleaned(program.model_proto)


def trace_model(step: Any) -> Any:
    """A model that scans the step over the last axis of the spikes."""
    from onnx import TensorProto, compose, helper

    inside = compose.add_prefix(step, INSIDE).graph
    spikes, *states = inside.input
    out, *following = inside.output
    body = helper.make_graph(
        list(inside.node), "ms", [*states, spikes], [*following, out], value_info=inside.value_info
    )
    names, ends = ([value.name for value in side] for side in (step.graph.input, step.graph.output))
    nodes = [
        helper.make_node("Transpose", ["spikes"], ["spikes_tbn"], perm=[2, 0, 1]),
        helper.make_node(
            "Scan", [*names[1:], "spikes_tbn"], [*ends[1:], "out_tbo"], body=body, num_scan_inputs=1
        ),
        helper.make_node("Transpose", ["out_tbo"], ["out"], perm=[1, 0, 2]),
    ]
    synapses, outputs = (value.type.tensor_type.shape.dim[1].dim_value for value in (spikes, out))
    real = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "trace",
        [
            helper.make_tensor_value_info("spikes", real, ["rows", synapses, "ms"]),
            *step.graph.input[1:],
        ],
        [
            helper.make_tensor_value_info("out", real, ["rows", "ms", outputs]),
            *step.graph.output[1:],
        ],
        initializer=list(inside.initializer),
    )
    return helper.make_model(
        graph, opset_imports=list(step.opset_import), ir_version=step.ir_version
    )


def _cleaned(built: Any) -> Any:
    """Without the paths and source lines that the exporter notes at every node."""
    graph = built.graph
    for part in (built, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for part in graph.initializer:
        del part.metadata_props[:]
    built.graph.name = "step"
    return built


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's remarks on packages and on its own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
