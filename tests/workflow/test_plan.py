"""What a configuration asks for: labels, parts of the training data, figures."""

import re
from types import SimpleNamespace

import cost
import pytest
from plan import Plan
from running import SMOKE
from snakemake.utils import update_config
from untrusted import finished, untrusted

from neuronio.config import validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.made import CacheMark, Product
from neuronio.sections import read_yaml

BASE = {"model": "branch_elm", "sizes": [2]}


def plan_of(*fits):
    return Plan(validate_config(read_yaml(SMOKE, "configuration") | {"fits": list(fits)}))


def products_of(*fits):
    return plan_of(*fits).products


def test_what_is_damaged_is_not_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, missing = Product("table", {"x": 1}), Product("table", {"x": 2})
    write_atomic(made.folder / "table.csv", b"a,b")
    made.finish([made.folder / "table.csv"], {})
    plan = SimpleNamespace(wanted=list, products=[made, missing], splits={})
    assert untrusted(plan) == {}
    assert (finished(made, {}), finished(missing, {})) == (True, False)
    (made.folder / "table.csv").write_text("a,c")
    bad = untrusted(plan)
    assert bad == {str(made.folder): "table.csv is not what was written"}
    assert not finished(made, bad)


def test_a_damaged_shard_is_told_as_something_to_make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of()
    for path in (path for paths in plan.shards.values() for path in paths):
        write_atomic(path, b"no shard")
    monkeypatch.setattr(cost, "simulated", lambda *_: (1e-3, 10.0))
    (data,) = cost.cost(plan)
    assert data.what == "7 trials of 0.4 s"
    assert len(data.jobs) == len([path for paths in plan.shards.values() for path in paths])


def test_how_many_inputs_a_model_has_is_not_for_a_configuration_to_say():
    with pytest.raises(NeuronIOError, match="'inputs' of model 'branch_elm' is 6, but the trials"):
        products_of(BASE | {"options": {"inputs": 6}})


def test_a_label_is_in_the_name_and_decides_nothing():
    changed = {"options": {"tau_max_ms": 50.0}, "label": "tau50"}
    plan = plan_of(BASE, BASE | changed)
    assert list(plan.fits) == ["branch_elm-2-seed0", "branch_elm-2-tau50-seed0"]
    renamed = plan_of(BASE, BASE | changed | {"label": "short"})
    folder = plan.fits["branch_elm-2-tau50-seed0"].folder
    assert folder == renamed.fits["branch_elm-2-short-seed0"].folder
    assert folder != plan.fits["branch_elm-2-seed0"].folder


def test_fits_that_differ_in_their_label_alone_are_refused():
    for same in ({"label": "same"}, {"label": "same", "seeds": [1]}):
        with pytest.raises(NeuronIOError, match=r"differ in their label .* alone"):
            products_of(BASE, BASE | same)
    with pytest.raises(NeuronIOError, match="more than once"):
        plan_of(BASE, BASE)


def test_a_part_of_the_training_trials_is_another_fit_and_all_of_them_are_not():
    def part(trials):
        return BASE | {"label": "part", "training": {"train_trials": trials}}

    plan = plan_of(BASE, part(2))
    recipes = [product.recipe for product in plan.fits.values()]
    assert [recipe["data"]["train"]["trials"] for recipe in recipes] == [3, 2]
    assert "accuracy_train_trials" in plan.figures
    with pytest.raises(NeuronIOError, match=r"differ in their label .* alone"):
        products_of(BASE, part(3))
    with pytest.raises(NeuronIOError, match="is 4, but there are 3 training trials"):
        products_of(BASE, part(4))


def test_labelled_fits_are_compared_where_there_is_a_base():
    changed = BASE | {"options": {"tau_max_ms": 50.0}, "label": "tau50"}
    assert "ablation" in plan_of(BASE, changed).figures
    assert {"ablation", "accuracy_train_trials"}.isdisjoint(plan_of(BASE).figures)
    assert plan_of(changed).differences is None
    # Two fits of one kind that differ in more than their seed are no base.
    faster = {"seeds": [1], "training": {"learning_rate": 0.1}}
    with pytest.raises(NeuronIOError, match="of 2 fits without one, no single one"):
        products_of(BASE, BASE | faster, changed)
    assert plan_of(BASE | {"seeds": [0, 1]}, changed).differences
    others = ({"model": "tcn", "sizes": [2, 3]}, changed)
    with pytest.raises(NeuronIOError, match="tau50-seed0 has a label but nothing"):
        products_of(*others)


def test_a_fit_that_is_left_out_is_in_no_product_and_must_be_asked_for():
    both = [BASE, BASE | {"model": "tcn"}]
    document = read_yaml(SMOKE, "configuration") | {"fits": both}

    def plan(*names):
        return Plan(validate_config(document | {"leave_out": list(names)}))

    left = plan("tcn-2-seed0", "integrator-floor")
    assert list(left.fits) == list(left.judged) == ["branch_elm-2-seed0"]
    assert left.floor is None
    assert left.fits["branch_elm-2-seed0"].folder == plan().fits["branch_elm-2-seed0"].folder
    assert left.table.folder != plan().table.folder
    with pytest.raises(NeuronIOError, match=r"leave_out names tcn-3-seed0.*did you mean"):
        plan("tcn-3-seed0")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset": {"duration_ms": "long"}}, "dataset.duration_ms"),
        ({"training": {"window_ms": 5000}}, "window_ms of branch_elm is 5000"),
        ({"inputs": {"parameters": {"nonsense": 3}}}, "nonsense"),
        ({"cell": {"model": "pakaged"}}, "pakaged"),
        ({"fits": [{"model": "branch_elmo", "sizes": [3]}]}, "branch_elmo"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(change, named):
    document = read_yaml(SMOKE, "configuration")
    update_config(document, change)
    with pytest.raises(NeuronIOError, match=named):
        _ = Plan(validate_config(document)).products


def test_what_is_in_the_cache_is_put_there_again_where_the_cache_is_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "mine"))
    mark = CacheMark("kernels", {"code": "some"})
    mark.finish([], {})
    assert mark.fault() is None
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "yours"))
    assert re.search(r"the cache of this machine \(.*yours\) lacks", mark.fault())


def test_what_is_too_much_for_one_run_is_refused_before_its_first_job(tmp_path):
    ends = tmp_path / "ends.py"
    ends.write_text("raise SystemExit(0)")
    millions = {"trials": {"train": 10**7, "valid": 10**7, "test": 10**7}, "trials_per_shard": 128}
    for changes, message in (
        ({"dataset": millions}, "10,000,000 trials of train make more than 10,000 shards of 128"),
        ({"fits": [BASE | {"seeds": list(range(2001))}]}, "asks for 2,001 fits"),
        ({"fits": [{"model": "tcn", "sizes": [10**5]}]}, r"has 1\.15e\+12 parameters"),
        ({"fits": [BASE | {"options": {"mlp_layers": 10**9}}]}, "less than or equal to 100"),
        ({"fits": [{"model": "tcn", "sizes": [2], "options": {"kernels": [10**9]}}]}, "at most"),
        ({"fits": [BASE | {"model": "a\0b.py:X"}]}, "no text may hold NUL"),
        ({"fits": [BASE | {"model": f"{'a' * 5000}.py:X"}]}, "there is no file a"),
        ({"fits": [BASE | {"model": f"{ends}:X"}]}, "cannot be loaded as a model: SystemExit"),
        ({"inputs": {"generator": "a\ud800.py:X"}}, "no text may hold NUL or half a character"),
        ({"cell": {"variant": {"morphology": f"{'a' * 5000}.swc"}}}, "there is no morphology a"),
        ({"name": "n" * 101}, "at most 100 characters"),
        ({"cell": {"model": "c" * 5000}}, "no cell is called 'c"),
        ({"seed": "s" * 5000}, r"'seed' is 's{199}\.\.\., but it should be a valid integer"),
    ):
        with pytest.raises(NeuronIOError, match=message) as error:
            Plan(validate_config(read_yaml(SMOKE, "configuration") | changes)).products  # noqa: B018
        assert "\n" not in str(error.value)
