"""The subcommand that makes sequences, and those that look at what it made."""

import pytest

from neuronio.command.app import main
from neuronio.data.sequences import SequenceSet

SMALL = ["--train", "6", "--valid", "2", "--test", "2", "--workers", "1"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a few images of Pathfinder."""
    folder = tmp_path_factory.mktemp("pathfinder")
    assert main(["sequences", "pathfinder", "--out", str(folder), "--seed", "4", *SMALL]) == 0
    return folder


def test_every_split_is_made_and_shown(made, capsys):
    assert main(["info", str(made / "train.h5")]) == 0
    shown = capsys.readouterr().out
    for told in ("pathfinder, train", "6 (", "1,024 to 1,024", "50.0% 50.0%", "one answer", "seed"):
        assert told in shown
    files = [str(made / f"{split}.h5") for split in ("train", "valid", "test")]
    assert main(["verify", *files]) == 0
    assert capsys.readouterr().out.count("sound") == 3


def test_asked_again_it_keeps_what_is_there_and_says_where(made, capsys):
    assert main(["sequences", "pathfinder", "--out", str(made), "--seed", "4", *SMALL]) == 0
    assert f"test: {made / 'test.h5'}" in capsys.readouterr().out
    assert main(["sequences", "pathfinder", "--out", str(made), "--seed", "5", *SMALL]) == 1
    assert "was made with other settings (seed)" in capsys.readouterr().err


def test_published_files_are_read(tmp_path, capsys):
    for name in ("train", "val", "test"):
        (tmp_path / f"basic_{name}.tsv").write_text("Source\tTarget\n[MIN 4 2 ]\t2\n")
    command = ["sequences", "listops", "--published", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert SequenceSet.read(tmp_path / "out" / "valid.h5").label.tolist() == [2]
    for idle in ("--train", "--seed", "--workers"):
        assert main([*command, idle, "5"]) == 1
        assert f"{idle} cannot be given with --published" in capsys.readouterr().err


def test_damaged_sets_are_told_and_what_is_unknown_is_named(made, tmp_path, capsys):
    broken = tmp_path / "broken.h5"
    content = bytearray((made / "train.h5").read_bytes())
    content[len(content) // 2] ^= 255
    broken.write_bytes(content)
    assert main(["verify", str(broken)]) == 1
    assert str(broken) in capsys.readouterr().err
    for words, told in (
        (["maze"], "listops, listops-short, pathfinder, pathx"),
        (["text"], "text has published files alone; name their folder with --pub"),
        (["pathfinder", "--train", "9" * 20], "Invalid value for '--train'"),
    ):
        assert main(["sequences", *words, "--out", str(tmp_path)]) == 1
        assert told in capsys.readouterr().err
