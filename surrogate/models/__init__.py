"""Every surrogate, one family a file; what one of your own is written with (docs/extending.md)."""

from neuronio.surrogate.families.base import ModelOptions
from neuronio.surrogate.families.registry import surrogate
from neuronio.surrogate.models.base import State, Surrogate
from neuronio.surrogate.models.building import build_model

__all__ = ["ModelOptions", "State", "Surrogate", "build_model", "surrogate"]
