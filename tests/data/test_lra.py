"""The published files of the Long Range Arena: small made-up ones, and damaged ones."""

import pickle
import shutil

import numpy as np
import pytest
from made_up_published import MAKERS
from PIL import Image

from neuronio.data import lra
from neuronio.data.lra import LONGEST_TEXT, PUBLISHED, content, import_published, import_split
from neuronio.data.sequences import SPLITS, SequenceSet
from neuronio.errors import NeuronIOError


@pytest.fixture
def read(tmp_path):
    """read(task, spoil=None): the sets of made-up files, spoilt by a function of their folder."""

    def run(task, spoil=None):
        folder = MAKERS[task](tmp_path / "published")
        if spoil:
            spoil(folder)
        paths = import_published(task, folder, tmp_path / "sets")
        return {split: SequenceSet.read(path) for split, path in paths.items()}

    return run


def test_there_are_files_for_every_task():
    assert set(MAKERS) == set(PUBLISHED)


@pytest.mark.parametrize("task", MAKERS)
def test_every_task_gives_its_splits(read, task):
    sets = read(task)
    assert list(sets) == list(SPLITS)
    for split, found in sets.items():
        assert (found.about.task, found.about.split) == (task, split)
        often = np.bincount(found.label).max() / len(found)
        assert found.about.trivial_scores["one answer"] == pytest.approx(often)
        assert found.about.made_from["published"] == PUBLISHED[task].expected
        assert found.longest <= PUBLISHED[task].longest


def test_listops_has_its_tokens_with_or_without_brackets(read):
    train = read("listops")["train"]
    assert train.rows([0]).channel.tolist() == [11, 4, 3, 14]
    assert train.rows([1]).channel.tolist() == [13, 9, 10, 2, 14, 14]
    assert train.label.tolist() == [4, 1]
    assert train.about.trivial_scores["first token"] == 0.0


def test_reviews_are_bytes_and_the_last_tenth_is_valid(read):
    sets = read("text")
    assert [len(sets[split]) for split in SPLITS] == [36, 4, 40]
    assert sets["valid"].label.tolist() == [0, 0, 1, 1]
    assert bytes(sets["valid"].rows([2]).channel.astype(np.uint8)) == b"train pos 18"
    assert sets["test"].longest == LONGEST_TEXT
    assert sets["test"].n_events == sets["test"].length.sum()  # a byte a step
    assert sets["test"].rows([0]).channel[:3].tolist() == [*"é ".encode()]


def test_pairs_have_two_texts_and_an_empty_one_is_a_0(read):
    train = read("retrieval")["train"]
    assert (len(train), train.n_rows, train.label.tolist()) == (2, 4, [1, 0])
    rows = train.rows([0, 1])
    texts = [bytes(rows.channel[rows.row == i].astype(np.uint8)) for i in range(4)]
    assert texts == [b'b"first"', b'a "quoted" one', b"\0", b"b"]


def test_images_are_grey_and_the_last_5000_are_valid(read):
    sets = read("image")
    assert [len(sets[split]) for split in SPLITS] == [5000, 5000, 3]
    red = sets["test"].rows([0])
    assert (len(red.step), red.length[0]) == (1024, 1024)
    np.testing.assert_allclose(red.value, round(0.299 * 255) / 255)


@pytest.mark.parametrize(("task", "window"), [("pathfinder", 32), ("pathx", 128)])
def test_pathfinder_goes_by_the_order_of_the_metadata(read, task, window):
    sets = read(task)
    assert [len(sets[split]) for split in SPLITS] == [24, 3, 3]
    first = sets["train"].rows([0, 10, 20])
    assert first.step[:2].tolist() == [window + 2, 3 * window + 4]
    np.testing.assert_allclose(first.value[::2], np.array([1, 3, 11]) / 255, rtol=1e-6)
    assert sets["test"].label.tolist() == [1, 0, 1]
    assert sets["test"].longest == window**2


def edit(name, change):
    def spoil(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


def truncated(content):
    return content[: len(content) // 2]


PNG = "pathfinder32/curv_contour_length_14/imgs/0/sample_3.png"
META = "pathfinder32/curv_contour_length_14/metadata/2.npy"
REVIEW = "aclImdb/train/neg"
DAMAGED = {
    "an answer": ("listops", edit("basic_val.tsv", lambda c: c.replace(b"\t3", b"\t4")), "gives 3"),
    "a token": (
        "listops",
        edit("basic_val.tsv", lambda c: c.replace(b"5", b"a")),
        "line 2 has the",
    ),
    "a bracket": ("listops", edit("basic_val.tsv", lambda c: c.replace(b" ]", b"")), "left open"),
    "two trees": (
        "listops",
        edit("basic_val.tsv", lambda c: c.replace(b"]", b"] [MIN 3 ]")),
        "has 2 trees",
    ),
    "a column": ("listops", edit("basic_val.tsv", lambda c: c.replace(b"\t3", b"")), "1 columns"),
    "the head": (
        "listops",
        edit("basic_test.tsv", lambda c: c[3:]),
        "wanted are Source and Target",
    ),
    "no rows": ("listops", edit("basic_test.tsv", lambda c: c[:14]), "no sample for test"),
    "an encoding": ("listops", edit("basic_test.tsv", lambda c: c + b"\xff"), "cannot be read"),
    "a missing table": ("listops", lambda f: (f / "basic_val.tsv").unlink(), "lra_release.gz"),
    "a name": (
        "text",
        lambda f: (f / REVIEW / "3_7.txt").rename(f / REVIEW / "x.txt"),
        "NUMBER_RATING",
    ),
    "missing reviews": (
        "text",
        lambda f: (f / "aclImdb/test").rename(f / "elsewhere"),
        "ai.stanford.edu",
    ),
    "a label": (
        "retrieval",
        edit("new_aan_pairs.eval.tsv", lambda c: b"2" + c[1:]),
        "label '2', but wanted is 0 or 1",
    ),
    "a cut table": ("retrieval", edit("new_aan_pairs.test.tsv", truncated), "cannot be read"),
    "a cut pickle": ("image", edit("cifar-10-batches-py/data_batch_2", truncated), "sound pickle"),
    "a hostile pickle": (
        "image",
        edit("cifar-10-batches-py/test_batch", lambda c: b"cos\nsystem\n(S'true'\ntR."),
        "os.system",
    ),
    "other images": (
        "image",
        edit("cifar-10-batches-py/test_batch", lambda c: pickle.dumps({"labels": [1], "data": 3})),
        "3,072 values a label",
    ),
    "no labels": (
        "image",
        edit("cifar-10-batches-py/test_batch", lambda c: pickle.dumps({"data": 3})),
        "no labels and data",
    ),
    "a class": (
        "image",
        edit(
            "cifar-10-batches-py/test_batch",
            lambda c: pickle.dumps({"labels": [12], "data": np.zeros((1, 3072), np.uint8)}),
        ),
        "label 12, but there are 10",
    ),
    "a cut image": ("pathfinder", edit(PNG, truncated), "sample_3.png is no image"),
    "a missing image": ("pathfinder", lambda f: (f / PNG).unlink(), "sample_3.png does not exist"),
    "no text": ("pathfinder", edit(META, lambda c: b"\x93NUMPY"), "is no text"),
    "a line": ("pathfinder", edit(META, lambda c: c[:20] + b"\n"), "number and label 0 or 1"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_files_are_refused_in_a_sentence(read, tmp_path, what):
    task, spoil, told = DAMAGED[what]
    with pytest.raises(NeuronIOError) as error:
        read(task, spoil)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("task", "name", "of"),
    [
        ("text", "aclImdb/test/pos/3_7.txt", {"test"}),
        ("text", "aclImdb/train/pos/19_7.txt", {"valid"}),
        ("retrieval", "new_aan_pairs.eval.tsv", {"valid"}),
        ("image", "cifar-10-batches-py/test_batch", {"test"}),
        ("pathfinder", PNG, {"train"}),
        ("pathfinder", META, set(SPLITS)),
    ],
)
def test_the_content_of_every_file_is_told(tmp_path, task, name, of):
    folder = MAKERS[task](tmp_path / "published")

    def told():
        return {split: content(PUBLISHED[task], folder, split) for split in SPLITS}

    before = told()
    # A line of the metadata must stay one.
    edit(name, lambda c: c.replace(b" 1.0 ", b" 1.5 ") if name == META else c + b"\n")(folder)
    after = told()
    assert {split for split in SPLITS if before[split] != after[split]} == of


def test_files_are_read_for_their_checksum_once_until_somebody_writes_to_them(
    tmp_path, monkeypatch
):
    folder, read = MAKERS["retrieval"](tmp_path / "published"), []
    sha256 = lra.file_sha256
    monkeypatch.setenv("NEURONIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(lra, "file_sha256", lambda path: read.append(path.name) or sha256(path))

    def told(where=folder):
        return content(PUBLISHED["retrieval"], where, "test")

    before = told()
    assert told() == before
    assert len(read) == 1
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert told(tmp_path / "elsewhere") == before
    edit("new_aan_pairs.test.tsv", lambda c: c.replace(b"b", b"d"))(folder)
    assert told() != before
    assert len(read) == 3


def test_some_samples_are_drawn_from_all_classes_and_more_are_the_same_and_others(tmp_path):
    folder, task = MAKERS["text"](tmp_path / "published"), PUBLISHED["text"]

    def drawn(samples, seed=0):
        path = tmp_path / f"{samples}-{seed}.h5"
        found = SequenceSet.read(import_split(task, folder, "train", path, samples, seed))
        rows = (found.rows([i]) for i in range(len(found)))
        return [(int(r.label[0]), bytes(r.channel.astype(np.uint8)).decode()) for r in rows]

    every, some, few = drawn(36), drawn(20), drawn(6)
    assert every == [
        (k, f"train {kind} {i}") for k, kind in enumerate(("neg", "pos")) for i in range(18)
    ]
    assert some == [sample for sample in every if sample in some]  # in their order
    assert few == [sample for sample in some if sample in few]
    assert 4 < sum(label for label, _ in some) < 16
    assert drawn(20, seed=1) != some
    whole = import_published("text", folder, tmp_path / "all")["train"]
    assert SequenceSet.read(whole).label.tolist() == [label for label, _ in every]


def test_more_samples_than_there_are_and_others_than_were_drawn_are_one_sentence(tmp_path):
    folder, task = MAKERS["text"](tmp_path / "published"), PUBLISHED["text"]
    path = tmp_path / "set.h5"
    told = r"published files of text have 4 samples for valid, but 5 are wanted; ask for fewer"
    with pytest.raises(NeuronIOError, match=told):
        import_split(task, folder, "valid", path, 5)
    assert not path.exists()
    seen = []
    import_split(task, folder, "valid", path, 4, progress=lambda *told: seen.append(told))
    assert seen == [(4, 4, "valid")]
    for samples, seed in ((3, 0), (4, 1), (None, 0)):
        with pytest.raises(NeuronIOError, match="or has other samples of them"):
            import_split(task, folder, "valid", path, samples, seed)


def test_an_image_of_another_size_is_refused(read):
    def shrink(folder):
        Image.fromarray(np.zeros((16, 20), np.uint8)).save(folder / PNG)

    with pytest.raises(NeuronIOError, match=r"16 x 20 pixels, but wanted are 32 x 32"):
        read("pathfinder", shrink)


def test_sets_that_are_there_are_kept_but_not_those_of_another_task(read, tmp_path):
    read("listops")
    before = (tmp_path / "sets" / "train.h5").stat().st_mtime_ns
    import_published("listops", tmp_path / "published", tmp_path / "sets")
    assert (tmp_path / "sets" / "train.h5").stat().st_mtime_ns == before
    edit("basic_val.tsv", lambda c: c.replace(b"MED 1", b"MED 3"))(tmp_path / "published")
    with pytest.raises(NeuronIOError, match=r"valid\.h5 was made from other files than those in"):
        import_published("listops", tmp_path / "published", tmp_path / "sets")
    with pytest.raises(NeuronIOError, match="is another set already"):
        import_published("text", tmp_path / "published", tmp_path / "sets")
    with pytest.raises(NeuronIOError, match="'maze': listops, text, retrieval"):
        import_published("maze", tmp_path, tmp_path)
