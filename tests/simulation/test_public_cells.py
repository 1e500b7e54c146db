"""Cells with MOD files of their own, ours and public ones: the generated kernel beside NEURON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuronio.data.fetch import fetch, sources
from neuronio.errors import NeuronIOError
from neuronio.native import cache_dir
from neuronio.simulation.cell_spec import CELLS, load_cell
from neuronio.simulation.mechanisms import load_mechanisms, mechanisms_by_name

HERE = Path(__file__).parents[1] / "cells"
SMALL = {name: str(HERE / name / "cell.yaml") for name in ("interneuron", "pyramid")}
PUBLIC = sorted(path.stem for path in CELLS.glob("*.yaml") if "\nmod_files:" in path.read_text())
SILENT_MV, MOVED_MS = 1e-3, 0.025

# Every cell in a process of its own: their mechanisms have the same names.
RUN = """
import json, sys
import numpy as np
from neuronio.config import EngineConfig
from neuronio.data.trial import InputEvents
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.registry import make_engine

spec, duration_ms, rng = load_cell(sys.argv[1]), 80, np.random.default_rng(1)
runs = {}
for name in ("ensemble", "neuron"):
    precision = {"precision": "float64"} if name == "ensemble" else {}
    engine = make_engine(spec, EngineConfig(name=name, **precision), record_soma_8khz=True)
    if name == "ensemble":
        n = len(engine.segment_table())
        m = int(0.02 * n * duration_ms)
        at = rng.integers(5, duration_ms, m)
        inputs = InputEvents.from_events(n, duration_ms, rng.integers(0, n, m), at)
    runs[name] = engine.run([inputs])[0]
first, second = runs["neuron"], runs["ensemble"]
until = int(8 * (first.spike_ms[0] - 3)) if len(first.spike_ms) else 8 * duration_ms
moved = None
if len(first.spike_ms) == len(second.spike_ms):
    moved = float(np.abs(first.spike_ms - second.spike_ms).max(initial=0))
apart = np.abs(first.soma_8khz_mV - second.soma_8khz_mV)[: max(until, 1)]
print(json.dumps({"spikes": len(first.spike_ms), "moved": moved, "apart": float(apart.max())}))
"""


def compared(cell: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", RUN, cell], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(found: dict) -> None:
    assert found["spikes"] >= 1
    assert found["moved"] is not None
    assert found["moved"] < MOVED_MS
    assert found["apart"] < SILENT_MV


@pytest.mark.parametrize("name", SMALL)
def test_cells_of_our_own_making_match_neuron(name):
    assert_same(compared(SMALL[name]))


def test_there_are_six_public_cells_at_least():
    assert len(PUBLIC) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_public_cells_match_neuron(name):
    if not at_hand(name):
        pytest.skip("the cell's files are neither in NEURONIO_MIRROR nor fetched")
    assert_same(compared(name))


def at_hand(name: str) -> bool:
    """Whether the files of a cell can be had without the internet."""
    text = (CELLS / f"{name}.yaml").read_text()
    wanted = [n for n in sources() if n in text or f"[{n.partition('/')[0]}/]" in text]
    mirror = Path(os.environ.get("NEURONIO_MIRROR", ""))
    return all((mirror / n).is_file() or (cache_dir() / "downloads" / n).is_file() for n in wanted)


def test_mechanisms_of_one_name_need_a_process_each(tmp_path):
    """NEURON cannot unload: a second cell with another mechanism of a name is refused."""
    (tmp_path / "Ih.mod").write_text(
        "NEURON { SUFFIX Ih NONSPECIFIC_CURRENT i RANGE g }\nPARAMETER { g = 1e-5 }\n"
        "ASSIGNED { v i }\nBREAKPOINT { i = g * (v + 40) }\n"
    )
    code = (
        "from neuronio.simulation.mechanisms import load_mechanisms\n"
        "from pathlib import Path\n"
        f"load_mechanisms()\nload_mechanisms([Path({str(tmp_path / 'Ih.mod')!r})])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "already has another mechanism Ih" in done.stderr


@pytest.mark.parametrize("name", ["hh", "ExpSyn", "tanh"])
def test_a_mechanism_with_a_name_that_neuron_has_is_refused(name, tmp_path):
    """NEURON itself would end the process."""
    (tmp_path / "own.mod").write_text(f"NEURON {{ SUFFIX {name} }}")
    with pytest.raises(NeuronIOError, match=f"own.mod defines {name}, a name that NEURON"):
        load_mechanisms([tmp_path / "own.mod"])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.mod": "NEURON { SUFFIX same }", "b.mod": "NEURON { SUFFIX same }"}, "both define"),
        ({"a.mod": "nothing"}, "declares no mechanism"),
        ({"a.mod": 'NEURON { SUFFIX a }\nINCLUDE "b.inc"'}, 'has INCLUDE "b.inc"'),
        ({}, "there is no MOD file"),
    ],
)
def test_wrong_mod_files_are_one_sentence(files, said, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    spec = load_cell("packaged").model_copy(update={"mod_files": [str(tmp_path)]})
    with pytest.raises(NeuronIOError, match=said) as error:
        mechanisms_by_name(spec.mod_paths())
    assert len(str(error.value).splitlines()) == 1


def test_a_source_in_a_folder_is_fetched_by_its_whole_name(monkeypatch, tmp_path):
    name = next(name for name in sources() if "/" in name)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("not it")
    monkeypatch.setenv("NEURONIO_MIRROR", str(tmp_path))
    with pytest.raises(NeuronIOError, match="has sha256"):
        fetch(name)
