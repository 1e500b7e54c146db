"""The published pickles: exact round trips, and what the published reading code looks for."""

import pickle
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuronio.data.neuronio import export_neuronio, import_neuronio
from neuronio.data.shard import SegmentTable, Shard, write_shard
from neuronio.data.trial import InputEvents, Recording
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.files import write_json

N_SEGMENTS, DURATION_MS, N_TRIALS = 5, 600, 3


def published_dict(rng: np.random.Generator, text=str, number=int) -> dict:
    """What the published script pickles, in miniature; `text` and `number` make keys and times."""

    def spikes() -> dict:
        chosen = rng.choice(N_SEGMENTS, size=4, replace=False)
        times = [np.sort(rng.choice(DURATION_MS, size=9, replace=False)) for _ in chosen]
        return {number(s): [number(x) for x in t] for s, t in zip(chosen, times, strict=True)}

    def voltage(*shape: int) -> np.ndarray:
        return rng.normal(-65, 15, shape).astype(np.float16)

    trial = lambda: {  # noqa: E731
        "recordingTimeHighRes": np.arange(0, DURATION_MS, 0.125).astype(np.float32),
        "somaVoltageHighRes": voltage(8 * DURATION_MS),
        "nexusVoltageHighRes": voltage(8 * DURATION_MS),
        "recordingTimeLowRes": np.arange(DURATION_MS).astype(np.float32),
        "somaVoltageLowRes": voltage(DURATION_MS),
        "nexusVoltageLowRes": voltage(DURATION_MS),
        "exInputSpikeTimes": spikes(),
        "inhInputSpikeTimes": spikes(),
        "outputSpikeTimes": np.sort(rng.uniform(0, DURATION_MS, 4)).astype(np.float16),
        "dendriticVoltagesLowRes": voltage(N_SEGMENTS, DURATION_MS),
    }
    params = {
        "randomSeed": 1200000,
        "totalSimDurationInSec": DURATION_MS / 1000,
        "collectAndSaveDVTs": True,
        "excitatorySynapseType": "NMDA",
        "num_bas_ex_spikes_per_100ms_range": [0, 800],
        "listOfISIs": rng.uniform(2, 300, 7).tolist(),
        "allSegmentsType": ["basal"] * 2 + ["apical"] * 3,
        "allSegmentsLength": rng.uniform(10, 30, N_SEGMENTS).tolist(),
        "allSegments_DistFromSoma": rng.uniform(0, 900, N_SEGMENTS).tolist(),
        "allSegments_SectionInd": [0, 1, 2, 2, 3],
    }
    trials = [{text(k): v for k, v in trial().items()} for _ in range(N_TRIALS)]
    results = {text("listOfSingleSimulationDicts"): trials}
    return {text("Params"): {text(k): v for k, v in params.items()}, text("Results"): results}


def save(path, content, protocol=2):
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=protocol)
    return path


def read_as_published(path) -> dict:
    """Load with plain pickle, as the published code does in Python 3."""
    with open(path, "rb") as file:
        return pickle.load(file, encoding="latin1")


def assert_same_bits(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("text", [str, str.encode], ids=["text_keys", "bytes_keys"])
@pytest.mark.parametrize("number", [int, np.int64])
def test_pickle_to_shard_to_pickle_is_exact(tmp_path, rng, protocol, text, number):
    content = published_dict(rng, text, number)
    shard = import_neuronio(save(tmp_path / "a.p", content, protocol), tmp_path / "a.h5")
    assert verify_shard(shard) == []
    again = read_as_published(export_neuronio(shard, tmp_path / "b.p"))

    for key, value in content[text("Params")].items():
        assert again["Params"][key if isinstance(key, str) else key.decode()] == value
    trials = content[text("Results")][text("listOfSingleSimulationDicts")]
    for before, after in zip(trials, again["Results"]["listOfSingleSimulationDicts"], strict=True):
        before = {k if isinstance(k, str) else k.decode(): v for k, v in before.items()}
        assert set(before) - set(after) == {"nexusVoltageHighRes"}
        for key, value in after.items():
            if isinstance(value, dict):
                assert value == before[key]
            else:
                assert_same_bits(value, before[key])


def test_a_pickle_that_python_2_wrote_comes_back_exactly(tmp_path):
    """python2_neuronio.p was written by Python 2.7 and numpy 1.16 (python2_neuronio.py2)."""
    original = Path(__file__).parent / "python2_neuronio.p"
    before = read_as_published(original)
    shard = import_neuronio(original, tmp_path / "a.h5")
    after = read_as_published(export_neuronio(shard, tmp_path / "b.p"))
    assert after["Params"].items() >= before["Params"].items()
    trials = (c["Results"]["listOfSingleSimulationDicts"] for c in (before, after))
    for one, other in zip(*trials, strict=True):
        for key, value in one.items():
            if isinstance(value, dict):
                assert other[key] == value
            else:
                assert_same_bits(other[key], value)


def our_shard(tmp_path, rng, duration_ms=5000):
    table = SegmentTable(
        np.array(["basal"] * 2 + ["apical"] * 3),
        rng.uniform(5, 40, N_SEGMENTS),
        rng.uniform(0, 1000, N_SEGMENTS),
        np.arange(N_SEGMENTS),
    )

    def trial():
        dense = rng.random((2, N_SEGMENTS, duration_ms)) < 0.01
        recording = Recording(
            rng.normal(-65, 8, duration_ms).astype(np.float32),
            rng.normal(-60, 8, duration_ms).astype(np.float32),
            np.sort(rng.integers(0, 8 * duration_ms, 6) / 8),
            rng.normal(-65, 8, 8 * duration_ms).astype(np.float32),
            rng.normal(-60, 9, (N_SEGMENTS, duration_ms)).astype(np.float32),
        )
        return InputEvents.from_dense(*dense), recording

    trials = [(i, *trial()) for i in range(2)]
    info = {"cell": "packaged", "generator": "published", "dataset_seed": 3, "t0_artefact": False}
    return write_shard(tmp_path / "ours.h5", trials, info, table), trials


def test_what_no_spike_leaves_undefined_is_no_json_and_comes_back(tmp_path, rng):
    content = published_dict(rng)
    content["Params"] |= {"ISICV": float("nan"), "listOfISIs": [float("inf")], "note": None}
    for trial in content["Results"]["listOfSingleSimulationDicts"]:
        trial["outputSpikeTimes"] = np.empty(0, np.float16)
    shard = import_neuronio(save(tmp_path / "a.p", content), tmp_path / "a.h5")
    with Shard(shard) as found:
        write_json(tmp_path / "info.json", found.info)  # as a fit does, of what it is fitted to
    params = read_as_published(export_neuronio(shard, tmp_path / "b.p"))["Params"]
    assert np.isnan(params["ISICV"])
    assert params["listOfISIs"] == [None]
    assert params["note"] is None


def test_our_shard_survives_the_pickle_in_full_precision(tmp_path, rng):
    shard, trials = our_shard(tmp_path, rng)
    back = import_neuronio(export_neuronio(shard, tmp_path / "x.p"), tmp_path / "back.h5")
    with Shard(back) as after, Shard(shard) as before:
        for i, (_, inputs, recording) in enumerate(trials):
            assert_same_bits(after.inputs(i).synapse, inputs.synapse)
            assert_same_bits(after.inputs(i).offset, inputs.offset)
            for name in ("soma_mV", "nexus_mV", "soma_8khz_mV", "spike_ms"):
                assert_same_bits(getattr(after, name)(i), getattr(recording, name))
            assert_same_bits(after.segments_mV(i), before.segments_mV(i))
        for field in fields(SegmentTable):
            a, b = getattr(after.segments, field.name), getattr(before.segments, field.name)
            assert (a == b).all()


def test_our_shard_comes_back_as_the_cell_that_it_is_of(tmp_path, rng):
    shard, _ = our_shard(tmp_path, rng)
    for cell, artefact in (("packaged", False), ("neuronio", True)):
        with h5py.File(shard, "r+") as file:
            file.attrs["cell"], file.attrs["t0_artefact"] = cell, artefact
        pickled = export_neuronio(shard, tmp_path / "x.p")
        with Shard(import_neuronio(pickled, tmp_path / "back.h5")) as back:
            assert (back.info["cell"], back.info["t0_artefact"]) == (cell, artefact)
            assert "neuronio" not in back.info["published_params"]


def test_segments_without_end_are_one_sentence(tmp_path, rng):
    content = published_dict(rng, str, int)
    del content["Params"]["allSegmentsType"]
    for given in ("basal:99999999999", "basal:32768,apical:1"):
        with pytest.raises(NeuronIOError, match="more than 32,768 segments"):
            import_neuronio(save(tmp_path / "a.p", content), tmp_path / "a.h5", given)


def test_half_precision_puts_late_spikes_on_a_grid_of_4_ms(tmp_path, rng):
    shard, trials = our_shard(tmp_path, rng)
    out = read_as_published(export_neuronio(shard, tmp_path / "x.p", half_precision=True))
    for trial, (_, _, recording) in zip(
        out["Results"]["listOfSingleSimulationDicts"], trials, strict=True
    ):
        times = trial["outputSpikeTimes"]
        assert times.dtype == trial["somaVoltageLowRes"].dtype == np.float16
        late = recording.spike_ms > 4096
        assert late.any()
        assert (times[late].astype(float) % 4 == 0).all()
        np.testing.assert_allclose(times.astype(float), recording.spike_ms, atol=2.0)


ODD = {
    "somaVoltageLowRes": ([[1.0], [1.0, 2.0]], -65.0),
    "somaVoltageHighRes": (-65.0, np.array(["a", "b"])),
    "nexusVoltageLowRes": (object(), {}),
    "dendriticVoltagesLowRes": (np.full((N_SEGMENTS, DURATION_MS), -1e6), [[1.0], [2.0, 3.0]]),
    "exInputSpikeTimes": ({0: [[1], [2, 3]]}, {0: {}}, [1]),
    "allSegmentsType": (2, [["basal"], ["apical"]], [{}] * N_SEGMENTS),
    "allSegmentsLength": (["a"] * N_SEGMENTS, [[1], [2, 3]], 3),
    "allSegments_SectionInd": ([2**70] * N_SEGMENTS, [None] * N_SEGMENTS),
    "randomSeed": (2**70,),
    "listOfISIs": (np.array([1j]), {(1, 2): 3}),
}


@pytest.mark.parametrize("key", ODD)
def test_odd_content_is_one_sentence_or_taken(key, tmp_path, rng):
    for value in ODD[key]:
        content = published_dict(rng)
        trial = content["Results"]["listOfSingleSimulationDicts"][0]
        (trial if key in trial else content["Params"])[key] = value
        path = tmp_path / "odd.p"
        path.write_bytes(pickle.dumps(content, protocol=2))
        said = "", []
        try:
            said = "", verify_shard(import_neuronio(path, tmp_path / "odd.h5"))
        except NeuronIOError as error:
            said = str(error), []
        assert not said[0] or (str(path) in said[0] and "\n" not in said[0])
        assert said[1] == []


@pytest.mark.parametrize("options", [{}, {"encoding": "latin1"}, {"encoding": "bytes"}])
def test_exported_file_loads_however_it_is_read(tmp_path, rng, options):
    shard, trials = our_shard(tmp_path, rng)
    path = export_neuronio(shard, tmp_path / "x.p")
    with open(path, "rb") as file:
        content = pickle.load(file, **options)
    name = (lambda s: s.encode()) if options.get("encoding") == "bytes" else str
    trial = content[name("Results")][name("listOfSingleSimulationDicts")][0]
    np.testing.assert_array_equal(trial[name("somaVoltageLowRes")], trials[0][2].soma_mV)


def test_exported_file_names_only_what_old_numpy_has(tmp_path, rng):
    import pickletools

    shard, _ = our_shard(tmp_path, rng)
    ops = list(pickletools.genops(export_neuronio(shard, tmp_path / "x.p").read_bytes()))
    assert {arg for op, arg, _ in ops if op.name == "GLOBAL"} == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }
    assert max(op.proto for op, _, _ in ops) == 2


def test_published_reading_rules_find_their_keys(tmp_path, rng):
    """Inputs and targets as the published code builds them from the dict equal the shard's."""
    shard, _ = our_shard(tmp_path, rng)
    content = read_as_published(export_neuronio(shard, tmp_path / "x.p"))
    n_segments = len(content["Params"]["allSegmentsType"])
    duration = content["Params"]["totalSimDurationInSec"] * 1000
    assert isinstance(duration, int)
    with Shard(shard) as data:
        for i, trial in enumerate(content["Results"]["listOfSingleSimulationDicts"]):
            x = np.zeros((2 * n_segments, duration), dtype=bool)
            for first, key in ((0, "exInputSpikeTimes"), (n_segments, "inhInputSpikeTimes")):
                for segment, times in trial[key].items():
                    x[first + segment, times] = True
            assert (x == data.inputs(i).dense()).all()
            bins = (trial["outputSpikeTimes"].astype(float) - 0.5).astype(int)
            assert (bins == (data.spike_ms(i) - 0.5).astype(int)).all()


@pytest.mark.parametrize(
    "absent",
    [
        ["dendriticVoltagesLowRes"],
        ["somaVoltageHighRes", "nexusVoltageHighRes", "recordingTimeHighRes"],
        ["recordingTimeLowRes", "recordingTimeHighRes"],
        ["nexusVoltageLowRes", "somaVoltageLowRes"],
        ["outputSpikeTimes"],
    ],
)
def test_missing_optional_fields_are_made_up_for(tmp_path, rng, absent):
    content = published_dict(rng)
    trials = content["Results"]["listOfSingleSimulationDicts"]
    wanted = [np.asarray(t["somaVoltageHighRes"][::8]) for t in trials]
    for trial in trials:
        for key in absent:
            del trial[key]
    for key in ("allSegments_DistFromSoma", "allSegments_SectionInd", "randomSeed"):
        del content["Params"][key]
    path = import_neuronio(save(tmp_path / "a.p", content), tmp_path / "a.h5")
    assert verify_shard(path) == []
    with Shard(path) as shard:
        assert shard.has_segments == ("dendriticVoltagesLowRes" not in absent)
        assert shard.has_soma_8khz == ("somaVoltageHighRes" not in absent)
        if "somaVoltageLowRes" in absent:
            assert (shard.soma_mV(0) == wanted[0]).all()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: c.pop("Params"), "Params"),
        (lambda c: c["Results"].clear(), "listOfSingleSimulationDicts"),
        (lambda c: c["Params"].pop("allSegmentsType"), "allSegmentsType"),
        (lambda c: first(c).pop("inhInputSpikeTimes"), "inhInputSpikeTimes"),
        (lambda c: first(c)["exInputSpikeTimes"].update({N_SEGMENTS: [3]}), "segment 5"),
        (lambda c: first(c)["exInputSpikeTimes"].update({0: [DURATION_MS]}), "600"),
        (lambda c: first(c)["exInputSpikeTimes"].update({0: [2.5]}), "whole ms"),
        (lambda c: first(c).update(somaVoltageLowRes=np.zeros(7)), "trial 1"),
        (lambda c: c["Params"].update(allSegmentsLength=[1.0]), "allSegmentsLength"),
    ],
)
def test_data_that_are_not_neuronio_are_named(tmp_path, rng, spoil, says):
    content = published_dict(rng)
    spoil(content)
    with pytest.raises(NeuronIOError, match=says):
        import_neuronio(save(tmp_path / "a.p", content), tmp_path / "a.h5")
    assert not list(tmp_path.glob("*.h5"))


def first(content: dict) -> dict:
    return content["Results"]["listOfSingleSimulationDicts"][1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20210811)
