"""Learning curves, of few fits and of many."""

from neuronio.drawing import save_figure
from neuronio.surrogate.figures.learning import learning_figure


def test_learning_curves_are_drawn(tmp_path):
    rows = [
        {"step": 10.0 * i, "train_loss": 1 / i, "valid_loss": 1.2 / i, "valid_auc": None}
        for i in (1, 2, 3)
    ]
    histories = {"tcn-4-seed0": rows, "tcn-8-seed0": rows[:2]}
    assert len(save_figure(lambda: learning_figure(histories), tmp_path / "learning")) == 2
    loss, scores = learning_figure(histories).axes
    assert loss.get_ylabel() == "Loss (dotted: training)"
    assert loss.get_xscale() == scores.get_xscale() == "linear"


def test_losses_within_a_decade_have_several_ticks():
    rows = [{"step": 10.0 * i, "train_loss": 0.02 / i, "valid_loss": 0.018 / i} for i in (1, 2, 3)]
    loss, _ = learning_figure({"tcn-4-seed0": rows}).axes
    low, high = loss.get_ylim()
    assert sum(low <= tick <= high for tick in loss.yaxis.get_major_locator()()) >= 3


def test_losses_of_other_weights_are_drawn_alike_and_labels_are_told_apart():
    history = [
        {"step": step, "valid_loss": 9.0, "valid_spike_loss": 0.004, "train_spike_loss": 0.005}
        for step in (10, 20)
    ]
    histories = {f"branch_elm-{size}-seed0": history for size in range(20)}
    histories["branch_elm-5-published-seed0"] = [row | {"step": 1_000} for row in history]
    series = {name: ("branch_elm", "published" if "pub" in name else None) for name in histories}
    figure = learning_figure(histories, series)
    loss = figure.axes[0]
    assert loss.get_ylabel() == "Spike loss (nats per ms; dotted: training)"
    assert {value for line in loss.lines for value in line.get_ydata()} == {0.004, 0.005}
    assert loss.get_xscale() == "log"
    figure.draw_without_rendering()
    assert not any(text.get_text() for text in loss.get_xticklabels(minor=True))
    shown = [text.get_text() for text in loss.get_xticklabels()]
    assert {"10", "100", "1k"} <= set(shown)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ["Branch-ELM", "Branch-ELM (published)"]
