"""Surrogates by name: a decorator says everything that the rest of the project needs to know.

Nothing here loads torch before a model is built, so that a plan of many fits is made in no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from neuronio.errors import NeuronIOError
from neuronio.recipe import module_of
from neuronio.registry import Registry
from neuronio.sections import validate
from neuronio.surrogate.families.base import ModelOptions

if TYPE_CHECKING:
    from neuronio.surrogate.models.base import Surrogate


@dataclass(frozen=True)
class Family:
    """A kind of surrogate.

    Attributes:
        name: in configurations, folders and tables.
        options: the section of its options.
        source: its class, or where that is, as MODULE:CLASS.
        label, marker, colour: in figures; marker and colour as matplotlib names them.
    """

    name: str
    options: type[ModelOptions]
    source: type[Surrogate] | str
    label: str
    marker: str
    colour: str

    @property
    def model(self) -> type[Surrogate]:
        """Its class, called with the options."""
        if isinstance(self.source, str):
            return getattr(import_module(self.module), self.source.rpartition(":")[2])
        return self.source

    @property
    def module(self) -> str:
        """The module of its class, as `recipe.code` takes it: of a user's file its path."""
        if isinstance(self.source, str):
            return self.source.rpartition(":")[0]
        return module_of(self.source)

    @property
    def modules(self) -> tuple[str, str]:
        """The modules of its class and of its options, which may compute what the class does."""
        return self.module, module_of(self.options)


FAMILIES: Registry[Family] = Registry("model", "neuronio.surrogates")
Model = TypeVar("Model", bound="type[Surrogate]")


def surrogate(
    name: str, *, options: type[ModelOptions], label: str, marker: str = "h", colour: str = "0.2"
) -> Callable[[Model], Model]:
    """Register the class below it as a surrogate; may stand several times above one class."""

    def register(model: Model) -> Model:
        FAMILIES.add(name, Family(name, options, model, label, marker, colour))
        return model

    return register


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
