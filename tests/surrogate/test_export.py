"""Exported models, run by what they are meant for, beside the model itself."""

import itertools
import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from small_models import ELMS, MODELS, one_thread, random_batch, small_model  # noqa: F401

import neuronio
from neuronio.command.app import main
from neuronio.errors import NeuronIOError
from neuronio.recipe import digest
from neuronio.surrogate.compiled_step import fast_stepper
from neuronio.surrogate.export.header import header
from neuronio.surrogate.export.onnx_file import onnx_model, step_model, trace_model
from neuronio.surrogate.load import LoadedModel
from neuronio.surrogate.models.elm import Elm
from neuronio.surrogate.protocol import SomaScale
from neuronio.surrogate.streaming import Stepper

onnxruntime = pytest.importorskip("onnxruntime")

ROWS, DURATION_MS = 3, 150
SHALLOW = {"tcn": {"depth": 3}, "tcn_residual": {"depth": 2}}


def session(built):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(built.SerializeToString(), options)


def zeros(model, rows=ROWS):
    return {f"state_{i}": part.numpy() for i, part in enumerate(model.first_state(rows))}


@pytest.mark.parametrize("name", MODELS)
def test_onnx_gives_what_the_model_gives(name):
    model, batch = small_model(name, **SHALLOW.get(name, {})), random_batch(ROWS, DURATION_MS)
    dense_bnt = batch.dense().numpy()
    with torch.no_grad():
        wanted_bto = model(batch).numpy()
    built = step_model(model)
    step, state = session(built), zeros(model)
    for ms in range(DURATION_MS):
        out_bo, *following = step.run(None, {"spikes": dense_bnt[:, :, ms], **state})
        np.testing.assert_allclose(out_bo, wanted_bto[:, ms], rtol=1e-5, atol=1e-5)
        state = dict(zip(state, following, strict=True))
    trace = session(trace_model(built))
    out_bto, *end = trace.run(None, {"spikes": dense_bnt, **zeros(model)})
    np.testing.assert_allclose(out_bto, wanted_bto, rtol=1e-5, atol=1e-5)
    for found, wanted in zip(end, state.values(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def fitted(make_shard, tmp_path_factory):
    """A fit of a few steps."""
    out = tmp_path_factory.mktemp("fits") / "elm-3-seed0"
    settings = {"steps": 2, "validate_every": 1, "window_ms": 100, "burn_in_ms": 20, "threads": 1}
    neuronio.fit("elm", make_shard(1), make_shard(2), out, size=3, ignore_ms=100, **settings)
    return out


@pytest.mark.parametrize("form", ["step", "trace"])
def test_the_command_writes_onnx_that_says_what_it_is(fitted, tmp_path, form, capsys):
    out = tmp_path / "model.onnx"
    assert main(["export-model", str(fitted), "--out", str(out), "--form", form]) == 0
    assert capsys.readouterr().out.split() == [str(out)]
    loaded = neuronio.load_model(fitted)
    run = onnxruntime.InferenceSession(out)
    told = run.get_modelmeta().custom_metadata_map
    assert told["model"] == "elm"
    assert json.loads(told["options"])["num_memory"] == 3
    assert json.loads(told["soma_scale"]) == SomaScale().as_dict()
    assert float(told["spike_threshold_logit"]) == loaded.threshold
    assert told["recipe_digest"] == digest(loaded.config["recipe"])
    assert "surrogate" not in out.read_bytes().decode(errors="ignore"), "paths of this machine"
    ms = {"step": (), "trace": (7,)}[form]
    spikes = np.zeros((5, 12, *ms), np.float32)
    (out_b, *_) = run.run(None, {"spikes": spikes, **zeros(loaded.module, rows=5)})
    assert out_b.shape == (5, *ms, 2)


MAIN = """
#include <cstdio>
#include <vector>
#include "fitted.h"

// Reads for every ms the number of spikes and their synapses; twice, with a reset between.
int main(int argc, char** argv) {
  fitted::Neuron neuron;
  for (int again = 0; again < 2; ++again, neuron.reset()) {
    std::FILE* file = std::fopen(argv[argc - 1], "r");
    for (int n; std::fscanf(file, "%d", &n) == 1;) {
      std::vector<int> synapses(n);
      for (int& s : synapses)
        if (std::fscanf(file, "%d", &s) != 1) return 1;
      const fitted::Output out = neuron.step(synapses.data(), n);
      if (again) std::printf("%.9g %.9g\\n", out.spike_logit, out.soma_mV);
    }
    std::fclose(file);
  }
}
"""
# Of the compiler's opinions, all that a user might have turned on.
STRICT = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
compiles = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def run_header(text, batch, folder):
    """What the header says of the first row, (T, 2)."""
    (folder / "fitted.h").write_text(text)
    (folder / "main.cpp").write_text(MAIN)
    command = ["g++", *STRICT, "main.cpp", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    starts = batch.offset[: batch.steps + 1].tolist()
    lines = [
        " ".join(map(str, [end - start, *batch.synapse[start:end].tolist()]))
        for start, end in itertools.pairwise(starts)
    ]
    (folder / "spikes.txt").write_text("\n".join(lines))
    told = subprocess.run(["./main", "spikes.txt"], cwd=folder, capture_output=True, text=True)
    assert told.returncode == 0
    return np.loadtxt(told.stdout.splitlines())


@compiles
@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in ELMS), ("branch_elm", {"activation": "silu", "mlp_layers": 3})],
)
def test_the_header_gives_what_the_model_gives(name, options, tmp_path):
    model, batch = small_model(name, **options), random_batch(1, 500)
    with torch.no_grad():
        wanted_to = model(batch)[0].numpy()
    found = run_header(header(LoadedModel(name, model, "fit"), "fitted"), batch, tmp_path)
    np.testing.assert_allclose(found[:, 0], wanted_to[:, 0], rtol=1e-4, atol=1e-4)
    soma_mV = SomaScale().to_mV(wanted_to[:, 1])
    np.testing.assert_allclose(found[:, 1], soma_mV, rtol=0, atol=1e-3)


def test_the_command_writes_a_header_that_says_what_it_is(fitted, tmp_path):
    assert main(["export-model", str(fitted), "--out", str(tmp_path / "my-elm.h")]) == 0
    text = (tmp_path / "my-elm.h").read_text()
    assert "namespace my_elm {" in text
    assert "inline constexpr float kSpikeThresholdLogit = " in text
    assert f"// recipe_digest: {digest(neuronio.load_model(fitted).config['recipe'])}" in text


@compiles
@pytest.mark.parametrize(
    "name", ["float", "main", "std", "3", "gamma", "y1", "expf", "double_t", "linux"]
)
def test_no_name_of_a_file_stands_in_the_way(name, tmp_path):
    text = header(LoadedModel("elm", small_model("elm"), "fit"), name)
    assert f"namespace model_{name} {{" in text
    (tmp_path / "main.cpp").write_text(f"{text}\nint main() {{ model_{name}::Neuron().reset(); }}")
    command = ["g++", "-std=gnu++17", "-fsyntax-only", "main.cpp"]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "model.pt"], "must end in .onnx or .h"),
        (["--out", "model.onnx", "--form", "whole"], "must be step or trace"),
        (["--out", "model.h", "--form", "step"], "left out for a C++ header"),
    ],
)
def test_a_wrong_wish_is_one_sentence(fitted, arguments, said, capsys):
    assert main(["export-model", str(fitted), *arguments]) == 1
    assert said in capsys.readouterr().err


def test_what_cannot_be_exported_is_one_sentence():
    with pytest.raises(NeuronIOError, match=r"is not an ELM.*\.onnx"):
        header(LoadedModel("linear", small_model("linear"), "fit"), "fitted")

    class Slower(Elm):
        def traces(self, events):
            return 0.5 * super().traces(events)

    other = Slower(small_model("branch_elm").options).eval()
    with pytest.raises(NeuronIOError, match=r"Slower has its own traces.*\.onnx"):
        header(LoadedModel("branch_elm", other, "fit"), "fitted")
    assert isinstance(fast_stepper(other, 2), Stepper)
    model = small_model("linear")
    model.first_state = lambda rows: (torch.ones(rows, 8),)
    with pytest.raises(NeuronIOError, match="does not begin with a state of 0"):
        onnx_model(LoadedModel("linear", model, "fit"), "step")
