"""The subcommands on spoken digits."""

import pytest

from neuronio.command.app import main
from neuronio.data.digits.cochlea import Cochlea
from neuronio.data.digits.making import make_digits
from neuronio.data.digits.voices import SyntheticDigits
from neuronio.data.sequences import SequenceSet

pytest.importorskip("espeakng_loader", reason="the extra 'digits' is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with 40 recordings to train with and 20 to test, of a small cochlea."""
    folder = tmp_path_factory.mktemp("digits")
    make_digits(SyntheticDigits(40, 20), folder, cochlea=Cochlea(channels=5, samples=9598))
    return folder


def test_digits_become_sequences_of_single_recordings_or_pairs(made, tmp_path, capsys):
    arguments = ["digit-sequences", str(made), "--bin-ms", "20"]
    chosen = ["--binary", "--valid-speaker", "1"]
    assert main([*arguments, *chosen, "--out", str(tmp_path / "one")]) == 0
    assert "test: " in capsys.readouterr().out
    one = {split: SequenceSet.read(tmp_path / "one" / f"{split}.h5") for split in ("train", "test")}
    assert one["test"].about.task == "synthetic-digits"
    assert (len(one["train"]), len(one["test"]), one["test"].longest) == (20, 20, 50)
    assert main([*arguments, "--adding", "--out", str(tmp_path / "two")]) == 0
    pairs = SequenceSet.read(tmp_path / "two" / "valid.h5")
    assert (pairs.about.task, len(pairs), pairs.longest) == ("synthetic-digits-adding", 4000, 100)
    assert main([*arguments, "--out", str(tmp_path / "one")]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits", "--hair-cell", "meddis"], "no hair cell is called 'meddis'"),
        (["digits", "--recordings", "nowhere"], "cannot read the recordings of nowhere"),
        (
            ["digits", "--recordings", "fsdd", "--train", "10"],
            "--train cannot be given with --recordings, which are all taken",
        ),
        (["digits", "--test", "9" * 20], "Invalid value for '--test'"),
        (["digit-sequences", "nowhere"], "nowhere has neither shd_train.h5"),
        (["digit-sequences", "nowhere", "--bin-ms", "3"], "bins of 3 ms"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, said, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
