import csv
import json

import numpy as np
import pytest

from neuronio.data.reference import published_surrogates
from neuronio.drawing import save_figure
from neuronio.errors import NeuronIOError
from neuronio.surrogate.ablation import APART, apart
from neuronio.surrogate.families import FAMILIES, option_values, sized_options
from neuronio.surrogate.figures.ablation import ablation_figure
from neuronio.surrogate.figures.accuracy import COSTS, accuracy_figure
from neuronio.surrogate.figures.curves import curves_figure
from neuronio.surrogate.figures.drawn import figures
from neuronio.surrogate.figures.marks import fit_words, representatives
from neuronio.surrogate.figures.scales import scored_words
from neuronio.surrogate.figures.traces import traces_figure
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
            "train_trials": 8,
            "exposure_s": 5.0,
            "training_seconds": 3.0 + (seed or 0),
            "options": {},
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


def test_the_accuracy_figure_shows_means_over_seeds_and_labels_published_points():
    figure = accuracy_figure(EVALUATIONS, published_surrogates())
    for axis in figure.axes:
        assert axis.get_xscale() == "log"
    for axis in (figure.axes[0], figure.axes[3]):
        for family in ("Branch-ELM", "TCN"):
            (line,) = [c for c in axis.containers if c.get_label() == family]
            assert line[0].get_xdata().tolist() == [200, 500]
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
        ("model", {"train_trials": 16}),
        ("model", {"fitted_to": "other trials"}),
        ("settings", {"ignore_ms": 0}),
        ("data", {"files": [{"content_sha256": "other", "trials": 4}]}),
    ],
)
def test_a_mean_is_over_nothing_but_seeds(where, change):
    first, second = (made_up_evaluation("tcn", 2, seed, 0.9) for seed in (0, 1))
    assert len(summary_rows([first, second])) == 1
    assert len(summary_rows([first, second | {where: second[where] | change}])) == 2
    for same in ({"threads": 7}, {"preset": "demo"}):
        other = {"model": second["model"] | {"training": same}}
        assert len(summary_rows([first, second | other])) == 1


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_seeds_fitted_before_a_family_had_an_option_are_of_one_mean(name):
    """What was made then is what the option's default makes now."""
    first, second = (made_up_evaluation(name, 2, seed, 0.9) for seed in (0, 1))
    options = option_values(sized_options(name, 2, {}))
    needed = {key for key, f in FAMILIES[name].options.model_fields.items() if f.is_required()}
    for new in options.keys() - needed:
        first["model"] |= {"options": {k: v for k, v in options.items() if k != new}}
        default = FAMILIES[name].options.model_fields[new].get_default(call_default_factory=True)
        same = json.loads(json.dumps(default)) == options[new]
        second["model"] |= {"options": options}
        assert len(summary_rows([first, second])) == (1 if same else 2), new


def test_seeds_scored_on_another_processor_or_with_other_shards_are_of_one_mean():
    """Last bits of voltages, and so checksums and now and then a spike, differ there."""
    first, second = (made_up_evaluation("tcn", 2, seed, 0.9) for seed in (0, 1))
    file = {"recipe": "r", "first_trial": 0, "trials": 4, "content_sha256": "a"}
    parts = [file | {"trials": 2}, file | {"trials": 2, "first_trial": 2}]
    first["data"] |= {"files": [file]}
    for files in ([file | {"content_sha256": "b"}], parts):
        second["data"] |= {"files": files, "spikes": 10}
        (row,) = summary_rows([first, second])
        assert row["seeds"] == "0 1"
    second["data"] |= {"files": [file | {"recipe": "other"}]}
    assert len(summary_rows([first, second])) == 2


def test_an_evaluation_that_is_given_twice_counts_once(tmp_path):
    for name in "ab":
        file = {"path": f"{name}/shard-000.h5", "content_sha256": "0", "trials": 4}
        document = EVALUATIONS[0] | {"data": EVALUATIONS[0]["data"] | {"files": [file]}}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    (row,) = summary_rows(read_evaluations(sorted(tmp_path.glob("*.json"))))
    assert (row["n_fits"], row["seeds"]) == (1, "0")


def test_a_file_that_is_no_evaluation_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(NeuronIOError, match="is not an evaluation"):
        read_evaluations([path])
    for change in ({"curves": {"roc": {}}}, {"curves": {"roc": {"false": [0], "true": [0, 1]}}}):
        path.write_text(json.dumps(EVALUATIONS[0] | change))
        with pytest.raises(NeuronIOError, match="is not an evaluation"):
            read_evaluations([path])
    path.write_text(json.dumps({k: v for k, v in EVALUATIONS[0].items() if k != "protocol"}))
    with pytest.raises(NeuronIOError, match="is not an evaluation"):
        read_evaluations([path])
    path.write_text('{"model": {"name": "elm"}, "confusion": [[1]], "data": {}}')
    with pytest.raises(NeuronIOError, match="is of a classifier of sequences"):
        read_evaluations([path])
    with pytest.raises(NeuronIOError, match="no evaluations given"):
        read_evaluations([])


def test_published_figures_are_those_of_the_paper():
    rows = {(row["label"], row["size"]): row for row in published_surrogates()}
    assert rows["Branch-ELM v1", 20]["parameters"] == 8002
    assert rows["Branch-ELM v1", 20]["auc"] == pytest.approx(0.9922, abs=5e-5)
    assert rows["Branch-ELM v2", 100]["soma_rmse_mV"] == 0.593
    assert all(row["source"] for row in rows.values())


def test_predictions_are_drawn(tmp_path):
    trace = np.linspace(-70, -60, 50)
    prediction = {"soma_mV": trace, "true_soma_mV": trace, "spike_probability": trace * 0}
    prediction["true_spikes"] = np.arange(50) == 20
    save_figure(lambda: traces_figure({"tcn-4-seed0": prediction}, "trial"), tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 5000


def test_a_fit_takes_as_long_as_its_fastest_seed():
    (row, *_) = summary_rows(EVALUATIONS)
    assert row["training_seconds"] == 3.0
    assert row["exposure_s"] == 5.0


def labelled(document, label, **scores):
    """The evaluation of a fit that differs from the given one."""
    changed = {name: {"value": v, "low": v - 0.03, "high": v + 0.04} for name, v in scores.items()}
    model = document["model"] | {"options": {"changed": label}}
    name = document["name"].replace("-seed", f"-{label}-seed")
    scores = document["scores"] | changed
    return document | {"name": name, "label": label, "model": model, "scores": scores}


def front(axis):
    """The corners of the Pareto front in a panel."""
    (line,) = [line for line in axis.lines if line.get_label() == "Pareto front"]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def test_the_pareto_front_leaves_out_what_costs_more_and_is_worse():
    aucs = {1: 0.7, 2: 0.9, 3: 0.8, 4: 0.95, 5: 0.95}
    figure = accuracy_figure([made_up_evaluation("tcn", s, 0, auc) for s, auc in aucs.items()])
    assert front(figure.axes[0]) == ([100, 200, 400, 500], [0.7, 0.9, 0.95, 0.95])


def test_accuracy_is_drawn_against_every_cost_and_no_other():
    for x, cost in COSTS.items():
        assert accuracy_figure(EVALUATIONS, x=x).axes[0].get_xlabel() == cost.text
    with pytest.raises(NeuronIOError, match="did you mean 'seconds'"):
        accuracy_figure(EVALUATIONS, x="second")


def test_what_chance_and_the_floor_score_are_lines():
    documents = with_references(EVALUATIONS[0])
    documents[1]["scores"]["auc"]["value"] = 0.999
    lines = accuracy_figure(documents).axes[0].lines
    levels = {line.get_label(): line.get_ydata()[0] for line in lines}
    assert levels["chance, or a constant voltage"] == 0.5
    assert levels["same trials integrated again"] == 0.999


def test_along_the_data_a_line_joins_fits_of_one_model_and_size():
    whole, other = made_up_evaluation("tcn", 2, 0, 0.9), made_up_evaluation("elm", 2, 0, 0.9)
    part = labelled(whole, "part", auc=0.8)
    part["model"] = whole["model"] | {"train_trials": 2, "training": {"train_trials": 2}}
    axis = accuracy_figure([whole, part, other], x="train_trials").axes[0]
    (line,) = axis.containers
    assert (line.get_label(), line[0].get_xdata().tolist()) == ("TCN 2", [2, 8])


def test_a_difference_from_evaluations_alone_has_the_half_widths_of_both():
    base = [made_up_evaluation("tcn", 2, seed, 0.8) for seed in (0, 1)]
    (row,) = apart([*base, *(labelled(d, "new", auc=0.9) for d in base)])
    assert (row["label"], row["intervals"]) == ("new", APART)
    assert row["base"] == ["tcn-2-seed0", "tcn-2-seed1"]
    auc = row["scores"]["auc"]
    assert auc["difference"] == pytest.approx(0.1)
    assert auc["low"] == pytest.approx(0.1 - np.hypot(0.03, 0.01))
    assert auc["high"] == pytest.approx(0.1 + np.hypot(0.04, 0.01))
    assert auc["seeds"] == pytest.approx([0.1, 0.1])


def test_a_label_is_compared_with_its_own_size_then_model_then_the_only_fit_without_one():
    two, three = (made_up_evaluation("tcn", size, 0, 0.8) for size in (2, 3))
    other, alone = made_up_evaluation("elm", 9, 0, 0.8), made_up_evaluation("lif", 1, 0, 0.8)
    (row,) = apart([two, three, labelled(three, "new")])
    assert row["base"] == ["tcn-3-seed0"]
    (row,) = apart([alone, other, labelled(made_up_evaluation("elm", 4, 0, 0.8), "new")])
    assert row["base"] == ["elm-9-seed0"]
    (row,) = apart([alone, labelled(two, "new")])
    assert row["base"] == ["lif-1-seed0"]
    with pytest.raises(NeuronIOError, match="elm-9-new-seed0 has a label but nothing"):
        apart([two, three, labelled(other, "new")])
    assert apart([labelled(two, "new")]) == []


def test_an_ablation_has_a_row_for_each_label_and_tells_what_is_sure():
    base = made_up_evaluation("tcn", 2, 0, 0.8)
    rows = apart([base, labelled(base, "better", auc=0.95), labelled(base, "same", auc=0.81)])
    figure = ablation_figure(rows)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["better", "same"]
    markers = [line.get_marker() for line in figure.axes[0].lines if line.get_marker() != "None"]
    assert markers == ["^", "o"]
    with pytest.raises(NeuronIOError, match="give fits a label"):
        ablation_figure([])


def with_curves(document, true, precision):
    roc = {"false": [0.001, 0.01, 1.0], "true": true}
    return document | {
        "curves": {"roc": roc, "precision_recall": {"recall": [0, 0.5, 1], "precision": precision}}
    }


def test_curves_are_means_over_seeds_beside_the_floor():
    first, second = (made_up_evaluation("tcn", 2, seed, 0.9) for seed in (0, 1))
    documents = [
        with_curves(first, [0.0, 0.4, 1.0], [1.0, 0.5, 0.1]),
        with_curves(second, [0.2, 0.6, 1.0], [0.0, 0.5, 0.3]),
    ]
    floor = with_curves(with_references(first)[1], [0.9, 1.0, 1.0], [1.0, 1.0, 0.9])
    roc, low, precision = curves_figure([*documents, floor]).axes
    assert roc.lines[0].get_ydata() == pytest.approx([0.1, 0.5, 1.0])
    assert precision.lines[0].get_ydata() == pytest.approx([0.5, 0.5, 0.2])
    assert low.get_xscale() == "log"
    labels = [line.get_label() for line in roc.lines]
    assert labels == ["TCN 2", "same trials integrated again", "chance"]
    with pytest.raises(NeuronIOError, match="no evaluation holds curves"):
        curves_figure([first])


def test_of_many_fits_the_best_of_each_family_represents_it():
    rows = [
        {"model": model, "label": label, "average_precision_mean": value}
        for model, label, value in (
            ("a", None, 0.1),
            ("a", "x", 0.3),
            ("a", None, 0.2),
            ("b", 0, 0),
        )
    ]
    assert representatives(rows, 3) == [rows[1], rows[2], rows[3]]
    assert representatives(rows, 2) == [rows[1], rows[3]]


def test_traces_show_the_stretch_with_most_spikes_of_one_trial():
    trace = np.linspace(-70, -60, 500)
    prediction = {"soma_mV": trace, "true_soma_mV": trace, "spike_probability": trace * 0}
    prediction["true_spikes"] = np.isin(np.arange(500), (20, 300, 310, 320))
    figure = traces_figure({"tcn-2-seed0": prediction, "elm-3-seed0": prediction}, "t", 100)
    assert len(figure.axes) == 4
    low, high = figure.axes[0].get_xlim()
    assert low < 0.300 < 0.320 < high
    assert high - low == pytest.approx(0.1)
    other = prediction | {"true_soma_mV": trace + 1}
    with pytest.raises(NeuronIOError, match="'b' predicts another trial"):
        traces_figure({"a": prediction, "b": other}, "t")


def test_what_can_be_drawn_follows_from_what_there_is():
    base = with_curves(EVALUATIONS[0], [0, 0, 1], [1, 1, 1])
    assert set(figures([base])) == {"accuracy", "curves"}
    assert figures([base | {"model": base["model"] | {"source": "floor"}}]) == {}
    assert set(figures(EVALUATIONS, ["seconds"])) == {"accuracy_seconds"}
    more = figures([base], differences=[{}], histories={"a": []}, predictions={"a": {}})
    assert set(more) == {"accuracy", "curves", "ablation", "learning", "traces"}


def test_labels_are_words_that_a_line_can_be_broken_between():
    row = {"model": "elm", "size": 49, "label": "no_memory_beyond_50_ms"}
    assert fit_words(row) == "ELM 49 (no memory beyond 50 ms)"
    assert fit_words(row | {"label": None}) == "ELM 49"
