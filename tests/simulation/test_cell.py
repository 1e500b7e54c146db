"""Cell models: the check figures of the published model, variants, and what a wrong file says."""

import hashlib
import re
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from neuronio.config import Variant
from neuronio.errors import NeuronIOError
from neuronio.simulation import cell_spec
from neuronio.simulation.cell import build_cell, h
from neuronio.simulation.cell_conductances import conductances_nS
from neuronio.simulation.cell_spec import CELLS, CellSpec, cell_names, load_cell
from neuronio.simulation.expressions import evaluate
from neuronio.simulation.morphology import find_morphology, morphology_sha256


@pytest.fixture(scope="module")
def neuronio(mirror):
    return build_cell(load_cell("neuronio"))


@pytest.fixture(scope="module")
def packaged():
    return build_cell(load_cell("packaged"))


def test_neuronio_has_the_published_geometry_and_conductances(neuronio):
    facts = neuronio.facts()
    basal, apical = facts["regions"]["basal"], facts["regions"]["apical"]
    assert (basal["sections"], apical["sections"]) == (84, 109)
    assert (basal["segments"], apical["segments"]) == (262, 377)
    assert facts["segments"] == 642
    assert facts["synapses"] == 1278
    assert f"{basal['length_um']:.2f}" == "5133.49"
    assert f"{apical['length_um']:.2f}" == "7440.91"
    assert f"{facts['area_um2']:.4f}" == "31192.1698"
    assert f"{facts['farthest_apical_um']:.4f}" == "1300.5335"
    assert f"{apical['conductance_sum_S_cm2']['gIhbar']:.10f}" == "0.4419189026"
    high = [seg for seg in neuronio.segments[262:] if seg.Ca_LVAst.gCa_LVAstbar > 0.1]
    assert len(high) == 29
    assert facts["nexus"] == "apic[50](0.9)"


def test_a_conductance_is_its_density_times_the_area(packaged):
    soma = packaged.spec.regions["soma"].mechanisms["pas"]["g"]
    area_um2 = packaged.facts()["regions"]["soma"]["area_um2"]
    found = conductances_nS(packaged)
    assert found["soma"]["g_pas"] == pytest.approx(float(soma) * area_um2 * 1e-8 * 1e9)
    ih = [(seg.Ih.gIhbar, seg.area()) for section in packaged.apical for seg in section]
    assert found["apical"]["gIhbar"] == pytest.approx(10 * sum(g * area for g, area in ih))


def test_packaged_has_the_published_segments(packaged):
    regions = packaged.facts()["regions"]
    assert (regions["basal"]["segments"], regions["apical"]["segments"]) == (210, 486)


def test_segments_are_ordered_and_described(packaged):
    table = packaged.segment_table()
    assert list(table.type) == ["basal"] * 210 + ["apical"] * 486
    assert (np.diff(table.section) >= 0).all()
    lengths = sum(section.L for section in [*packaged.basal, *packaged.apical])
    assert table.length_um.sum() == pytest.approx(lengths)
    assert table.distance_um[0] < table.distance_um[1]


def test_there_are_as_many_synapses_of_each_kind_as_segments(packaged):
    kinds = {group.name: group for group in packaged.synapses}
    assert {name: group.excitatory for name, group in kinds.items()} == {
        "ampa": True,
        "nmda": True,
        "gaba_a": False,
    }
    for group in packaged.synapses:
        assert [point.get_segment() for point in group.points] == packaged.segments


@pytest.mark.parametrize(
    ("variant", "check"),
    [
        (
            {"passive_dendrites": True},
            lambda s: (
                list(s.regions["apical"].mechanisms) == ["pas"]
                and "NaTs2_t" in s.regions["soma"].mechanisms
            ),
        ),
        (
            {"sk_multiplier": 2.0},
            lambda s: s.regions["soma"].mechanisms["SK_E2"]["gSK_E2bar"] == 2 * 0.008407,
        ),
        (
            {"ih_vshift_mV": -10.0},
            lambda s: all(
                s.regions[r].mechanisms["Ih"]["vshift"] == -10 for r in ("soma", "basal", "apical")
            ),
        ),
        ({"synapses": "ampa"}, lambda s: list(s.synapses) == ["ampa", "gaba_a"]),
        ({"nmda_ratio": 0.5}, lambda s: s.synapses["nmda"].gmax_nS == 0.2),
        ({"gaba_b": True}, lambda s: s.synapses["gaba_b"].tau_decay_ms == 260.9),
        ({"morphology": "mine.swc"}, lambda s: s.morphology == "mine.swc" and s.nexus is None),
    ],
)
def test_a_variant_changes_what_it_names(variant, check):
    plain, changed = load_cell("packaged"), load_cell("packaged", Variant(**variant))
    assert check(changed)
    assert changed.digest() != plain.digest()


@pytest.mark.parametrize(
    "change", [{"sk_multiplier": 2.0}, {"ih_vshift_mV": 5.0}, {"synapses": "ampa"}]
)
def test_a_variant_that_would_change_nothing_is_refused(change, tmp_path):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    for region in document["regions"].values():
        for mechanism in ("SK_E2", "Ih"):
            region["mechanisms"].pop(mechanism, None)
    del document["synapses"]["nmda"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(NeuronIOError, match="changes nothing in the cell mine"):
        load_cell(path, Variant(**change))


def test_what_a_cell_sets_for_all_of_neuron_ends_with_it():
    """Concentrations and GLOBAL variables of one cell are not those of the next in the process."""
    names = ("cai0_ca_ion", "cao0_ca_ion", "ztau_SK_E2", "celsius")

    def held():
        return [getattr(h, name) for name in names]

    spec = load_cell("packaged")
    first = build_cell(spec)
    before = held()
    changes = {"globals": {"ztau_SK_E2": 9.0}, "celsius_degC": 20.0}
    changes["ions"] = {"ca": {"inside_mM": 1e-3, "outside_mM": 5.0}}
    second = build_cell(CellSpec.model_validate({**spec.model_dump(), **changes}))
    assert held() == [1e-3, 5.0, 9.0, 20.0]
    first.set_globals()
    assert held() == before
    second.set_globals()
    assert held() == [1e-3, 5.0, 9.0, 20.0]
    build_cell(spec)
    assert held() == before


def test_an_expression_is_scaled_by_the_sk_multiplier(tmp_path):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    document["regions"]["apical"]["mechanisms"]["SK_E2"] = {"gSK_E2bar": "1e-3 * d"}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    spec = load_cell(path, Variant(sk_multiplier=3.0))
    value = spec.regions["apical"].mechanisms["SK_E2"]["gSK_E2bar"]
    assert evaluate(value, d=2.0) == pytest.approx(6e-3)


def test_expressions_compare_and_say_what_they_cannot():
    assert evaluate("where(d == 2, 3, 4) + where(d != 2, 10, 20)", d=2.0) == 23
    for text, said in (("d is 2", "not allowed"), ("-" * 3000 + "1", "too deep")):
        with pytest.raises(NeuronIOError, match=said) as error:
            evaluate(text, d=2.0)
        assert len(str(error.value)) < 200


def test_passive_dendrites_leave_the_axon_as_it_is(tmp_path):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    document["regions"]["ais"] = document["regions"]["soma"]
    document["axon"] = [
        {"length_um": 30, "diameter_um": 1, "region": region} for region in ("ais", "axon")
    ]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    regions = load_cell(path, Variant(passive_dendrites=True)).regions
    assert len(regions["ais"].mechanisms) > 1
    assert set(regions["apical"].mechanisms) == {"pas"}


def test_a_new_cell_is_a_new_file_and_nothing_else(tmp_path):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    document["regions"]["basal"]["mechanisms"]["pas"]["g"] = "1e-5 * where(d > 100, 2, 1)"
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    cell = build_cell(load_cell(path))
    for segment in cell.segments[:210]:
        far = h.distance(cell.soma(0.5), segment) > 100
        assert segment.pas.g == pytest.approx(2e-5 if far else 1e-5)


def test_a_swc_morphology_of_the_users_own(tmp_path):
    rows = ["1 1 0 0 0 10 -1", "2 1 0 10 0 10 1", "3 3 0 -60 0 1 1", "4 3 0 -160 0 1 3"]
    rows += ["5 4 0 100 0 2 2", "6 4 0 300 0 2 5", "7 4 -80 400 0 1 6", "8 4 80 450 0 1 6"]
    path = tmp_path / "mine.swc"
    path.write_text("\n".join(rows))
    cell = build_cell(load_cell("packaged", Variant(morphology=str(path))))
    assert len(cell.apical) == 3
    assert cell.nexus.sec == cell.apical[0]
    assert len(cell.axon) == 2


SWC = ["1 1 0 0 0 10 -1", "2 1 0 10 0 10 1", "3 3 0 -60 0 1 1", "4 3 0 -160 0 1 3"]
SWC += ["5 4 0 100 0 2 2", "6 4 0 300 0 2 5"]


def own_file(folder, name, rows=SWC):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(rows))
    return path


def cell_file(folder, morphology):
    folder.mkdir(exist_ok=True)
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text()) | {"morphology": morphology}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_an_own_file_under_the_name_of_a_source_is_never_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "C060114A7.asc"
    packaged = find_morphology(name)
    assert packaged.is_absolute()
    mine = own_file(tmp_path, name)
    said = re.escape(
        f"{name} means the file of sources.tsv, but {mine} has other content; write ./"
    )
    for ask in (find_morphology, morphology_sha256):
        with pytest.raises(NeuronIOError, match=said):
            ask(name)
    for path in (f"./{name}", str(mine)):
        assert find_morphology(path).samefile(mine)
        assert morphology_sha256(path) == hashlib.sha256(mine.read_bytes()).hexdigest()
    mine.write_bytes(packaged.read_bytes().replace(b"\n", b"\r\n"))
    assert find_morphology(name) == packaged


def test_a_cell_file_names_morphologies_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, source = tmp_path / "cells", "C060114A7.asc"
    beside = own_file(folder, "mine.swc")
    spec = load_cell(cell_file(folder, "mine.swc"))
    assert find_morphology(spec.morphology) == beside
    elsewhere = own_file(tmp_path, "mine.swc", SWC[:-1])
    assert find_morphology(load_cell(cell_file(folder, "mine.swc")).morphology) == beside
    beside.unlink()
    found = find_morphology(load_cell(cell_file(folder, "mine.swc")).morphology)
    assert found.samefile(elsewhere)

    own = own_file(folder, source)
    with pytest.raises(
        NeuronIOError, match=r"cells/C060114A7\.asc has other content; write \./C06"
    ):
        load_cell(cell_file(folder, source))
    monkeypatch.chdir(folder)
    cell_file(folder, f"./{source}")
    for path in ("mine.yaml", "../cells/mine.yaml", folder / "mine.yaml"):
        assert find_morphology(load_cell(path).morphology).samefile(own)


def test_a_cell_is_the_same_wherever_its_files_lie(tmp_path):
    digests = set()
    for name in ("a", "b"):
        own_file(tmp_path / name, "mine.swc")
        path = cell_file(tmp_path / name, "mine.swc")
        variant = Variant(morphology=str(tmp_path / name / "mine.swc"))
        digests.add((load_cell(path).digest(), load_cell("packaged", variant).digest()))
    assert len(digests) == 1
    assert len(set(*digests)) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(celsius=34), "unknown key 'celsius'; did you mean 'celsius_degC'"),
        (
            lambda d: d["regions"]["soma"]["mechanisms"].update(NaTs={"gbar": 1.0}),
            "asks for the mechanism NaTs, which is neither",
        ),
        (
            lambda d: d["regions"]["soma"]["mechanisms"]["Ih"].update(gbar=1.0),
            "the mechanism Ih has no parameter gbar",
        ),
        (
            lambda d: d["regions"]["soma"]["mechanisms"]["Ih"].update(gIhbar="open('x')"),
            r"'open\('x'\)' is not allowed",
        ),
        (
            lambda d: d["regions"]["soma"]["mechanisms"]["Ih"].update(gIhbar="1 / (d - d)"),
            "cannot evaluate '1 / .*division by zero",
        ),
        (
            lambda d: d.update(nexus={"section": "apic", "index": 0, "x": 1.0}),
            r"'nexus.x' is 1.0",
        ),
        (
            lambda d: d.update(nexus={"section": "apic", "index": 999, "x": 0.5}),
            r"puts its nexus on apic\[999\]",
        ),
        (
            lambda d: d.update(morphology="none.asc"),
            r"there is no morphology none.asc: .* one of cell1\.asc, ((?!\.mod).)*$",
        ),
        (lambda d: d["reversal_mV"].update(eka=-80.0), "of the ion ka, which none"),
        (
            lambda d: d.update(ions={"cal": {"inside_mM": 1e-4, "outside_mM": 2.0}}),
            "of the ion cal, which none",
        ),
        (lambda d: d.update(globals={"q10_Ih": 2.0}), "no global variable q10_Ih"),
        (lambda d: d.update(mod_files=["nowhere"]), "no MOD file at nowhere"),
        (lambda d: d.update(section_types={7: "tuft"}), "section_types names tuft"),
        (lambda d: d.update(axon="none"), "regions must have an axon exactly where"),
        (lambda d: d.update(lambda_fraction=0.1), "both set nseg"),
        (lambda d: d.update(built_by="a.py:f"), "either a morphology or built_by"),
        (
            lambda d: d["synapses"].update(
                odd={"excitatory": True, "point_process": "Odd", "weight": 1.0}
            ),
            "synapse odd of the cell mine is a Odd",
        ),
        (lambda d: d.update(morphology="cell.hoc"), "must be an .asc or .swc file"),
        (
            lambda d: d["synapses"]["ampa"].update(tau_rise_ms=5.0, tau_decay_ms=5.0),
            "the tau_rise_ms of ampa must be less than its tau_decay_ms",
        ),
    ],
)
def test_a_wrong_cell_file_is_one_sentence(tmp_path, change, said):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    change(document)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(NeuronIOError, match=said) as error:
        build_cell(load_cell(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["regions"]["soma"].update(Ra_ohm_cm="-100"), "Ra_ohm_cm .* '-100', which is"),
        (lambda d: d["regions"]["basal"].update(cm_uF_cm2="0 * d"), "cm_uF_cm2 .* above 0"),
        (lambda d: d["regions"]["soma"].update(cm_uF_cm2="1 + 1e400"), "is inf where d"),
        (lambda d: d.update(um_per_segment_pair=0.001), "into more than 32767 segments"),
        (
            lambda d: d.update(um_per_segment_pair=None, lambda_fraction=1e-300),
            "into more than 32767 segments",
        ),
    ],
)
def test_a_membrane_that_neuron_cannot_have_is_one_sentence(tmp_path, change, said):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text())
    document["morphology"] = str(own_file(tmp_path, "mine.swc"))
    change(document)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(NeuronIOError, match=said) as error:
        build_cell(load_cell(path))
    assert "\n" not in str(error.value)


def test_an_unknown_cell_is_named_with_a_near_miss():
    with pytest.raises(NeuronIOError, match="did you mean 'neuronio'"):
        load_cell("neuronoi")
    with pytest.raises(NeuronIOError, match="cannot read the cell file"):
        load_cell("none.yaml")


def test_a_cell_of_an_installed_package_is_found_by_its_name(tmp_path, monkeypatch):
    document = yaml.safe_load((CELLS / "packaged.yaml").read_text()) | {"title": "A toy"}
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(document))

    def points(group):
        entries = {"toy": lambda: path, "broken": lambda: 1 / 0}
        assert group == "neuronio.cells"
        return [SimpleNamespace(name=name, load=load) for name, load in entries.items()]

    monkeypatch.setattr(cell_spec, "entry_points", points)
    shipped = sorted(path.stem for path in CELLS.glob("*.yaml"))
    assert cell_names() == [*shipped, "toy", "broken"]
    assert (load_cell("toy").name, load_cell("toy").title) == ("toy", "A toy")
    with pytest.raises(NeuronIOError, match="did you mean 'toy'"):
        load_cell("toyy")
    with pytest.raises(NeuronIOError, match="cell 'broken' of an installed package"):
        load_cell("broken")
