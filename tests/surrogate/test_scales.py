"""Axes of the figures, and what is joined along them."""

import pytest
from matplotlib.figure import Figure

from neuronio.surrogate.figures.accuracy import accuracy_figure
from neuronio.surrogate.figures.marks import mark
from neuronio.surrogate.figures.scales import stretch_towards_one
from tests.surrogate.test_figures import EVALUATIONS


@pytest.mark.parametrize(("x", "lines"), [("parameters", 1), ("seconds", 0)])
def test_a_line_joins_sizes_but_not_along_training_time(x, lines):
    axis = accuracy_figure(EVALUATIONS, x=x).axes[0]
    joined = [line for line in axis.lines if line.get_linestyle() == "-"]
    assert [line.get_color() for line in joined].count(mark("tcn").colour) == lines


def test_chance_has_a_tick_and_nothing_below_it_has():
    axis = Figure().subplots()
    axis.plot([1, 2], [0.5, 0.994])
    stretch_towards_one(axis)
    assert min(axis.get_yticks()) == 0.5
