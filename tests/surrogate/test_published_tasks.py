"""Published files of the Long Range Arena as tasks: on small made-up ones."""

import shutil

import pytest
from made_up_published import MAKERS, text

from neuronio.data.sequences import SPLITS
from neuronio.errors import NeuronIOError
from neuronio.progress import silent
from neuronio.surrogate.tasks.classify.data import task_data
from neuronio.surrogate.tasks.classify.source import Facts


def published(task, folder):
    return task_data(task, None, {}, str(folder))


@pytest.mark.parametrize("task", MAKERS)
def test_what_models_are_told_holds_for_the_samples(task, tmp_path):
    data = published(task, MAKERS[task](tmp_path / "published"))
    told = data.facts()
    for split in SPLITS:
        paths = data.make(tmp_path / split, split, 1, 3, 1, silent)
        assert paths == [tmp_path / split / f"{split}.h5"]
        source = data.source(tmp_path / split, split, 1, 3)
        assert len(source) == 1
        found = Facts.of(source)
        assert (found.task, found.channels, found.classes) == (task, told.channels, told.classes)
        assert found.steps <= told.steps
        assert data.recipe(split, 1, 3)["content"] == source.about.made_from["content"]


def test_the_recipe_is_of_what_the_files_hold_and_not_of_where_they_lie(tmp_path):
    folder = text(tmp_path / "published")
    shutil.copytree(folder, tmp_path / "elsewhere")

    def recipes(where, samples=9, seed=0):
        data = published("text", where)
        return {split: data.recipe(split, samples, seed) for split in SPLITS}

    before = recipes(folder)
    assert recipes(tmp_path / "elsewhere") == before
    assert str(tmp_path) not in str(before)
    others = recipes(folder, samples=8), recipes(folder, seed=1)
    assert all(recipe[split] != before[split] for recipe in others for split in SPLITS)
    (folder / "aclImdb/test/pos/3_7.txt").write_text("another review")
    after = recipes(folder)
    assert [split for split in SPLITS if after[split] != before[split]] == ["test"]


@pytest.mark.parametrize(
    ("task", "folder", "told"),
    [
        ("text", None, "'text' has published files alone; name their folder in tasks"),
        ("shd", "here", "'shd' is not read from a folder; leave 'published' out"),
        ("listops-short", "here", "'listops-short' is not read from a folder"),
        ("txt", "here", "there is no task 'txt'; did you mean 'text'"),
    ],
)
def test_what_has_no_published_files_or_nothing_else_is_one_sentence(task, folder, told):
    with pytest.raises(NeuronIOError, match=told):
        task_data(task, None, {}, folder)


def test_published_tasks_have_no_bins_and_missing_files_are_told_while_planning(tmp_path):
    with pytest.raises(NeuronIOError, match="leave bins_ms out"):
        task_data("image", 5.0, {}, "here")
    with pytest.raises(
        NeuronIOError, match=r"basic_train.tsv does not exist; wanted are .*lra_rel"
    ):
        published("listops", tmp_path).recipe("train", 9, 0)
