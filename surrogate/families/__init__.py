"""The families of surrogates and their options; models/ has what they compute."""

from neuronio.surrogate.families.base import ModelOptions
from neuronio.surrogate.families.elm import BranchElmOptions, BranchElmV2Options, ElmOptions
from neuronio.surrogate.families.embedded_elm import EmbeddedElmOptions
from neuronio.surrogate.families.filters import FilterOptions
from neuronio.surrogate.families.lif import LifOptions
from neuronio.surrogate.families.lif_network import LifNetworkOptions
from neuronio.surrogate.families.pooled_elm import PooledElmOptions
from neuronio.surrogate.families.recurrent import ChronoOptions, RecurrentOptions
from neuronio.surrogate.families.registry import (
    FAMILIES,
    Family,
    option_values,
    parse_options,
    sized_options,
)
from neuronio.surrogate.families.sizing import nearest_size, refuse_too_large
from neuronio.surrogate.families.ssm import SsmOptions
from neuronio.surrogate.families.tcn import ResidualTcnOptions, TcnOptions

# name, options, class in models/, and in figures: label, marker, colour
OURS = (
    ("elm", ElmOptions, "elm:Elm", "ELM", "p", "#56B4E9"),
    ("branch_elm", BranchElmOptions, "elm:Elm", "Branch-ELM", "o", "#0072B2"),
    ("branch_elm_v2", BranchElmV2Options, "elm:Elm", "Branch-ELM v2", "D", "#003B5C"),
    (
        "elm_embedded",
        EmbeddedElmOptions,
        "embedded_elm:EmbeddedElm",
        "ELM, embedded inputs",
        "8",
        "#0A4F8F",
    ),
    ("lif", LifOptions, "lif:LeakyIntegrateAndFire", "leaky integrate-and-fire", "X", "#CC79A7"),
    ("lif2", LifOptions, "lif:TwoCompartmentLif", "two-compartment LIF", "x", "#7A2E5D"),
    (
        "lif_network",
        LifNetworkOptions,
        "lif_network:LifNetwork",
        "recurrent LIF network",
        ">",
        "#B2508F",
    ),
    ("linear", FilterOptions, "linear:LinearNonlinear", "linear-nonlinear", "*", "#E69F00"),
    ("pooled_elm", PooledElmOptions, "pooled_elm:PooledElm", "pooled ELM", "H", "#E6007E"),
    ("lstm", RecurrentOptions, "recurrent:Lstm", "LSTM", "^", "#009E73"),
    ("chrono_lstm", ChronoOptions, "recurrent:ChronoLstm", "chrono LSTM", "<", "#66C2A5"),
    ("gru", RecurrentOptions, "recurrent:Gru", "GRU", "v", "#00583F"),
    ("ssm", SsmOptions, "ssm:Ssm", "state space", "d", "#B8860B"),
    ("tcn", TcnOptions, "tcn:Tcn", "TCN", "s", "#D55E00"),
    ("tcn_residual", ResidualTcnOptions, "tcn:ResidualTcn", "residual TCN", "P", "#8A3A00"),
)
for name, options, place, *shown in OURS:
    FAMILIES.add(name, Family(name, options, f"neuronio.surrogate.models.{place}", *shown))

__all__ = [
    "FAMILIES",
    "Family",
    "ModelOptions",
    "nearest_size",
    "option_values",
    "parse_options",
    "refuse_too_large",
    "sized_options",
]
