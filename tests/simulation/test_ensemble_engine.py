"""The ensemble engine beside the NEURON engine on whole cells."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neuronio.config import EngineConfig, Variant
from neuronio.data.trial import InputEvents, detect_spikes
from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import load_cell
from neuronio.simulation.engines.base import TrialFailure
from neuronio.simulation.engines.ensemble import EnsembleEngine
from neuronio.simulation.engines.ensemble import engine as ensemble_engine
from neuronio.simulation.engines.ensemble.lanes import LaneGroup
from neuronio.simulation.engines.registry import make_engine
from tests.simulation.ensemble_reference import CELLS, GOLDEN, reference_inputs

VARIANTS = {
    "ampa_only": Variant(synapses="ampa"),
    "nmda_ratio": Variant(nmda_ratio=2.5),
    "passive_dendrites": Variant(passive_dendrites=True),
    "sk_multiplier": Variant(sk_multiplier=3.0),
    "ih_shift": Variant(ih_vshift_mV=-10.0),
    "gaba_b": Variant(gaba_b=True),
    "no_nmda_no_sk": Variant(nmda_ratio=0.0, sk_multiplier=0.0),
}
SINGLE = [{"precision": "float32"}, {"precision": "float32", "gate_tables": True}]
SILENT_MV = 1e-3
REPEATED = 16
"""How many of the trials with golden spikes are repeated here: vectors are full of them."""


def settings(**changes) -> EngineConfig:
    return EngineConfig(**({"name": "ensemble", "precision": "float64", "threads": 1} | changes))


def neuron_run(spec, inputs, **options):
    engine = make_engine(spec, EngineConfig(name="neuron"), record_soma_8khz=True, **options)
    return engine.run([inputs])[0]


def away_from_spikes(spike_ms: np.ndarray, samples: int) -> np.ndarray:
    """8 kHz samples up to the first spike but 3 ms."""
    first = spike_ms[0] - 3 if len(spike_ms) else np.inf
    return np.arange(samples) / 8 < first


def assert_same_trial(found, expected) -> None:
    """Equal spikes, and equal voltage until the first of them."""
    quiet = away_from_spikes(expected.spike_ms, len(expected.soma_8khz_mV))
    difference = np.abs(found.soma_8khz_mV - expected.soma_8khz_mV)
    assert difference[quiet].max() < SILENT_MV
    assert len(found.spike_ms) == len(expected.spike_ms)
    assert np.abs(found.spike_ms - expected.spike_ms).max(initial=0) < 0.025


@pytest.fixture(scope="module", autouse=True)
def the_comparison_with_neuron_is_made_here():
    """No engine begins with one of its own (test_agreement.py has that)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble_engine, "check_agreement", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def packaged():
    return load_cell("packaged")


@pytest.fixture(scope="module")
def engine(packaged):
    return EnsembleEngine(packaged, settings(), record_soma_8khz=True, record_segments=True)


@pytest.fixture(scope="module")
def trials(engine):
    return reference_inputs(engine.segment_table(), 5, 120)


def test_every_segment_follows_neuron(packaged, engine, trials):
    expected = neuron_run(packaged, trials[3], record_segments=True)
    found = engine.run(trials[3:4])[0]
    assert_same_trial(found, expected)
    assert np.abs(found.segments_mV - expected.segments_mV).max() < SILENT_MV
    assert np.abs(found.nexus_mV - expected.nexus_mV).max() < SILENT_MV
    assert np.array_equal(found.soma_mV, found.soma_8khz_mV[::8])


def test_the_t0_artefact_silences_synapses_of_the_first_ms(packaged, random_inputs):
    artefact = EnsembleEngine(packaged, settings(), t0_artefact=True, record_soma_8khz=True)
    clean = EnsembleEngine(packaged, settings(), record_soma_8khz=True)
    inputs = random_inputs(len(clean.model.segments), 50, 0.01)
    silenced = inputs.without_synapses(inputs.first_ms_synapses())
    with_artefact = artefact.run([inputs])[0].soma_8khz_mV
    assert np.array_equal(with_artefact, clean.run([silenced])[0].soma_8khz_mV)
    assert not np.array_equal(with_artefact, clean.run([inputs])[0].soma_8khz_mV)


def test_threads_and_batches_change_nothing(packaged, engine, trials):
    lengths = [trial.window(0, ms) for trial, ms in zip(trials * 4, range(20, 60, 2), strict=True)]
    alone = [engine.run([trial])[0] for trial in lengths[:3]]
    many = EnsembleEngine(packaged, settings(threads=3), record_soma_8khz=True).run(lengths)
    for a, b in zip(alone, many, strict=False):
        assert np.array_equal(a.soma_8khz_mV, b.soma_8khz_mV)
    assert [len(recording.soma_mV) for recording in many] == list(range(20, 60, 2))


def test_a_trial_that_fails_in_single_precision_runs_again_in_double(
    packaged, engine, trials, monkeypatch
):
    start = LaneGroup._start

    def poisoned(group, lane, trial, inputs):
        start(group, lane, trial, inputs)
        if group.state.dtype == np.float32 and trial == 1:
            group.voltage[0, lane] = np.nan

    monkeypatch.setattr(LaneGroup, "_start", poisoned)
    single = EnsembleEngine(packaged, settings(precision="float32"), record_soma_8khz=True)
    found = single.run(trials[:3])
    expected = engine.run(trials[1:2])[0]
    assert np.array_equal(found[1].soma_8khz_mV, expected.soma_8khz_mV)
    assert np.isfinite(found[0].soma_8khz_mV).all()


def test_a_trial_that_fails_in_double_too_is_a_failure(packaged, trials, monkeypatch):
    start = LaneGroup._start

    def poisoned(group, lane, trial, inputs):
        start(group, lane, trial, inputs)
        if trial == 1:
            group.voltage[0, lane] = 300.0

    monkeypatch.setattr(LaneGroup, "_start", poisoned)
    found = EnsembleEngine(packaged, settings(precision="float32")).run(trials[:3])
    assert isinstance(found[1], TrialFailure)
    assert "[-150, 100] mV" in found[1].reason
    assert found[1].time_ms == 0
    assert not isinstance(found[0], TrialFailure)


def test_cvode_and_wrong_inputs_are_refused(packaged, engine):
    cvode = settings().model_copy(update={"integrator": "cvode"})
    with pytest.raises(NeuronIOError, match="integrator is cvode"):
        EnsembleEngine(packaged, cvode)
    with pytest.raises(NeuronIOError, match="inputs are for 7 segments"):
        engine.run([InputEvents.from_events(7, 10, [], [])])


def require(name: str, request: pytest.FixtureRequest):
    """The cell, if its morphology is at hand."""
    if name != "packaged":
        request.getfixturevalue("mirror")
    return load_cell(name)


# Every variant of the published cell; of the others what acts on their own channels or synapses.
VARIED = [
    *(("neuronio", variant) for variant in VARIANTS),
    *(("packaged", variant) for variant in ("sk_multiplier", "gaba_b")),
    *(("hay2011", variant) for variant in ("passive_dendrites", "ih_shift")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), VARIED)
def test_every_variant_follows_neuron(name, variant, request):
    require(name, request)
    spec = load_cell(name, VARIANTS[variant])
    engine = EnsembleEngine(spec, settings(), record_soma_8khz=True)
    inputs = reference_inputs(engine.segment_table(), 4, 80)[3]
    assert_same_trial(engine.run([inputs])[0], neuron_run(spec, inputs))


def repeated(spec, **changes):
    """Recordings of the first reference inputs, in double precision unless changed; made once."""
    key = spec.name, *changes.items()
    if key not in _repeated:
        engine = EnsembleEngine(spec, settings(threads=0, **changes), record_soma_8khz=True)
        _repeated[key] = engine.run(reference_inputs(engine.segment_table(), REPEATED))
    return _repeated[key]


_repeated: dict[tuple, list] = {}


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_double_precision_gives_every_spike_of_neuron(name, request):
    spec = require(name, request)
    expected = json.loads(GOLDEN.read_text())[name]["spike_ms"][:REPEATED]
    found = repeated(spec)
    assert sum(map(len, expected)) >= 30
    for recording, spike_ms in zip(found, expected, strict=True):
        assert len(recording.spike_ms) == len(spike_ms)
        assert np.abs(recording.spike_ms - spike_ms).max(initial=0) < 0.025


def matched(found: np.ndarray, expected: np.ndarray, within_ms: float) -> int:
    """How many of the expected spikes have a found one near."""
    if not len(found):
        return 0
    return int((np.abs(np.subtract.outer(expected, found)).min(axis=1) <= within_ms).sum())


@pytest.mark.slow
@pytest.mark.parametrize("changes", SINGLE, ids=["exact", "tables"])
@pytest.mark.parametrize("name", CELLS)
def test_single_precision_keeps_spikes_and_voltage(name, changes, request):
    spec = require(name, request)
    expected = json.loads(GOLDEN.read_text())[name]["spike_ms"][:REPEATED]
    hits = extra = 0
    for a, b, spike_ms in zip(repeated(spec), repeated(spec, **changes), expected, strict=True):
        hits += matched(b.spike_ms, np.array(spike_ms), 0.25)
        extra += max(0, len(b.spike_ms) - len(spike_ms))
        quiet = away_from_spikes(a.spike_ms, len(a.soma_8khz_mV))
        difference = (b.soma_8khz_mV - a.soma_8khz_mV)[quiet]
        assert np.sqrt(np.mean(difference**2)) < 0.01
    total = sum(map(len, expected))
    assert hits >= 0.98 * total
    assert extra <= 0.02 * total


@pytest.mark.slow
@pytest.mark.parametrize("changes", SINGLE, ids=["exact", "tables"])
def test_statistics_of_single_precision_are_those_of_double(packaged, changes):
    """Rate, intervals and soma voltage."""
    runs = [repeated(packaged, **c) for c in ({}, changes)]
    rates = [[len(recording.spike_ms) for recording in run] for run in runs]
    assert sum(rates[0]) > 25
    assert abs(sum(rates[0]) - sum(rates[1])) <= 0.02 * sum(rates[0])
    assert stats.ks_2samp(*rates).pvalue > 0.5
    gaps = [[b - a for r in run for a, b in pairwise(r.spike_ms)] for run in runs]
    assert stats.ks_2samp(*gaps).pvalue > 0.5
    soma = [np.concatenate([r.soma_mV[::25] for r in run]) for run in runs]
    assert stats.ks_2samp(*soma).pvalue > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, *SINGLE], ids=["float64", "float32", "tables"])
def test_golden_trials_of_the_published_model(mirror, changes):
    """Voltage and spikes that the published model itself gave with a fixed step."""
    files = sorted(Path(mirror, "golden").glob("*.npz"))
    engine = EnsembleEngine(
        load_cell("neuronio"),
        settings(threads=0, **changes),
        t0_artefact=True,
        record_soma_8khz=True,
    )
    inputs = []
    for path in files:
        with np.load(path) as golden:
            inputs.append(InputEvents.load_npz(path).window(0, int(golden["fixed_duration_ms"])))
    assert files
    for path, found in zip(files, engine.run(inputs), strict=True):
        with np.load(path) as golden:
            expected = golden["fixed_soma_8khz_mV"]
        spike_ms = detect_spikes(expected)
        assert len(found.spike_ms) == len(spike_ms)
        assert np.abs(found.spike_ms - spike_ms).max(initial=0) <= 0.125
        times = np.arange(len(expected)) / 8
        quiet = np.abs(np.subtract.outer(times, spike_ms)).min(axis=1, initial=np.inf) > 3
        difference = (found.soma_8khz_mV - expected)[quiet]
        assert np.sqrt(np.mean(difference**2)) < (0.01 if changes else 1e-4)
