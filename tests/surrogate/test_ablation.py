import numpy as np
import pytest

from neuronio.config import EvaluationConfig
from neuronio.surrogate.comparison import compare_fits
from neuronio.surrogate.detection_curves import FALSE_RATES, RECALLS, detection_curves
from neuronio.surrogate.evaluate import evaluate
from neuronio.surrogate.families import parse_options
from neuronio.surrogate.measure import Measure
from neuronio.surrogate.paired import PAIRED, mean_measure, paired
from neuronio.surrogate.points import Predictions
from neuronio.surrogate.train import FitSpec, fit
from neuronio.training import TrainingConfig

SETTINGS = EvaluationConfig(ignore_ms=100, bootstrap=50)
TRAINING = TrainingConfig(
    steps=6, batch_size=2, window_ms=100, burn_in_ms=20, validate_every=3, learning_rate=0.01
)


def test_paired_differences_are_those_of_compare_fits(make_shard, tmp_path):
    folders, documents = {}, []
    for name, filters in (("linear-2-seed0", 2), ("linear-3-wide-seed0", 3)):
        options = parse_options("linear", {"inputs": 12, "filters": filters})
        folders[name] = tmp_path / name
        fit(
            FitSpec(
                "linear", options, 0, TRAINING, [make_shard(1)], [make_shard(2)], folders[name], 100
            )
        )
        document = evaluate(folders[name], [make_shard(4)], SETTINGS)
        documents.append(document | {"label": "wide" if "wide" in name else None})
    (row,) = paired(documents, folders, [make_shard(4)], SETTINGS)
    assert (row["label"], row["intervals"]) == ("wide", PAIRED)
    wanted = compare_fits(*folders.values(), [make_shard(4)], SETTINGS)["scores"]
    assert row["scores"]["auc"]["difference"] is not None
    for name, entry in wanted.items():
        found = {key: row["scores"][name][key] for key in entry}
        assert found == entry, name


def test_the_mean_of_measures_is_that_of_their_scores_for_any_weights():
    def measure(slope):
        return Measure.of_sums(lambda weight: {"s": slope * weight.sum(axis=1)}, 3)

    mean = mean_measure([measure(1.0), measure(3.0)])
    assert mean.points == {"s": 6.0}
    assert mean.weighted(np.array([[1.0, 0.0, 4.0]]))["s"] == pytest.approx([10.0])
    undefined = mean_measure([measure(1.0), Measure({"s": None})])
    assert (undefined.points, undefined.weighted) == ({"s": None}, None)


def test_curves_of_a_known_case():
    spikes = np.zeros((1, 1000), bool)
    spikes[0, [10, 20]] = True
    logit = np.zeros((1, 1000), np.float32)
    # One spike above all else, then one false alarm, then the other spike.
    logit[0, [10, 500, 20]] = 3.0, 2.0, 1.0
    found = detection_curves(Predictions(spikes, logit, logit, logit))
    true = np.interp(FALSE_RATES, found["roc"]["false"], found["roc"]["true"])
    assert true[FALSE_RATES < 1 / 998] == pytest.approx(0.5)
    assert true[FALSE_RATES > 1 / 998] == pytest.approx(1.0)
    precision = np.array(found["precision_recall"]["precision"])
    assert precision[RECALLS <= 0.5] == pytest.approx(1.0)
    assert precision[RECALLS > 0.5] == pytest.approx(2 / 3, abs=1e-4)


def test_there_are_no_curves_without_spikes():
    none = np.zeros((2, 50), np.float32)
    assert detection_curves(Predictions(none > 0, none, none, none)) == {}
