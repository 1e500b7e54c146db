"""Every surrogate, one family a file; importing this registers those that come with the project."""

from neuronio.surrogate.models import (
    elm,
    embedded_elm,
    lif,
    lif_network,
    linear,
    pooled_elm,
    recurrent,
    ssm,
    tcn,
)
from neuronio.surrogate.models.base import ModelOptions, Surrogate
from neuronio.surrogate.models.registry import (
    FAMILIES,
    Family,
    build_model,
    option_values,
    parse_options,
    refuse_too_large,
    sized_options,
    surrogate,
)
from neuronio.surrogate.models.sizing import nearest_size

__all__ = [
    "FAMILIES",
    "Family",
    "ModelOptions",
    "Surrogate",
    "build_model",
    "elm",
    "embedded_elm",
    "lif",
    "lif_network",
    "linear",
    "nearest_size",
    "option_values",
    "parse_options",
    "pooled_elm",
    "recurrent",
    "refuse_too_large",
    "sized_options",
    "ssm",
    "surrogate",
    "tcn",
]
