"""Pickles as other people have them: rates are read, and what no trial has is refused by name.

The files of `field/` are described in tests/data/field/README.md.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest

from neuronio.command.app import main
from neuronio.data.neuronio import export_neuronio, import_neuronio
from neuronio.data.shard import Shard
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError

FIELD = Path(__file__).parent / "field"
SPIKES_MS = [60.5, 150.25]


def read(name):
    """The parameters and the first trial of a file of `field/`."""
    content = pickle.loads((FIELD / name).read_bytes())
    return content["Params"], content["Results"]["listOfSingleSimulationDicts"][0]


def changed(tmp_path, changes, name="rate40.p"):
    """A file of `field/` with keys of its one trial or of Params changed, or (None) gone."""
    params, trial = read(name)
    for key, value in changes.items():
        place = params if key in ("numSamplesPerMS_HighRes", "totalSimDurationInSec") else trial
        place[key] = value(place[key]) if callable(value) else value
        if place[key] is None:
            del place[key]
    content = {"Params": params, "Results": {"listOfSingleSimulationDicts": [trial]}}
    path = tmp_path / "changed.p"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@pytest.mark.parametrize("name", ["rate40.p", "rate40-highres-only.p"])
def test_fine_traces_at_40_a_ms_are_thinned_to_8(tmp_path, name):
    path = import_neuronio(FIELD / name, tmp_path / "a.h5")
    assert verify_shard(path) == []
    with Shard(path) as shard:
        assert shard.duration_ms == 200
        assert shard.spike_ms(0).tolist() == SPIKES_MS
        np.testing.assert_array_equal(
            shard.soma_8khz_mV(0), read(name)[1]["somaVoltageHighRes"][::5]
        )
        assert shard.info["source_samples_per_ms"] == 40
    again = pickle.loads(export_neuronio(path, tmp_path / "b.p").read_bytes())
    assert again["Params"]["numSamplesPerMS_HighRes"] == 8
    assert len(again["Results"]["listOfSingleSimulationDicts"][0]["somaVoltageHighRes"]) == 1600


@pytest.mark.parametrize(
    "gone",
    [
        ["numSamplesPerMS_HighRes"],
        ["recordingTimeHighRes"],
        ["numSamplesPerMS_HighRes", "recordingTimeHighRes"],
        ["numSamplesPerMS_HighRes", "recordingTimeHighRes", "totalSimDurationInSec"],
        ["somaVoltageLowRes", "nexusVoltageLowRes", "recordingTimeHighRes"],
        ["somaVoltageLowRes", "nexusVoltageLowRes", "numSamplesPerMS_HighRes"],
    ],
)
def test_any_one_word_on_the_rate_is_enough(tmp_path, gone):
    path = import_neuronio(changed(tmp_path, dict.fromkeys(gone)), tmp_path / "a.h5")
    with Shard(path) as shard:
        assert (shard.duration_ms, shard.spike_ms(0).tolist()) == (200, SPIKES_MS)


def test_a_rate_that_nothing_says_is_asked_for(tmp_path):
    gone = ["numSamplesPerMS_HighRes", "recordingTimeHighRes", "totalSimDurationInSec"]
    path = changed(tmp_path, dict.fromkeys(gone), "rate40-highres-only.p")
    with pytest.raises(NeuronIOError, match="give --samples-per-ms"):
        import_neuronio(path, tmp_path / "a.h5")
    with Shard(import_neuronio(path, tmp_path / "a.h5", samples_per_ms=40)) as shard:
        assert (shard.duration_ms, shard.spike_ms(0).tolist()) == (200, SPIKES_MS)


def every_second(values):
    return values[::2]


WRONG = {
    "two rates": (
        {"numSamplesPerMS_HighRes": 8},
        r"trial 0 has 8 fine samples a ms by Params.*, but 40 by recordingTimeHighRes",
    ),
    "seconds": (
        {"recordingTimeHighRes": lambda t: t / 1000},
        r"has 40 fine samples a ms by Params.*, but 40000 by recordingTimeHighRes",
    ),
    "20 a ms": (
        {
            "numSamplesPerMS_HighRes": 20,
            "somaVoltageHighRes": every_second,
            "recordingTimeHighRes": every_second,
        },
        "has 20 fine samples a ms, but wanted is 8 or a multiple",
    ),
    "one sample more": (
        {"somaVoltageHighRes": lambda v: np.append(v, v[-1:]), "recordingTimeHighRes": None},
        "has 8001 fine samples at 40 a ms",
    ),
    "uneven": (
        {"recordingTimeHighRes": lambda t: t**2 / t[-1]},
        "recordingTimeHighRes does not put at even steps",
    ),
    "coarse at 2 kHz": ({"recordingTimeLowRes": lambda t: t / 2}, "LowRes at 2 samples a ms"),
    "another duration": (
        {"recordingTimeLowRes": None, "totalSimDurationInSec": 0.4},
        "somaVoltageLowRes at 0.5 samples a ms by Params",
    ),
    "volts": ({"somaVoltageLowRes": lambda v: v / 1000}, "somaVoltageLowRes .* so it is in V"),
    "NaN in the fine trace": (
        {"somaVoltageHighRes": lambda v: np.where(np.arange(v.size) == 9, np.nan, v)},
        "trial 0: somaVoltageHighRes is nan at sample 9",
    ),
    "infinite nexus": ({"nexusVoltageLowRes": lambda v: v * np.inf}, "nexusVoltageLowRes is -inf"),
    "late spike": ({"outputSpikeTimes": [200.5]}, "spike 0 is at 200.5 ms, outside the trial"),
    "text as times": ({"outputSpikeTimes": ["soon"]}, "outputSpikeTimes that are no times"),
    "input past the end": (
        {"exInputSpikeTimes": {3: [5, 200]}},
        "trial 0: 'exInputSpikeTimes' of segment 3 has a spike at 200 ms, outside",
    ),
    "input at NaN": ({"inhInputSpikeTimes": {0: [float("nan")]}}, "a spike at nan, which is not"),
    "key that is no number": ({"exInputSpikeTimes": {"a": [5]}}, "a key 'a', but segments are"),
    "dendrites of another cell": (
        {"dendriticVoltagesLowRes": np.full((4, 200), -70.0)},
        "dendriticVoltagesLowRes of shape",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_no_trial_has_is_refused_in_one_sentence(tmp_path, kind):
    changes, said = WRONG[kind]
    with pytest.raises(NeuronIOError, match=said) as error:
        import_neuronio(changed(tmp_path, changes), tmp_path / "a.h5")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nan-soma.p", "trial 1: somaVoltageLowRes is nan at sample 200"),
        ("nan-spike.p", "trial 1: output spike 1 is at nan ms"),
        ("odd-spikes.p", "trial 1: output spike 0 is at -3 ms, outside the trial of 400 ms"),
        ("mixed-duration.p", "trial 2 has somaVoltageLowRes of 300 samples, but trial 0 has 400"),
        ("other-lab.p", "excitation has keys 1 to 5 and inhibition has keys 0 to 5: give --segm"),
    ],
)
def test_files_of_the_field_are_refused_in_one_sentence(tmp_path, capsys, name, said):
    assert main(["import-neuronio", str(FIELD / name), "--out", str(tmp_path / "a.h5")]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_output_spikes_are_put_in_order_and_one_rounded_to_the_end_is_kept(tmp_path):
    late = np.array([200.0, 60.5], dtype=np.float16)
    path = import_neuronio(changed(tmp_path, {"outputSpikeTimes": late}), tmp_path / "a.h5")
    assert verify_shard(path) == []
    with Shard(path) as shard:
        assert shard.spike_ms(0).tolist() == [60.5, 200.0]


def test_keys_of_another_lab_are_imported_as_the_options_say(tmp_path):
    out = tmp_path / "a.h5"
    command = ["import-neuronio", str(FIELD / "other-lab.p"), "--out", str(out), "--segments"]
    _, trial = read("other-lab.p")
    excitation = {k: sorted(times) for k, times in trial["exInputSpikeTimes"].items()}
    inhibition = {k: sorted(times) for k, times in trial["inhInputSpikeTimes"].items()}

    assert main([*command, "soma:1,basal:3,apical:2"]) == 0
    assert verify_shard(out) == []
    with Shard(out) as shard:
        assert shard.segments.type.tolist() == ["soma", *["basal"] * 3, *["apical"] * 2]
        assert shard.info["cell"] == "unknown"
        times = [np.flatnonzero(row).tolist() for row in shard.inputs(0).dense()]
    assert times[:6] == [excitation.get(s, []) for s in range(6)]
    assert times[6:] == [inhibition[s] for s in range(6)]

    assert main([*command, "other:6", "--first-excitatory", "1"]) == 0
    with Shard(out) as shard:
        times = [np.flatnonzero(row).tolist() for row in shard.inputs(0).dense()]
    assert times[:6] == [excitation.get(s + 1, []) for s in range(6)]
    assert times[6:] == [inhibition[s] for s in range(6)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"segments": "other:5", "first_excitatory": 1}, "segment 5, but 5 segments are numbered"),
        ({"segments": "other:6", "first_excitatory": 2}, "segment 1, but 6 segments are numbered"),
        ({"segments": "6"}, "--segments has '6', but wanted is TYPE:NUMBER"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path, options, said):
    with pytest.raises(NeuronIOError, match=said):
        import_neuronio(FIELD / "other-lab.p", tmp_path / "a.h5", **options)


def test_segments_that_the_file_states_are_not_given_twice(tmp_path):
    with pytest.raises(NeuronIOError, match="which 5 segments there are; leave --segments out"):
        import_neuronio(FIELD / "rate40.p", tmp_path / "a.h5", segments="other:5")
