"""Figures of trials and cells: what they show is where the data say."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from neuronio import drawing
from neuronio.data.trial import InputEvents, Recording
from neuronio.errors import NeuronIOError
from neuronio.simulation import figures, figures_cell
from neuronio.simulation.figures import plot_trial
from neuronio.simulation.figures_cell import parameters, plot_cell

DURATION_MS = 1000


@pytest.fixture
def trial():
    rng = np.random.default_rng(0)
    inputs = InputEvents.from_dense(*(rng.random((2, 30, DURATION_MS)) < 0.02))
    fine = rng.normal(-65, 1, 8 * DURATION_MS).astype(np.float32)
    spikes = np.array([125.5, 700.0])
    fine[(spikes * 8).astype(int)] = 20
    return inputs, Recording(fine[::8], fine[::8], spikes, fine)


@pytest.fixture
def drawn(monkeypatch):
    """Figures are kept as they are drawn, so that their artists can be read."""
    kept: list[Figure] = []
    save = drawing.save_figure

    def keep(draw, path):
        return save(lambda: kept.append(draw()) or kept[-1], path)

    monkeypatch.setattr(figures, "save_figure", keep)
    monkeypatch.setattr(figures_cell, "save_figure", keep)
    return kept


def lines(figure: Figure) -> dict[str, np.ndarray]:
    labelled = {}
    for axis in figure.axes:
        labelled |= {line.get_label(): line.get_xydata() for line in axis.get_lines()}
    return labelled


def test_trial_plot_marks_spikes_and_draws_what_was_recorded(trial, drawn, tmp_path):
    plot_trial(*trial, tmp_path / "t.png")
    shown = lines(drawn[0])
    np.testing.assert_allclose(shown["output spike"][:, 0], [0.1255, 0.7])
    np.testing.assert_allclose(shown["soma"][:, 1], trial[1].soma_8khz_mV)
    assert len(shown["nexus"]) == DURATION_MS
    assert f"{trial[0].n_excitatory:,} excitatory" in drawn[0].get_suptitle()


def test_trial_plot_separates_excitation_from_inhibition(trial, drawn, tmp_path):
    inputs = trial[0]
    plot_trial(*trial, tmp_path / "t.png")
    rasters = [axis.get_lines()[0] for axis in drawn[0].axes[:2]]
    assert rasters[0].get_color() != rasters[1].get_color()
    counts = [len(raster.get_xdata()) for raster in rasters]
    assert counts == [inputs.n_excitatory, inputs.n_events - inputs.n_excitatory]
    assert max(raster.get_ydata().max() for raster in rasters) < inputs.n_segments


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_same_trial_same_bytes(trial, tmp_path, kind):
    (a,) = plot_trial(*trial, tmp_path / f"a.{kind}")
    (b,) = plot_trial(*trial, tmp_path / f"b.{kind}")
    assert a.read_bytes() == b.read_bytes()


def test_a_silent_trial_without_inputs_is_drawn(tmp_path):
    empty = InputEvents.from_dense(np.zeros((3, 50), dtype=bool), np.zeros((3, 50), dtype=bool))
    rest = np.full(50, -70, dtype=np.float32)
    (path,) = plot_trial(empty, Recording(rest, rest, np.zeros(0)), tmp_path / "t.png")
    with Image.open(path) as image:
        assert np.asarray(image).std() > 0


def test_other_kinds_of_file_are_refused(trial, tmp_path):
    with pytest.raises(NeuronIOError, match=r"t\.bmp.*\.svg, \.png"):
        plot_trial(*trial, tmp_path / "t.bmp")


@pytest.fixture(scope="module")
def cell():
    from neuronio.simulation.cell import build_cell
    from neuronio.simulation.cell_spec import load_cell

    return build_cell(load_cell("packaged"))


def test_cell_is_coloured_by_region(cell, drawn, tmp_path):
    plot_cell(cell, tmp_path / "cell.png")
    legend = drawn[0].axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["soma", "axon", "basal", "apical"]


def test_cell_is_coloured_by_a_conductance_that_varies(cell, drawn, tmp_path):
    plot_cell(cell, tmp_path / "cell.png", color_by="gIhbar")
    coloured = [c for c in drawn[0].axes[0].collections if c.get_array() is not None]
    shown = np.concatenate([c.get_array() for c in coloured])
    real = {seg.Ih.gIhbar for section in cell.sections if section.name().find("axon") < 0
            for seg in section}  # fmt: skip
    assert set(shown.tolist()) <= real
    assert shown.max() > 10 * shown.min()


def test_whole_dendrite_is_drawn(cell, drawn, tmp_path):
    plot_cell(cell, tmp_path / "cell.png")
    found = sum(
        np.linalg.norm(np.diff(path.vertices, axis=0))
        for collection in drawn[0].axes[0].collections
        for path in collection.get_paths()
    )
    flat = 0.0
    for section in cell.sections:
        n = section.n3d()
        xy = np.array([[section.x3d(i), section.y3d(i)] for i in range(n)])
        flat += np.linalg.norm(np.diff(xy, axis=0), axis=1).sum() if n > 1 else section.L
    assert found == pytest.approx(flat, rel=1e-6)


def test_unknown_parameter_names_the_near_miss(cell, tmp_path):
    assert {"gIhbar", "g_pas", "diam"} <= set(parameters(cell))
    with pytest.raises(NeuronIOError, match="'gIhba'; did you mean 'gIhbar'"):
        plot_cell(cell, tmp_path / "cell.png", color_by="gIhba")
