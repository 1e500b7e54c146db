"""Surrogates by name: one decorator says everything that the rest of the project needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from neuronio.errors import NeuronIOError
from neuronio.registry import Registry
from neuronio.sections import validate
from neuronio.surrogate.models.base import ModelOptions, Surrogate


@dataclass(frozen=True)
class Family:
    """A kind of surrogate.

    Attributes:
        name: in configurations, folders and tables.
        options: the section of its options.
        model: its class, called with the options.
        label, marker, colour: in figures; marker and colour as matplotlib names them.
    """

    name: str
    options: type[ModelOptions]
    model: type[Surrogate]
    label: str
    marker: str
    colour: str


FAMILIES: Registry[Family] = Registry("model", "neuronio.surrogates")
LARGE, MOST_PARAMETERS = 2000, 10**9
Model = TypeVar("Model", bound=type[Surrogate])


def surrogate(
    name: str, *, options: type[ModelOptions], label: str, marker: str = "h", colour: str = "0.2"
) -> Callable[[Model], Model]:
    """Register the class below it as a surrogate; may stand several times above one class."""

    def register(model: Model) -> Model:
        FAMILIES.add(name, Family(name, options, model, label, marker, colour))
        return model

    return register


def build_model(name: str, options: ModelOptions, *, seed: int = 0) -> Surrogate:
    """A freshly initialised model; the same seed gives the same weights.

    Raises:
        NeuronIOError: there is no such model, or it would be too large for any machine.
    """
    family = FAMILIES[name]
    refuse_too_large(name, options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return family.model(options)
        except (MemoryError, RuntimeError) as error:
            if "alloc" not in f"{type(error).__name__} {error}" and type(error) is RuntimeError:
                raise
            raise NeuronIOError(
                f"there is no memory for a {name} of size {options.size}; take a smaller one"
            ) from error


def refuse_too_large(name: str, options: ModelOptions) -> None:
    """Refuse a model that no machine would hold.

    Raises:
        NeuronIOError: it is one.
    """
    values = [value for key, value in option_values(options).items() if key != "inputs"]
    numbers = [n for value in values for n in (value if isinstance(value, list) else [value])]
    # Counting takes a while.
    if not any(isinstance(number, int) and number > LARGE for number in numbers):
        return
    if (count := _parameters(FAMILIES[name], options)) > MOST_PARAMETERS:
        raise NeuronIOError(
            f"a {name} of size {options.size} has {count:.3g} parameters, but at most "
            f"{MOST_PARAMETERS:.0e} are built; take a smaller one"
        )


def _parameters(family: Family, options: ModelOptions) -> int:
    """How many parameters a model has, without memory for them; 0 where that cannot be told."""
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            return sum(p.numel() for p in family.model(options).parameters())
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return 0  # it computes with its weights while it is made


def parse_options(name: str, values: Mapping[str, Any]) -> ModelOptions:
    """Options of a model.

    Raises:
        NeuronIOError: the model or an option does not exist, or a value does not fit it.
    """
    return validate(FAMILIES[name].options, values, f"options of {name}")


def sized_options(name: str, size: int | None, values: Mapping[str, Any]) -> ModelOptions:
    """Options of a model whose size is given as such, or by its own name, or not at all.

    Raises:
        NeuronIOError: as `parse_options`, or the size is given twice.
    """
    if size is None:
        return parse_options(name, values)
    field = FAMILIES[name].options.size_field
    if field in values:
        raise NeuronIOError(f"'{field}' of model '{name}' is set by its size; leave it out")
    return parse_options(name, {**values, field: size})


def option_values(options: ModelOptions) -> dict[str, Any]:
    """The options as a dictionary that JSON can hold and `parse_options` reads back."""
    return options.model_dump(mode="json")
