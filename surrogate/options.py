"""Options of every surrogate model: frozen dataclasses that reject wrong values when made.

Nothing here imports torch, so that a configuration can be checked before anything heavy loads.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

from neuronio.errors import NeuronIOError


@dataclass(frozen=True)
class ModelOptions:
    """What every model has. `size_field` names the field that a configuration's `sizes` fills.

    Attributes:
        inputs: number of input synapses, excitatory first and as many inhibitory ones after them.
    """

    inputs: int = 1278
    size_field: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self._check_types()
        self._require(self.inputs >= 2 and self.inputs % 2 == 0, "inputs", "even and at least 2")
        self._require(self.size >= 1, self.size_field, "at least 1")

    @property
    def size(self) -> int:
        """The value of the size field."""
        return getattr(self, self.size_field)

    def _require(self, holds: bool, name: str, wanted: str) -> None:
        if not holds:
            raise NeuronIOError(f"{name} is {getattr(self, name)!r} but must be {wanted}")

    def _check_types(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in fields(self):
            value, wanted = getattr(self, field.name), hints[field.name]
            if not _is_a(value, wanted):
                raise NeuronIOError(f"{field.name} is {value!r} but must be {_describe(wanted)}")


@dataclass(frozen=True)
class ElmOptions(ModelOptions):
    """ELM neuron with one synapse per branch (Spieler et al. 2024, arXiv 2306.16922).

    Attributes:
        num_memory: memory units d_m; the multilayer perceptron's hidden layers have 2 d_m units.
        mlp_layers: number of hidden layers; the compiled recursion needs 1.
        activation: "relu" or "silu".
        learn_tau: learn the memory time constants through a scaled sigmoid.
        tau_min_ms, tau_max_ms: bounds of the memory time constants, log-spaced between them.
        tau_synapse_ms: time constant of every synaptic trace.
        memory_scale: lambda of the paper.
        recompute: recompute the hidden activity in the backward pass and so hold less memory.
    """

    num_memory: int = 20
    mlp_layers: int = 1
    activation: str = "relu"
    learn_tau: bool = False
    tau_min_ms: float = 1.0
    tau_max_ms: float = 150.0
    tau_synapse_ms: float = 5.0
    memory_scale: float = 5.0
    recompute: bool = False
    size_field: ClassVar[str] = "num_memory"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.mlp_layers >= 1, "mlp_layers", "at least 1")
        self._require(self.activation in ("relu", "silu"), "activation", "'relu' or 'silu'")
        self._require(self.tau_min_ms > 0, "tau_min_ms", "above 0 ms")
        self._require(self.tau_max_ms > self.tau_min_ms, "tau_max_ms", "above tau_min_ms")
        self._require(self.tau_synapse_ms > 0, "tau_synapse_ms", "above 0 ms")
        self._require(self.memory_scale > 0, "memory_scale", "above 0")


@dataclass(frozen=True)
class BranchElmOptions(ElmOptions):
    """Branch-ELM: the synapses of a branch sum to one branch activation.

    Attributes:
        num_branch: number of branches.
        synapses_per_branch: synapses of each branch; neighbouring branches share inputs.
    """

    num_branch: int = 45
    synapses_per_branch: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(1 <= self.num_branch <= self.inputs, "num_branch", "from 1 to `inputs`")
        stride = math.ceil(self.inputs / self.num_branch)
        self._require(
            self.synapses_per_branch >= stride,
            "synapses_per_branch",
            f"at least {stride}, so that {self.num_branch} branches reach all inputs",
        )


@dataclass(frozen=True)
class BranchElmV2Options(BranchElmOptions):
    """Branch-ELM v2: as Branch-ELM with memory gain 1 - exp(-lambda / tau)."""

    version: ClassVar[int] = 2


@dataclass(frozen=True)
class TcnOptions(ModelOptions):
    """Causal convolutions without residuals (Beniaguev et al. 2021).

    Attributes:
        width: channels of every layer, unless `channels` lists them.
        depth: number of layers.
        kernels: kernel length of each layer (ms); the last one holds for all further layers.
        channels: channels of each layer, likewise; empty for `width` throughout.
    """

    width: int = 128
    depth: int = 7
    kernels: tuple[int, ...] = (45, 19)
    channels: tuple[int, ...] = ()
    size_field: ClassVar[str] = "width"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.depth >= 1, "depth", "at least 1")
        for name in ("kernels", "channels"):
            values = getattr(self, name)
            self._require(all(v >= 1 for v in values), name, "made of numbers of at least 1")
            self._require(len(values) <= self.depth, name, f"at most depth = {self.depth} long")
        self._require(len(self.kernels) >= 1, "kernels", "at least one number")

    def layers(self) -> list[tuple[int, int]]:
        """(channels, kernel) of each layer."""
        channels = self.channels or (self.width,)
        return [
            (channels[min(i, len(channels) - 1)], self.kernels[min(i, len(self.kernels) - 1)])
            for i in range(self.depth)
        ]


@dataclass(frozen=True)
class ResidualTcnOptions(ModelOptions):
    """Dilated causal convolutions with residual blocks (Bai et al. 2018, arXiv 1803.01271).

    Attributes:
        width: channels.
        depth: residual blocks; block i has two convolutions of dilation 2**i.
        kernel: kernel length (taps).
    """

    width: int = 64
    depth: int = 6
    kernel: int = 3
    size_field: ClassVar[str] = "width"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(1 <= self.depth <= 16, "depth", "from 1 to 16")
        self._require(self.kernel >= 2, "kernel", "at least 2")


@dataclass(frozen=True)
class RecurrentOptions(ModelOptions):
    """LSTM or GRU on the input spikes.

    Attributes:
        hidden: units per layer.
        layers: number of layers.
    """

    hidden: int = 64
    layers: int = 1
    size_field: ClassVar[str] = "hidden"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.layers >= 1, "layers", "at least 1")


@dataclass(frozen=True)
class FilterOptions(ModelOptions):
    """Linear-nonlinear model: each synapse drives exponential filters of log-spaced time constants.

    Attributes:
        filters: number of time constants.
        tau_min_ms, tau_max_ms: the shortest and the longest.
    """

    filters: int = 4
    tau_min_ms: float = 1.0
    tau_max_ms: float = 80.0
    size_field: ClassVar[str] = "filters"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.tau_min_ms > 0, "tau_min_ms", "above 0 ms")
        self._require(self.tau_max_ms > self.tau_min_ms, "tau_max_ms", "above tau_min_ms")


@dataclass(frozen=True)
class LifOptions(FilterOptions):
    """Leaky integrate-and-fire neuron with learned synaptic weights and a surrogate gradient.

    Attributes:
        surrogate_slope: steepness of the derivative that stands in for the spike's.
    """

    filters: int = 2
    surrogate_slope: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.surrogate_slope > 0, "surrogate_slope", "above 0")


MODELS: dict[str, type[ModelOptions]] = {
    "elm": ElmOptions,
    "branch_elm": BranchElmOptions,
    "branch_elm_v2": BranchElmV2Options,
    "tcn": TcnOptions,
    "tcn_residual": ResidualTcnOptions,
    "lstm": RecurrentOptions,
    "gru": RecurrentOptions,
    "lif": LifOptions,
    "linear": FilterOptions,
}


def options_class(model: str) -> type[ModelOptions]:
    """The options class of a model by name.

    Raises:
        NeuronIOError: there is no such model.
    """
    if model not in MODELS:
        raise NeuronIOError(f"there is no model '{model}'; take one of {', '.join(MODELS)}")
    return MODELS[model]


def parse_options(model: str, values: Mapping[str, object]) -> ModelOptions:
    """Options of a model from values of their own types or from strings, as on a command line.

    Tuples are written `45,19`, booleans `true` or `false`.

    Raises:
        NeuronIOError: the model or an option does not exist, or a value does not fit it.
    """
    cls = options_class(model)
    hints = typing.get_type_hints(cls)
    names = [field.name for field in fields(cls)]
    parsed = {}
    for name, value in values.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; it has {', '.join(names)}"
            raise NeuronIOError(f"model '{model}' has no option '{name}'{hint}")
        parsed[name] = _convert(name, value, hints[name])
    return cls(**parsed)


def sized_options(model: str, size: int, values: Mapping[str, object]) -> ModelOptions:
    """Options of a model with its size field set to `size`, as a configuration's `sizes` means."""
    field = options_class(model).size_field
    if field in values:
        raise NeuronIOError(f"'{field}' of model '{model}' is set by its size; leave it out")
    return parse_options(model, {**values, field: size})


def option_values(options: ModelOptions) -> dict[str, object]:
    """The options as a dictionary that JSON can hold and `parse_options` reads back."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _is_a(value: object, wanted: object) -> bool:
    if isinstance(wanted, types.GenericAlias):
        return isinstance(value, tuple) and all(_is_a(item, int) for item in value)
    if wanted is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    return type(value) is wanted


def _describe(wanted: object) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    return names.get(wanted, "whole numbers with commas between them")


def _convert(name: str, value: object, wanted: object) -> object:
    if isinstance(wanted, types.GenericAlias):
        return _convert_tuple(name, value, wanted)
    if not isinstance(value, str) or wanted is str:
        return value
    try:
        if wanted is bool:
            return {"true": True, "false": False}[value.lower()]
        return wanted(value)
    except (ValueError, KeyError) as error:
        raise NeuronIOError(f"{name} is '{value}' but must be {_describe(wanted)}") from error


def _convert_tuple(name: str, value: object, wanted: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise NeuronIOError(f"{name} is {value!r} but must be {_describe(wanted)}")
    return tuple(
        _convert(name, item.strip() if isinstance(item, str) else item, int)
        for item in items
        if item != ""
    )
