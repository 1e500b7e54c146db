"""What `make run` refuses in one sentence before anything runs."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import ROOT, SMOKE, changed, command, run
from scripts import load_script

from neuronio.simulation.parts import Parts


def test_a_wrong_option_is_one_sentence_before_anything_runs(tmp_path):
    def misspelt(document):
        document["fits"][0]["options"] = {"num_branchs": 3}

    result = run(tmp_path, changed(tmp_path, misspelt))
    lines = result.stderr.splitlines()
    told = [line for line in lines if line and not line.startswith("Using profile")]
    assert result.returncode != 0
    assert len(told) == 1, result.stderr
    assert told[0].startswith("error: ")
    assert "num_branchs" in told[0]
    assert not (tmp_path / "results").exists()


@pytest.fixture
def refused(monkeypatch, capsys):
    """What a run says that is over before it begins."""

    def refuse(folder: Path, config: Path = SMOKE, *options: str) -> str:
        monkeypatch.setattr(sys, "argv", [*command(folder, config)[1:], *options])
        assert load_script(ROOT / "workflow" / "run.py").main() == 1
        assert not (folder / "results").exists()
        return capsys.readouterr().err

    return refuse


def test_a_wrong_key_is_one_sentence_before_anything_runs(refused, tmp_path):
    config = changed(tmp_path, lambda document: document["training"].update(learning_rat=1e-3))
    told = refused(tmp_path, config)
    assert told.startswith("error: ")
    assert "training.learning_rat" in told
    assert told.count("\n") == 1


CHANGES_BEHIND = [["--config", "a=3"], ["--config=a=3"], ["-Ca=3"], ["--configfiles", "b.yaml"]]


@pytest.mark.parametrize("options", CHANGES_BEHIND)
def test_a_change_of_the_configuration_by_option_is_refused(options, refused, tmp_path):
    told = refused(tmp_path, SMOKE, *options)
    assert told.startswith(f"error: {options[0]} is not taken here")
    assert told.count("\n") == 1


MISTAKES = [
    (["--scale", "abc"], "the scale is 'abc'; give a number above 0"),
    (["--dryru"], "unrecognized arguments: --dryru"),
    (["--dry-runn"], "unrecognized arguments: --dry-runn"),
    (["--set-threads", "fit"], "Invalid threads definition"),
    (["--cores"], "argument --cores: expected one argument"),
]


@pytest.mark.parametrize(("options", "why"), MISTAKES)
def test_a_mistake_on_the_command_line_is_one_sentence(options, why, refused, tmp_path):
    told = refused(tmp_path, SMOKE, *options)
    assert told.startswith(f"error: {why}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("option", ["--directory", "-d"])
def test_a_folder_that_cannot_be_written_is_one_sentence(option, refused, tmp_path):
    (tmp_path / "file").write_text("")
    told = refused(tmp_path, SMOKE, option, str(tmp_path / "file"))
    assert told == (
        f"error: cannot write in {tmp_path / 'file'} (Not a directory); choose another folder with "
        "--directory\n"
    )


def test_a_full_disk_is_one_sentence_before_anything_runs(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    told = refused(tmp_path)
    assert told.startswith(f"error: the disk of {tmp_path} is full; free some space")
    assert told.count("\n") == 1


def test_a_disk_that_is_full_after_a_failed_run_is_told_and_nothing_is_drawn(
    tmp_path, monkeypatch, capsys
):
    script, free = load_script(ROOT / "workflow" / "run.py"), iter((1 << 40, 1_000_000))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=next(free)))
    monkeypatch.setattr(script, "snakemake", lambda *_: 1)
    monkeypatch.setattr(sys, "argv", command(tmp_path)[1:])
    assert script.main() == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"error: the disk of {tmp_path} is full; free some space")
    assert told.out == ""


def test_a_cost_that_cannot_be_told_is_one_sentence(monkeypatch, capsys, tmp_path):
    asked = ["cost.py", "--configfile", str(SMOKE), "--directory", str(tmp_path / "nothing")]
    monkeypatch.setattr(sys, "argv", asked)
    from cost import main

    main()
    told = capsys.readouterr().out
    assert told.startswith("What this run will cost cannot be told: ")
    assert told.count("\n") == 1


def test_what_is_half_made_is_not_foretold_as_a_whole(tmp_path):
    from cost import share_left, trials_kept

    parts = Parts(tmp_path / ".shard-003.0123.parts")
    parts.folder.mkdir()
    for path in (parts.path(7), parts.path(8), parts.folder / "draw-0000009-0000.npz"):
        path.write_bytes(b"")
    assert trials_kept(tmp_path / "shard-003.h5") == 2
    assert trials_kept(tmp_path / "shard-004.h5") == 0
    assert share_left(tmp_path, 100, {}) == 1.0
    (tmp_path / "history.csv").write_text("step,valid_loss\n10,1.0\n25,0.9\n")
    assert share_left(tmp_path, 100, {}) == 0.75
    assert share_left(tmp_path, 100, {str(tmp_path): "damaged"}) == 1.0


def wrong_option(document):
    document["fits"][0]["options"] = {"branchs": 3}


def wrong_cell(document):
    document["cell"]["model"] = "nowhere.yaml"


@pytest.mark.parametrize("mistake", [wrong_option, wrong_cell])
def test_of_a_mistake_the_cost_says_nothing_as_planning_does(
    mistake, monkeypatch, capsys, tmp_path
):
    config = changed(tmp_path, mistake)
    monkeypatch.setattr(sys, "argv", ["cost.py", "--configfile", str(config)])
    from cost import main

    main()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cores", ["two", "0", "-1", "1.5", ""])
def test_what_is_no_number_of_cores_is_refused(cores, refused, tmp_path):
    told = refused(tmp_path, SMOKE, f"--cores={cores}")
    assert told == f"error: the number of cores is {cores!r}; give 1 or more, or 'all'\n"


def test_slurm_without_its_plugin_is_refused_in_one_sentence(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for asked in (["--workflow-profile", "workflow/profiles/slurm"], ["--executor=slurm"]):
        told = refused(tmp_path, SMOKE, *asked)
        assert told.startswith("error: Snakemake's plugin for Slurm is not installed; run .venv/")
        assert told.count("\n") == 1


@pytest.mark.parametrize("scale", ["0", "1e9", "nan"])
def test_what_is_no_scale_is_refused(scale, refused, tmp_path):
    told = refused(tmp_path, SMOKE, "--scale", scale)
    assert told.startswith(f"error: the scale is {float(scale):g}; give a number")


def test_a_dry_run_is_one_however_it_is_asked_for():
    dry = load_script(ROOT / "workflow" / "run.py").DRY
    assert all(dry.fullmatch(option) for option in ("-n", "-np", "-qn", "--dry-run", "--dryrun"))
    assert not any(dry.fullmatch(option) for option in ("-p", "--nolock", "-j", "n", "-c2"))


def test_second_run_in_a_folder_at_work_is_refused(refused, tmp_path):
    lock = tmp_path / ".snakemake" / "make-run.lock"
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert refused(tmp_path).startswith("error: another run is at work in")


def test_a_dry_run_may_stand_beside_a_run_at_work_and_leaves_it_alone(tmp_path, monkeypatch):
    script = load_script(ROOT / "workflow" / "run.py")
    own, commands = tmp_path / script.CHANGES, []
    own.parent.mkdir()
    own.write_text("name: own\n")
    (tmp_path / script.watch.JOBS).write_text("[]")
    with (tmp_path / script.RUN_LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        monkeypatch.setattr(script.watch, "call", lambda given, *_, **__: commands.append(given))
        asked = [*command(tmp_path)[1:], "--scale", "0.5", "--cost", "-n"]
        monkeypatch.setattr(sys, "argv", asked)
        script.main()
    assert commands[0][-2:] == ["-n", "--nolock"]
    assert any("changes-dry-run" in part for part in commands[0])
    assert not list(own.parent.glob("changes-dry-run-*"))
    assert own.read_text() == "name: own\n"
    assert (tmp_path / script.watch.JOBS).exists()


def test_a_run_that_could_make_no_data_is_over_in_one_sentence(tmp_path, monkeypatch, capfd):
    def elsewhere(document):
        document["cell"]["model"] = "neuronio"

    for name in ("NEURONIO_MIRROR", "NEURONIO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    config = changed(tmp_path, elsewhere)
    script = load_script(ROOT / "workflow" / "run.py")
    monkeypatch.setattr(sys, "argv", [*command(tmp_path / "run", config)[1:], "--cost"])
    monkeypatch.setattr(script, "snakemake", lambda *_: pytest.fail("nothing can be made"))
    assert script.main() == script.watch.NO_DATA
    told = capfd.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith("error: cannot fetch ")
    assert not (tmp_path / "run" / script.RUN_LOCK).read_bytes()


def test_a_misspelt_variable_of_make_is_refused():
    def told(*given):
        outermost = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        return subprocess.run(
            ["make", "-n", "run", *given], cwd=ROOT, env=outermost, capture_output=True, text=True
        )

    wrong = told("CONFG=config/smoke.yaml")
    assert wrong.returncode == 2
    assert "there is no variable CONFG here, only CORES CONFIG SCALE" in wrong.stderr
    right = told("CONFIG=config/smoke.yaml", "NEURONIO_MIRROR=/nowhere", "ARGS=-k --quiet=all")
    assert right.returncode == 0, right.stderr
