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

MIRROR = os.environ.get("NEURONIO_MIRROR")
needs_mirror = pytest.mark.skipif(
    not MIRROR, reason="NEURONIO_MIRROR does not name a folder with the published weights"
)


def published_folder(num_memory):
    return Path(MIRROR) / "elm_published" / f"num_memory_{num_memory}"


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(published_folder(5), folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    return folder


@needs_mirror
@pytest.mark.parametrize(("num_memory", "parameters"), [(5, 5077), (20, 8002)])
def test_published_weights_load(num_memory, parameters):
    folder = published_folder(num_memory)
    model = load_published(folder)
    assert is_published(folder)
    assert model.count_parameters() == parameters
    assert not model.training
    tau = torch.logspace(0, np.log10(150), num_memory)
    torch.testing.assert_close(model.tau_ms(), tau, rtol=1e-4, atol=1e-4)


@needs_mirror
@pytest.mark.parametrize(("trial", "share"), [(101, 0.97), (102, 0.97)])
def test_published_model_explains_the_reference_trials(trial, share):
    """Explained variance of the golden soma voltage, clipped and shifted as published."""
    golden = np.load(Path(MIRROR) / "golden" / f"neuronio_trial_{trial}.npz")
    batch = EventBatch.from_inputs([InputEvents.from_packed(golden)])
    with torch.no_grad():
        logit, soma = load_published(published_folder(20))(batch)
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
    with pytest.raises(NeuronIOError, match="input_to_synapse_routing"):
        load_published(copy)
