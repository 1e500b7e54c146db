"""How far a run is, from its jobs' logs; and the parts of its report that need no run."""

import contextlib
import errno
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time

import psutil
import pytest
import yaml
from page import _published, bibtex, read_times
from rule_log import RuleLog
from running import ROOT
from watch import Job, Watch, call

from neuronio.progress import in_words


@pytest.fixture
def logs(tmp_path):
    """A function that writes a job's log, and tells its path."""

    def write(name, *lines):
        path = tmp_path / name
        path.write_text("".join(f"12:00:00 {line}\n" for line in lines))
        return path

    return write


def test_shares_are_weighed_by_cost_and_time_is_told_once_it_is_sure(logs, tmp_path):
    jobs = [
        Job(logs("a.log", "Simulate train [###-------] 0 of 4 trials"), 30.0),
        Job(logs("b.log", "Fit elm [##########] 5 of 5 steps, loss 1"), 10.0),
        Job(tmp_path / "not-begun.log", 60.0),
    ]
    watch = Watch(jobs, time.time() - 100)
    assert str(watch.look()) == "10% of the work is done; at work: Simulate train (0%)"
    logs("a.log", "Simulate train [###-------] 0 of 4 trials", "Simulate train [##] 2 of 4 trials")
    look = watch.look()
    assert look.done == pytest.approx(0.25)
    assert look.left_s == pytest.approx(100 * 75 / 15, rel=0.05)
    assert look.at_work == [("Simulate train", 0.5)]


def test_jobs_that_begin_and_end_between_two_looks_count_for_the_time_that_is_left(logs, tmp_path):
    bar = "[#####]"
    done = logs("a.log", f"Fit elm {bar} 0 of 4 steps", f"Fit elm {bar} 4 of 4 steps")
    resumed = logs("b.log", f"Fit tcn {bar} 2 of 4 steps", f"Fit tcn {bar} 4 of 4 steps")
    jobs = [Job(done, 10.0), Job(resumed, 10.0), Job(tmp_path / "later.log", 30.0)]
    look = Watch(jobs, time.time() - 150).look()
    assert look.left_s == pytest.approx(30 * 150 / 15, rel=0.05)


def test_old_logs_and_failed_jobs_are_not_at_work(logs):
    failed = logs("f.log", "Fit elm [####------] 2 of 5 steps")
    failed.write_text(failed.read_text() + "Traceback\nerror: it broke\n")
    old = logs("o.log", "Fit tcn [####------] 2 of 5 steps")
    os.utime(old, (1, 1))
    look = Watch([Job(failed, 1.0), Job(old, 1.0)], time.time() - 5).look()
    assert look.at_work == []
    assert look.done == pytest.approx(0.2)
    assert Watch([], time.time()).look().done is None


SAID = """
[Sun Nov 29 12:46:52 2026]
Job 1: Simulate train-d41940c9ba0b5e79 shard 000
Job 2: Compile the mechanisms and kernels
Job 7: Evaluate tcn-2-seed0-evaluation-c746650f349ebe60
Job 8: Draw the quality of the data
[Sun Nov 29 12:46:53 2026]
Finished jobid: 2 (Rule: kernels)
3 of 19 steps (16%) done
Error in rule quality:
    message: None
    jobid: 8
"""


def test_short_jobs_are_named_too_from_snakemakes_log(logs, tmp_path):
    said = tmp_path / ".snakemake" / "log" / "1.snakemake.log"
    said.parent.mkdir(parents=True)
    watch = Watch([], time.time() - 5, tmp_path)
    assert str(watch.look()) == "begun"
    said.write_text(SAID)
    (said.parent / "2.snakemake.log").write_text("Job 9: Of a job on another machine\n")
    assert str(watch.look()) == (
        "3 of 19 jobs are done; at work: Simulate train shard 000, Evaluate tcn-2-seed0"
    )
    job = Job(logs("a.log", "Simulate train shard 000 [##---] 1 of 4 trials"), 30.0)
    look = Watch([job], time.time() - 5, tmp_path).look()
    assert look.at_work == [("Simulate train shard 000", 0.25), ("Evaluate tcn-2-seed0", None)]
    ended = Job(logs("b.log", "Fit tcn [#####] 4 of 4 steps"), 1.0)
    assert str(Watch([ended], time.time() - 5, tmp_path).look()).startswith("3 of 19 jobs are done")
    with said.open("a") as file:
        file.writelines(f"Job {n}: Fit elm-{n}\n" for n in range(20, 40))
        file.write("Finished jobid: 1 (Rule: simulate)\n")
    assert watch.look().at_work[0] == ("Evaluate tcn-2-seed0", None)
    assert str(watch.look()).endswith("Fit elm-26, 13 more")


def test_a_line_is_said_every_so_often_and_the_exit_code_kept(logs, monkeypatch, capfd):
    monkeypatch.setattr("watch.EVERY_S", 0.05)
    watch = Watch([Job(logs("a.log", "Fit elm [#---------] 1 of 10 steps"), 1.0)], 0.0)
    code = call([sys.executable, "-c", "import time; time.sleep(1); raise SystemExit(3)"], watch)
    assert code == 3
    assert "10% of the work is done" in capfd.readouterr().err


def test_the_live_view_shows_what_is_printed_and_how_far_it_is(logs, tmp_path):
    """In a terminal of its own."""
    log = logs("a.log", "Fit elm [#---------] 1 of 10 steps")
    code = (
        "import sys; sys.path[:0] = ['workflow']\n"
        "from pathlib import Path\nfrom watch import Job, Watch, call\n"
        f"watch = Watch([Job(Path({str(log)!r}), 1.0)], 0.0)\n"
        "print(call([sys.executable, '-c', 'import time; print(12345); time.sleep(2)'], watch))\n"
    )
    script = tmp_path / "live.py"
    script.write_text(code)
    terminal = "import pty, sys; pty.spawn(sys.argv[1:])"
    seen = subprocess.run(
        [sys.executable, "-c", terminal, sys.executable, str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        timeout=120,
    ).stdout
    assert "12345" in seen
    assert "whole run" in seen
    assert "10%" in seen


@pytest.mark.parametrize("shown", ["lines", "live"])
def test_who_is_asked_to_end_ends_what_it_has_begun(shown, tmp_path):
    """A child that waits for its own child, as Snakemake for a job, whatever it is asked itself."""
    begins = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "job = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'job.tmp')!r}, 'w').write(str(job.pid))\n"
        f"import os; os.rename({str(tmp_path / 'job.tmp')!r}, {str(tmp_path / 'job')!r})\n"
        "sys.exit(job.wait() and 9)"
    )
    code = (
        "import sys; sys.path[:0] = ['workflow']\n"
        "import watch\n"
        f"sys.stderr.isatty = lambda: {shown == 'live'}\n"
        "watch.end_when_asked()\n"
        "try:\n"
        f"    watch.call([sys.executable, '-c', {begins!r}], watch.Watch([], 0.0))\n"
        "except watch.Terminated:\n"
        "    sys.exit(143)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True)
    while not (tmp_path / "job").exists():
        assert run.poll() is None
        time.sleep(0.05)
    job = psutil.Process(int((tmp_path / "job").read_text()))
    run.terminate()
    assert run.wait(timeout=60) == 143
    assert not job.is_running()


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (600, "10 min"), (7200, "2.0 h")])
def test_time_in_words(seconds, words):
    assert in_words(seconds) == words


def test_bibtex_has_every_work_of_the_citation_file():
    document = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    text = bibtex(ROOT / "CITATION.cff")
    assert text.count("\n@") + text.startswith("@") == 1 + len(document["references"])
    for work in document["references"]:
        assert work["title"] in text
    assert "author = {Hay, Etay and Hill, Sean and" in text


def test_published_figures_stand_beside_ours_where_both_are_known():
    row = {"quantity": "rate", "published training files": "1.13", "train": "1.2"}
    row |= {"published training files, sd": "", "train, s.e.": "0.034", "train, z": "2.04"}
    row |= {"published test files": "", "test": "1"}
    expected = {"quantity": "rate", "split": "train", "ours": "1.2 ± 0.034"}
    assert _published([row]) == [expected | {"published": "1.13", "z": "+2.0"}]


def test_times_of_jobs_too_short_to_measure_are_zero(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("s\th:m:s\tmax_rss\tcpu_time\n0.5\t0:00:00\t-\tNA\n")
    assert read_times(path) == [{"s": 0.5, "cpu_time": 0.0, "max_rss": 0.0}]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_failure_is_told_in_one_sentence_where_the_log_is_full_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    log = RuleLog(str(tmp_path / "rule.log"))
    failed = OSError(errno.ENOSPC, "No space left on device")
    sys.excepthook(OSError, failed, None)
    assert log.log.read_text().endswith("\nerror: OSError: [Errno 28] No space left on device\n")
    with open("/dev/full", "a") as full:
        monkeypatch.setattr(log, "_file", full)
        sys.excepthook(OSError, failed, None)
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # so that it can be closed
    assert capsys.readouterr().err == "error: OSError: [Errno 28] No space left on device\n"


def test_ctrl_c_on_a_terminal_leaves_one_sentence(tmp_path):
    """Snakemake's account of the jobs that it ends then is not shown."""
    # Short sleeps: a signal that comes just before a long one is heard after it.
    begins = "import time\ntry:\n    print('begun', flush=True)\n"
    begins += "    for _ in range(6000):\n        time.sleep(0.1)\n"
    begins += "except KeyboardInterrupt:\n    print('Error in rule fit', flush=True)\n"
    script = tmp_path / "live.py"
    script.write_text(
        "import sys; sys.path[:0] = ['workflow']\n"
        "import run, watch\n"
        f"run.main = lambda: watch.call([sys.executable, '-c', {begins!r}], watch.Watch([], 0.0))\n"
        "run.begin()\n"
    )
    main, side = pty.openpty()

    def take_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which is ignored in the background

    process = subprocess.Popen(
        [sys.executable, str(script)], cwd=ROOT, stdin=side, stdout=side, stderr=side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}, start_new_session=True,
        preexec_fn=take_terminal,
    )  # fmt: skip
    os.close(side)
    seen = b""
    while b"begun" not in seen:
        seen += os.read(main, 1000)
    os.write(main, b"\x03")
    assert process.wait(timeout=60) == 130
    with contextlib.suppress(OSError):  # a terminal that nobody holds any more
        while more := os.read(main, 1000):
            seen += more
    assert b"Stopped; the same command goes on from here." in seen
    assert b"Error" not in seen
