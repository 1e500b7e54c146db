import csv
import json

import numpy as np
import pytest

from neuronio.data.reference import published_surrogates
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.surrogate.figures import (
    accuracy_figure,
    learning_figure,
    prediction_figure,
    scored_words,
)
from neuronio.surrogate.models import FAMILIES
from neuronio.surrogate.results_table import read_evaluations, table_rows, write_table
from neuronio.surrogate.summary import summary_rows


def made_up_evaluation(model, size, seed, auc, rmse=1.0):
    def entry(value):
        interval = (None, None) if value is None else (value - 0.01, value + 0.01)
        return {"value": value, "low": interval[0], "high": interval[1]}

    return {
        "name": f"{model}-{size}-seed{seed}",
        "model": {
            "name": model,
            "size": size,
            "seed": seed,
            "source": "fit",
            "parameters": 100 * size,
            "multiply_adds_per_ms": 200 * size,
        },
        "settings": {"mode": "streaming", "ignore_ms": 100},
        "data": {"trials_scored": 4, "trials_left_out": 1, "spikes": 9},
        "protocol": "all trials, after the first 100 ms of each",
        "scores": {"auc": entry(auc), "soma_rmse_mV": entry(rmse)},
        "legacy": {"soma_rmse_mV": rmse},
    }


EVALUATIONS = [
    made_up_evaluation(model, size, seed, 0.8 + 0.01 * size + 0.005 * seed)
    for model in ("branch_elm", "tcn")
    for size in (2, 5)
    for seed in (0, 1)
]


def test_a_figure_is_written_as_svg_and_png_with_the_same_bytes_each_time(tmp_path):
    for name in "ab":
        save_figure(lambda: accuracy_figure(EVALUATIONS, published_surrogates()), tmp_path / name)
    for kind in ("svg", "png"):
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content == (tmp_path / f"b.{kind}").read_bytes()
        assert len(content) > 5000


def test_the_accuracy_figure_shows_every_fit_and_labels_published_points():
    figure = accuracy_figure(EVALUATIONS, published_surrogates())
    for axis in figure.axes:
        assert axis.get_xscale() == "log"
        for family in ("Branch-ELM", "TCN"):
            (line,) = [c for c in axis.containers if c.get_label() == family]
            assert len(line[0].get_xdata()) == 4
    titles = [legend.get_title().get_text() for legend in figure.legends]
    assert titles == ["This run", "Published, measured on other data"]


def test_every_model_has_a_marker_and_a_colour_of_its_own():
    families = [FAMILIES[name] for name in FAMILIES]
    for column in ("label", "marker", "colour"):
        assert len({getattr(family, column) for family in families}) == len(families)


def test_undefined_scores_are_left_out_of_the_figure(tmp_path):
    documents = [made_up_evaluation("linear", 1, 0, None), made_up_evaluation("lif", 1, 0, 0.7)]
    figure = accuracy_figure(documents)
    assert [c.get_label() for c in figure.axes[0].containers] == ["leaky integrate-and-fire"]
    save_figure(lambda: accuracy_figure(documents), tmp_path / "figure")
    save_figure(lambda: accuracy_figure(documents[:1]), tmp_path / "no_spikes")


def test_extreme_scores_stay_on_the_figure():
    values = (0.2, 0.5, 0.9995, 1.0)
    documents = [made_up_evaluation("tcn", i + 1, 0, auc) for i, auc in enumerate(values)]
    axis = accuracy_figure(documents).axes[0]
    assert axis.get_ylim()[0] < min(values)
    assert axis.transData.transform((100, 0.9995))[1] < axis.bbox.y1


def test_the_table_has_a_row_for_each_fit(tmp_path):
    paths = []
    for document in reversed(EVALUATIONS):
        paths.append(tmp_path / f"{document['name']}.json")
        paths[-1].write_text(json.dumps(document))
    csv_path, json_path, _ = write_table(read_evaluations(paths), tmp_path / "table")
    with csv_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fit"] for row in rows] == [document["name"] for document in EVALUATIONS]
    assert rows[0]["auc"] == "0.82"
    assert rows[0]["auc_low"] == "0.81"
    assert json.loads(json_path.read_text())[0]["auc"] == pytest.approx(0.82)


def with_references(document):
    """The evaluation with what chance scores, and a floor as another evaluation."""
    scores = {"auc": {"value": 0.5, "low": None, "high": None}}
    floor = made_up_evaluation("integrator floor", 1, None, 0.99)
    floor["model"] |= {"parameters": None, "multiply_adds_per_ms": None, "source": "floor"}
    return [document | {"reference": {"chance": scores}}, floor]


def test_rows_without_parameters_are_in_the_table_and_not_in_the_figure(tmp_path):
    documents = with_references(EVALUATIONS[0])
    sources = [row["source"] for row in table_rows(documents)]
    assert sources == ["fit", "floor", "reference"]
    figure = accuracy_figure(documents)
    assert [c.get_label() for c in figure.axes[0].containers] == ["Branch-ELM"]
    assert scored_words(documents[:1]) in figure._suptitle.get_text()
    with pytest.raises(NeuronIOError, match="no evaluation of a model with parameters"):
        accuracy_figure(documents[1:])


def test_the_summary_has_mean_and_range_over_seeds_and_the_mean_interval(tmp_path):
    aucs = {0: 0.90, 1: 0.96, 2: 0.93}
    documents = [made_up_evaluation("tcn", 2, seed, auc) for seed, auc in aucs.items()]
    documents += [made_up_evaluation("tcn", 3, 0, 0.5), made_up_evaluation("tcn", 3, 1, None)]
    *_, path = write_table([*documents, *with_references(EVALUATIONS[0])], tmp_path / "table")
    assert path.name == "summary.csv"
    with path.open(newline="") as file:
        rows = {(row["model"], row["size"]): row for row in csv.DictReader(file)}
    assert len(rows) == 5
    row = rows["tcn", "2"]
    assert (row["n_fits"], row["seeds"]) == ("3", "0 1 2")
    found = [row[f"auc_{key}"] for key in ("mean", "lowest", "highest", "low", "high")]
    assert found == ["0.93", "0.9", "0.96", "0.92", "0.94"]
    assert rows["tcn", "3"]["auc_mean"] == ""
    assert rows["tcn", "3"]["soma_rmse_mV_mean"] == "1"
    assert (rows["chance", ""]["auc_mean"], rows["chance", ""]["seeds"]) == ("0.5", "")


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("model", {"options": {"tau_max_ms": 100.0}}),
        ("model", {"training": {"learning_rate": 0.1}}),
        ("settings", {"ignore_ms": 0}),
        ("data", {"files": [{"content_sha256": "other"}]}),
    ],
)
def test_a_mean_is_over_nothing_but_seeds(where, change):
    first, second = (made_up_evaluation("tcn", 2, seed, 0.9) for seed in (0, 1))
    assert len(summary_rows([first, second])) == 1
    assert len(summary_rows([first, second | {where: second[where] | change}])) == 2
    threads = {"model": second["model"] | {"training": {"threads": 7}}}
    assert len(summary_rows([first, second | threads])) == 1


def test_a_file_that_is_no_evaluation_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(NeuronIOError, match="is not an evaluation"):
        read_evaluations([path])
    with pytest.raises(NeuronIOError, match="no evaluations given"):
        read_evaluations([])


def test_published_figures_are_those_of_the_paper():
    rows = {(row["label"], row["size"]): row for row in published_surrogates()}
    assert rows["Branch-ELM v1", 20]["parameters"] == 8002
    assert rows["Branch-ELM v1", 20]["auc"] == pytest.approx(0.9922, abs=5e-5)
    assert rows["Branch-ELM v2", 100]["soma_rmse_mV"] == 0.593
    assert all(row["source"] for row in rows.values())


def test_learning_curves_and_predictions_are_drawn(tmp_path):
    rows = [
        {"step": 10.0 * i, "train_loss": 1 / i, "valid_loss": 1.2 / i, "valid_auc": None}
        for i in (1, 2, 3)
    ]
    histories = {"tcn-4-seed0": rows, "tcn-8-seed0": rows[:2]}
    assert len(save_figure(lambda: learning_figure(histories), tmp_path / "learning")) == 2
    trace = np.linspace(-70, -60, 50)
    prediction = {"soma_mV": trace, "true_soma_mV": trace, "spike_probability": trace * 0}
    prediction["true_spikes"] = np.arange(50) == 20
    save_figure(lambda: prediction_figure(prediction, "trial"), tmp_path / "prediction.png")
    assert (tmp_path / "prediction.png").stat().st_size > 5000
