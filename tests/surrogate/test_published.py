"""Weights published by others: the real ones where the mirror is, and folders that are wrong."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from neuronio.data.trial import InputEvents
from neuronio.errors import NeuronIOError
from neuronio.surrogate.events import EventBatch
from neuronio.surrogate.published import CONFIG_FILE, STATE_FILE, is_published, load_published

MIRROR = Path(os.environ.get("NEURONIO_MIRROR") or "nowhere")
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "elm_published").is_dir(),
    reason="NEURONIO_MIRROR does not name a folder with the published weights",
)
needs_golden = pytest.mark.skipif(
    not (MIRROR / "golden").is_dir(),
    reason="NEURONIO_MIRROR does not name a folder with the golden trials",
)


def published_folder(name):
    return MIRROR / "elm_published" / name


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(published_folder("num_memory_5"), folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    return folder


@needs_mirror
@pytest.mark.parametrize(
    ("name", "num_memory", "parameters"),
    [("num_memory_5", 5, 5077), ("num_memory_20", 20, 8002), ("best", 100, 54002)],
)
def test_published_weights_load(name, num_memory, parameters):
    folder = published_folder(name)
    model = load_published(folder)
    assert is_published(folder)
    assert model.count_parameters() == parameters
    assert not model.training
    tau = torch.logspace(0, np.log10(150), num_memory)
    torch.testing.assert_close(model.tau_ms(), tau, rtol=1e-4, atol=1e-4)


@needs_mirror
@needs_golden
@pytest.mark.parametrize("name", ["num_memory_20", "best"])
@pytest.mark.parametrize(("trial", "share"), [(101, 0.97), (102, 0.965)])
def test_published_model_explains_the_reference_trials(name, trial, share):
    """Explained variance of the golden soma voltage, clipped and shifted as published."""
    golden = np.load(MIRROR / "golden" / f"neuronio_trial_{trial}.npz")
    batch = EventBatch.from_inputs([InputEvents.from_packed(golden)])
    with torch.no_grad():
        logit, soma = load_published(published_folder(name))(batch).unbind(2)
    voltage = np.minimum(golden["cvode_soma_mV"], -55.0)[500:]
    residual = voltage - (10 * soma[0].numpy() - 67.7)[500:]
    assert 1 - residual.var() / voltage.var() > share
    bins = (golden["cvode_spike_ms"] - 0.5).astype(int)
    assert logit[0, bins[bins >= 500]].mean() > logit[0, 500:].mean() + 2


def test_a_folder_without_weights(tmp_path):
    assert not is_published(tmp_path)
    with pytest.raises(NeuronIOError, match=CONFIG_FILE):
        load_published(tmp_path)


@needs_mirror
def test_a_state_that_is_not_one(copy):
    (copy / STATE_FILE).write_bytes(b"not a state dict")
    with pytest.raises(NeuronIOError, match="not a readable torch state dict"):
        load_published(copy)
    torch.save({"weight": torch.zeros(3)}, copy / STATE_FILE)
    with pytest.raises(NeuronIOError, match="lacks _proto_w_s"):
        load_published(copy)


@needs_mirror
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_memory": 20}, "does not fit"),
        ({"num_branch": 50}, "routes its inputs"),
        ({"input_to_synapse_routing": "random"}, "routing 'random'"),
        ({"num_memory": "five"}, "'num_memory' is 'five'"),
        ({"mlp_activation": "gelu"}, "'relu' or 'silu'"),
        ({"mlp_num_layers": 2}, "lacks mlp.network.4.weight"),
        ({"num_output": 3}, "num_output 3; only 2 is read"),
        ({"delta_t": 0.5}, "delta_t 0.5; only 1"),
        ({"tau_s_value": 8.0}, "synaptic time constants other than 8.0 ms"),
        ({"use_layer_norm": True}, "key 'use_layer_norm', which is not understood"),
    ],
)
def test_a_configuration_that_does_not_fit(copy, change, message):
    path = copy / CONFIG_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(NeuronIOError, match=message) as error:
        load_published(copy)
    assert "\n" not in str(error.value)


@needs_mirror
def test_a_configuration_that_lacks_a_key(copy):
    (copy / CONFIG_FILE).write_text("{}")
    with pytest.raises(NeuronIOError, match="lacks 'num_input'"):
        load_published(copy)


@needs_mirror
def test_every_understood_key_reaches_the_model(copy):
    path = copy / CONFIG_FILE
    extra = {"lambda_value": 4.0, "w_s_value": 0.3, "delta_t": 1, "mlp_activation": "silu"}
    path.write_text(json.dumps(json.loads(path.read_text()) | extra))
    options = load_published(copy).options
    assert (options.memory_scale, options.activation) == (4.0, "silu")


@needs_mirror
def test_a_state_with_more_than_the_configuration_explains(copy):
    state = torch.load(copy / STATE_FILE, map_location="cpu", weights_only=True)
    torch.save(state | {"mlp.network.4.weight": torch.zeros(5, 10)}, copy / STATE_FILE)
    with pytest.raises(NeuronIOError, match=r"holds mlp.network.4.weight, which its .* explain"):
        load_published(copy)
