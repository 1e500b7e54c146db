"""ELM weights published by others (formats.md): a folder of JSON files and a torch state dict."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from neuronio.errors import NeuronIOError
from neuronio.files import read_json
from neuronio.sections import validate
from neuronio.surrogate.families.elm import BranchElmOptions
from neuronio.surrogate.models.elm import Elm, synapse_routing

CONFIG_FILE = "model_config.json"
STATE_FILE = "neuronio_best_model_state.pt"
MODEL_NAME = "branch_elm"

# Their name of each option -> ours. Every other key of a configuration is in CHECKED, or refused.
OPTIONS = {
    "num_input": "inputs",
    "num_memory": "num_memory",
    "num_branch": "num_branch",
    "num_synapse_per_branch": "synapses_per_branch",
    "learn_memory_tau": "learn_tau",
    "memory_tau_min": "tau_min_ms",
    "memory_tau_max": "tau_max_ms",
    "lambda_value": "memory_scale",
    "mlp_activation": "activation",
    "mlp_num_layers": "mlp_layers",
    "tau_s_value": "tau_synapse_ms",
}
REQUIRED = (
    *("num_input", "num_memory", "num_branch", "num_synapse_per_branch"),
    *("learn_memory_tau", "memory_tau_min", "memory_tau_max", "input_to_synapse_routing"),
)
# Keys that must have one value, since the models here know no other.
CHECKED = {"input_to_synapse_routing": "neuronio_routing", "num_output": 2, "delta_t": 1}
# Keys that say how training began, which the weights have left behind.
WITHOUT_EFFECT = ("w_s_value",)
# Not learned, checked against the model that is built.
FIXED = ("tau_s", "input_to_synapse_indices", "valid_indices_mask")


def tensors(options: BranchElmOptions) -> dict[str, str]:
    """Their name of each tensor -> ours."""
    names = {
        "_proto_w_s": "synapse_weight",
        "_proto_tau_m": "tau_logit",
        "w_y.weight": "readout.weight",
        "w_y.bias": "readout.bias",
    }
    for layer in range(options.mlp_layers + 1):  # activations stand between theirs
        for kind in ("weight", "bias"):
            names[f"mlp.network.{2 * layer}.{kind}"] = f"mlp.{layer}.{kind}"
    return names


def is_published(folder: Path) -> bool:
    """Whether `folder` holds published ELM weights."""
    return (folder / CONFIG_FILE).is_file() and (folder / STATE_FILE).is_file()


def load_published(folder: Path) -> Elm:
    """The Branch-ELM of a folder with published weights, in evaluation mode.

    Raises:
        NeuronIOError: a file is missing or damaged, or holds another model than a Branch-ELM.
    """
    for name in (CONFIG_FILE, STATE_FILE):
        if not (folder / name).is_file():
            raise NeuronIOError(
                f"{folder} has no {name}; give a folder with published ELM weights, such as "
                "num_memory_20"
            )
    options = read_options(folder / CONFIG_FILE)
    state = _read_state(folder / STATE_FILE, options)
    _check_fixed(state, options, folder)
    model = Elm(options)
    try:
        model.load_state_dict({ours: state[theirs] for theirs, ours in tensors(options).items()})
    except RuntimeError as error:
        detail = " ".join(str(error).split(":", 1)[-1].split())
        raise NeuronIOError(
            f"{folder / STATE_FILE} does not fit its {CONFIG_FILE}: {detail}"
        ) from error
    return model.eval()


def read_options(path: Path) -> BranchElmOptions:
    """The options that a published model_config.json describes.

    Raises:
        NeuronIOError: the file is not such a configuration or asks for other input routing.
    """
    config = read_json(path)
    if not isinstance(config, dict):
        raise NeuronIOError(f"{path} is not a published model configuration: it holds no keys")
    if missing := [key for key in REQUIRED if key not in config]:
        raise NeuronIOError(f"{path} lacks '{missing[0]}'; a published ELM configuration has it")
    for key, value in config.items():
        if key in CHECKED and value != CHECKED[key]:
            raise NeuronIOError(f"{path} has {key} {value!r}; only {CHECKED[key]!r} is read")
        if key not in (*OPTIONS, *CHECKED, *WITHOUT_EFFECT):
            raise NeuronIOError(
                f"{path} has the key '{key}', which is not understood; the model would not be the "
                "published one without it"
            )
    values = {ours: config[theirs] for theirs, ours in OPTIONS.items() if theirs in config}
    return validate(BranchElmOptions, values, str(path))


def _read_state(path: Path, options: BranchElmOptions) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise NeuronIOError(f"{path} is not a readable torch state dict: {error}") from error
    missing = [name for name in (*tensors(options), *FIXED) if name not in state]
    if missing:
        raise NeuronIOError(f"{path} lacks {', '.join(missing)}; it is not a published ELM")
    unknown = sorted(set(state) - {*tensors(options), *FIXED})
    if unknown:
        raise NeuronIOError(f"{path} holds {unknown[0]}, which its {CONFIG_FILE} does not explain")
    return state


def _check_fixed(state: dict[str, torch.Tensor], options: BranchElmOptions, folder: Path) -> None:
    source, valid, _ = synapse_routing(options)
    wired_alike = torch.equal(state["input_to_synapse_indices"], source)
    if not wired_alike or not torch.equal(state["valid_indices_mask"], valid):
        raise NeuronIOError(
            f"{folder / STATE_FILE} routes its inputs in another way than '{CONFIG_FILE}' says"
        )
    if not torch.all(state["tau_s"] == options.tau_synapse_ms):
        raise NeuronIOError(
            f"{folder / STATE_FILE} has synaptic time constants other than "
            f"{options.tau_synapse_ms} ms; only one for all is supported"
        )
