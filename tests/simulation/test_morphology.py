"""Morphologies as other people have them: the whole cell in both engines, or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuronio.errors import NeuronIOError
from neuronio.simulation.cell import build_cell
from neuronio.simulation.cell_spec import CellSpec
from neuronio.simulation.inputs.draw import make_inputs
from neuronio.simulation.morphology_swc import clean_swc
from tests.simulation.both_engines import soma_in_both

FIELD = Path(__file__).parents[1] / "data" / "field"
PASSIVE = {"Ra_ohm_cm": 100.0, "cm_uF_cm2": 1.0, "mechanisms": {"pas": {"g": 5e-5, "e": -70.0}}}
ACTIVE = {
    **PASSIVE,
    "mechanisms": {
        "pas": {"g": 5e-5, "e": -70.0},
        "NaTs2_t": {"gNaTs2_tbar": 0.5},
        "SKv3_1": {"gSKv3_1bar": 0.2},
    },
}
BASAL_UM, APICAL_UM = 270.59, 730.66


def spec(name: str, names: str = "soma axon basal apical", **changes) -> CellSpec:
    document = {
        "name": "field",
        "morphology": str(FIELD / name),
        "axon": {"sections": 2, "length_um": 30.0, "diameter_um": 1.0},
        "celsius_degC": 34.0,
        "v_init_mV": -70.0,
        "reversal_mV": {"ena": 50.0, "ek": -85.0},
        "regions": {r: ACTIVE if r == "soma" else PASSIVE for r in names.split()},
        "synapses": {
            "ampa": {
                "excitatory": True,
                "gmax_nS": 0.4,
                "tau_rise_ms": 0.3,
                "tau_decay_ms": 3.0,
                "reversal_mV": 0.0,
            }
        },
    }
    return CellSpec.model_validate(document | changes)


def lengths(cell) -> dict[str, float]:
    return {name: round(sum(s.L for s in sections), 2) for name, sections in cell.regions()}


WHOLE = {
    "good.swc": {},
    "shuffled-lines.swc": {},
    "unsorted-parents.swc": {},
    "cnic-fork-end.swc": {},
    "spines-markers.asc": {},
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_of_any_make_gives_the_whole_cell(name):
    cell = build_cell(spec(name))
    assert lengths(cell)["basal"] == pytest.approx(BASAL_UM, abs=0.01)
    assert lengths(cell)["apical"] == pytest.approx(APICAL_UM, abs=0.01)


def test_a_soma_of_several_sections_is_somatic_throughout():
    cell = build_cell(spec("soma-two-sections.swc"))
    assert len(cell.region("soma")) > 1
    assert all(hasattr(section(0.5), "NaTs2_t") for section in cell.region("soma"))


def test_a_type_of_ones_own_is_a_region_of_ones_own():
    tuft = spec("custom-tuft.swc", "soma axon basal apical tuft", section_types={7: "tuft"})
    found = lengths(build_cell(tuft))
    assert found["basal"] == pytest.approx(BASAL_UM, abs=0.01)
    assert found["apical"] + found["tuft"] == pytest.approx(APICAL_UM, abs=0.01)
    merged = lengths(build_cell(spec("custom-tuft.swc", section_types={7: "apical"})))
    assert merged["apical"] == pytest.approx(APICAL_UM, abs=0.01)


def test_a_cell_without_an_apical_dendrite_works():
    cell = build_cell(spec("no-apical.swc", "soma axon basal"))
    assert lengths(cell)["basal"] == pytest.approx(BASAL_UM, abs=0.01)
    assert set(cell.segment_table().type) == {"basal"}
    assert cell.nexus.sec in cell.basal


def test_an_axon_may_be_kept_or_left_out():
    kept = lengths(build_cell(spec("good.swc", axon="keep")))
    assert kept["axon"] > 100
    without = build_cell(spec("good.swc", "soma basal apical", axon="none"))
    assert "axon" not in lengths(without)
    on_axon = lengths(build_cell(spec("dendrite-on-axon.swc", axon="keep")))
    assert on_axon["basal"] > BASAL_UM + 100


REFUSED = {
    "decimal-comma.swc": r"decimal-comma\.swc:13: .*'120,5'",
    "loose-distal.swc": r"holds 2 trees.*lines: 2, 17",
    "nanometres.swc": r"nanometres\.swc:1: .*nanometres",
    "custom-tuft.swc": r"has the type 7.*section_types",
    "dendrite-on-axon.swc": r"dendrite-on-axon\.swc:\d+: .*on the axon",
    "zero-radius.swc": r"zero-radius\.swc:\d+: .*radius 0",
    "two-cellbodies.asc": r"two-cellbodies\.asc: cell\.soma\[1\] is not connected",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_one_cell_is_refused(name):
    with pytest.raises(NeuronIOError, match=REFUSED[name]) as error:
        build_cell(spec(name))
    assert "\n" not in str(error.value)


def assert_one_line(said: str) -> None:
    assert len(said.splitlines()) == 1


ASC = """("CellBody" (CellBody)
 (  5 0 0 1)
 (  0 5 0 1)
 ( -5 0 0 1)
 (  0 -5 0 1)
)
( (Dendrite)
 (  0  5 0 2)
 (  0 40 0 2)
 (  0 80 0 2)
 (
  (  0 120 0 1)
  (  0 160 0 1)
 |
  ( 40 120 0 1)
  ( 60 160 0 1)
 )
)
( (Axon)
 (  0  -5 0 1)
 (  0 -60 0 1)
)
"""
ASC_CHANGES = {
    "a decimal comma": ("(  0 40 0 2)", "(  0 40,5 0 2)", r"asc:9: .*'40,5'.*with a point"),
    "a word": ("(  0 40 0 2)", "(  0 x 0 2)", r"asc:9: .*'x'"),
    "not finite": ("(  0 40 0 2)", "(  0 nan 0 2)", r"asc:9: .*'nan'"),
    "not closed": ("(  0 40 0 2)", "(  0 40 0 2", r"asc:9: .*not closed"),
    "no thickness": ("(  0 40 0 2)", "(  0 40 0 0)", "dend.*without a diameter"),
    "cut off": (ASC[ASC.index(" |") :], "", r"asc:11: .*not closed"),
    "closed twice": ("(  0 160 0 1)", "(  0 160 0 1))", r"asc:\d+: a \) closes nothing"),
}


@pytest.mark.parametrize("change", ASC_CHANGES)
def test_a_wrong_asc_file_is_refused_by_its_line_or_section(change, tmp_path):
    path = tmp_path / "cell.asc"
    path.write_text(ASC)
    assert lengths(build_cell(spec(str(path), "soma axon basal")))["basal"] > 150
    old, new, said = ASC_CHANGES[change]
    path.write_text(ASC.replace(old, new))
    with pytest.raises(NeuronIOError, match=said) as error:
        build_cell(spec(str(path), "soma axon basal"))
    assert_one_line(str(error.value))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(  0  5 0 2)", "( 30 30 0 2)", r"cell\.asc: .*line 9 is outside the soma"),
        (
            " ( 40 120 0 1)\n  ( 60 160 0 1)",
            " (  0 80 0 1)",
            "One point section .*line 15.*removed",
        ),
    ],
)
def test_what_the_importer_changes_is_said(old, new, said, tmp_path):
    path = tmp_path / "cell.asc"
    path.write_text(ASC.replace(old, new))
    with pytest.warns(UserWarning, match=said):
        build_cell(spec(str(path), "soma axon basal"))


@pytest.mark.filterwarnings("ignore:cell.asc")
def test_an_axon_that_goes_may_be_loose(tmp_path):
    path = tmp_path / "cell.asc"
    path.write_text(ASC.replace("(  0  -5 0 1)", "(500 500 0 1)"))
    cell = build_cell(spec(str(path), "soma axon basal"))
    assert lengths(cell)["axon"] == 60


def test_segments_follow_the_length_constant_of_expressions():
    region = {**PASSIVE, "cm_uF_cm2": "1 + 7 * exp(0.5)", "Ra_ohm_cm": "100 + diam - diam"}
    regions = dict.fromkeys(("soma", "axon", "basal", "apical"), region)
    fine = build_cell(spec("good.swc", lambda_fraction=0.05, regions=regions))
    coarse = build_cell(spec("good.swc", lambda_fraction=0.05))
    assert len(fine.segments) > 2 * len(coarse.segments)


def test_every_morphology_of_the_field_is_accounted_for():
    others = {"soma-two-sections.swc", "no-apical.swc"}
    files = {p.name for p in FIELD.iterdir() if p.suffix in (".swc", ".asc")}
    assert files == {*WHOLE, *REFUSED, *others}


@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("shuffled-lines.swc", "soma axon basal apical"),
        ("soma-two-sections.swc", "soma axon basal apical"),
        ("spines-markers.asc", "soma axon basal apical"),
        ("no-apical.swc", "soma axon basal"),
    ],
)
def test_both_engines_integrate_the_same_cell(name, regions):
    def inputs(segments):
        return make_inputs("published", {}, segments, 60, np.random.default_rng(0))

    runs = soma_in_both(spec(name, regions), inputs)
    assert np.ptp(runs[0]) > 1
    assert np.abs(runs[0] - runs[1]).max() < 1e-3


ODD = ["0", "1", "2", "3", "4", "5", "7", "-1", "1.5", "1e9", "nan", "-3", "x", "1,5", "#", "inf"]
ODD += ["1e400", "9999999999999999"]
WORDS = st.lists(
    st.sampled_from(ODD),
    max_size=9,
).map(" ".join)


@pytest.fixture(scope="module")
def any_file(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "any.swc"


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(WORDS, max_size=12))
def test_any_text_is_a_cell_or_one_sentence(any_file, lines):
    any_file.write_text("\n".join(lines))
    try:
        text, _ = clean_swc(any_file, {}, True)
    except NeuronIOError as error:
        assert_one_line(str(error))
        return
    parents = [int(line.split()[6]) for line in text.splitlines()]
    assert parents[0] == -1
    assert all(0 < parent <= i for i, parent in enumerate(parents[1:], 1))
