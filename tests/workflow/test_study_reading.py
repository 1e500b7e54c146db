"""What the study's page says of its own table."""

from running import ROOT
from study_reading import NO_FIT, PUBLISHED_SETTINGS, reading

from neuronio.data.reference import published_surrogates
from neuronio.sections import read_yaml

SCORES = ("average_precision", "spike_f1_2ms", "soma_rmse_mV")


def row(model, size, parameters, multiply_adds, auc, label=None, source="fit", trials=5_120):
    found = {"model": model, "size": size, "parameters": parameters, "label": label}
    found |= {"train_trials": trials, "exposure_s": 100.0}
    found |= {"multiply_adds_per_ms": multiply_adds, "source": source, "auc_mean": auc}
    return found | {f"{score}_mean": auc and auc / 2 for score in SCORES}


SMALL = row("pooled_elm", 6, 374, 1_700, 0.9765)
LARGE = row("pooled_elm", 20, 3_302, 4_600, 0.9926)
RECIPE = row("branch_elm", 20, 8_002, 8_025, 0.9911, label="published_settings")
FLOOR = row("integrator-floor", None, None, None, 0.998, source="floor")


def test_every_sentence_is_read_from_the_rows():
    tcn = row("tcn", 8, 467_562, 467_392, 0.95)
    said = reading([SMALL, LARGE, tcn, RECIPE, FLOOR], published_surrogates(), LARGE)
    curve, bought, work, recipe, floor = said.split("\n\n")
    # The best published network that each passes by more than chance.
    assert (
        "Branch-ELM v1 with 5,077 parameters (.9757) by a pooled ELM with 374 parameters (.9765); "
        "Branch-ELM v1 with 8,002 parameters (.9922) by a pooled ELM with 3,302 parameters (.9926)."
    ) in curve
    level = reading([LARGE | {"auc_mean": 0.9924}], published_surrogates(), None)
    assert "8,002" not in level.split("\n\n")[0]
    assert "published AUC of an ELM is .9946 (54,002 parameters), of our means .9926" in curve
    assert bought.endswith("Mean AUC: pooled ELM .9765 with 374, .9926 with 3,302.")
    assert ".9765 for 3,000 at most (pooled ELM, 1,700); .9926 for 10,000 at most" in work
    assert "1,000,000" not in work
    assert recipe.endswith("mean AUC with 8,002 parameters .9911 (published: .9922).")
    ours = row("branch_elm", 20, 8_022, 8_025, 0.9927)
    said = reading([ours, RECIPE], published_surrogates(), None)
    assert "8,002 parameters .9911 (published: .9922; by our recipe: .9927)." in said
    assert "pooled ELM with 3,302 parameters, and in brackets trials" in floor
    assert "half the time step: AUC .9926 (.9980), AP .50 (.50), F1" in floor


def test_nothing_is_said_of_what_is_not_there():
    chance = row("chance", None, None, None, 0.5, source="reference")
    silent = row("branch_elm", 1, 4_601, 4_643, None)
    assert reading([], [], None) == NO_FIT
    assert reading([chance, silent, FLOOR], published_surrogates(), None) == NO_FIT
    only = reading([SMALL], published_surrogates(), SMALL)
    assert "What a parameter buys" not in only
    assert "noise floor" not in only
    labelled = reading([RECIPE], published_surrogates(), RECIPE)
    assert labelled.startswith("**What the recipe does.**")
    # Other labels say nothing of the published recipe, and a changed cell has nothing published.
    other = row("branch_elm", 20, 8_002, 8_025, 0.93, label="160_trials")
    assert "recipe" not in reading([other], published_surrogates(), None)
    assert "ublished" not in reading([SMALL, LARGE, FLOOR], (), LARGE)


def test_fits_under_published_settings_have_the_label_that_the_page_looks_for():
    for path in sorted((ROOT / "config").glob("study*.yaml")):
        for fit in read_yaml(path, "configuration")["fits"]:
            published = fit.get("training", {}).get("preset") == "published"
            assert published == (fit.get("label") == PUBLISHED_SETTINGS), path


def test_a_study_of_data_says_what_trials_buy_and_one_of_a_cell_what_parameters_buy():
    few, many = (
        row("pooled_elm", 19, 3_080, 4_600, value, label=f"{trials}_trials", trials=trials)
        for trials, value in ((160, 0.9712), (10_240, 0.9934))
    )
    said = reading([many, few], (), None)
    assert "by a pooled" not in said
    longer = many | {"label": "longer", "exposure_s": 300.0, "auc_mean": 0.9999}
    assert reading([many, longer, few], (), None).split("\n\n")[-1] == said.split("\n\n")[-1]
    assert said.endswith(
        "by the number of trials fitted to: pooled ELM with 3,080 parameters "
        ".9712 and .486 mV of 160, .9934 and .497 mV of 10,240."
    )
    cell = [SMALL | {"label": "AMPA_alone"}, LARGE | {"label": "AMPA_alone"}]
    assert "pooled ELM, AMPA alone .9765 with 374, .9926 with 3,302" in reading(cell, (), None)
