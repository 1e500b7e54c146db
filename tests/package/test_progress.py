"""How long work is shown to be."""

import re
import time
from itertools import count

from watch import PROGRESS

from neuronio.progress import ProgressBar, in_tenths


class Clock:
    """Tells the time that it is set to, s."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def told(calls, **options):
    """The lines said of (time, done) pairs of 128 trials."""
    clock, lines = Clock(), []
    report = in_tenths("Simulate", "trials", lines.append, clock=clock, **options)
    for clock.now_s, done in calls:
        report(done, 128)
    return lines


def test_a_line_is_said_every_tenth_with_the_time_left_once_it_is_known():
    lines = told([(0, 0), (10, 1), (94, 36), (95, 37), (240, 128)])
    assert lines == [
        "Simulate [----------] 0 of 128 trials",
        "Simulate [##--------] 36 of 128 trials, 4 min left",
        "Simulate [##########] 128 of 128 trials",
    ]
    assert all(PROGRESS.match(f"12:00:00 {line}") for line in lines)  # `make run` reads them


def test_what_was_done_before_does_not_count_for_the_time_left():
    assert told([(0, 100), (10, 114)])[1] == "Simulate [########--] 114 of 128 trials, 10 s left"


def test_a_line_is_said_every_minute_whatever_the_tenth():
    calls = [(0, 0), (30, 1), (61, 2), (100, 3), (122, 4)]
    assert len(told(calls)) == 1
    assert told(calls, every_s=60) == [
        "Simulate [----------] 0 of 128 trials",
        "Simulate [----------] 2 of 128 trials, 64 min left",
        "Simulate [----------] 4 of 128 trials, 63 min left",
    ]


def test_the_last_line_is_said_again_while_nothing_new_comes(monkeypatch, capsys):
    monkeypatch.setattr("neuronio.progress.LOOK_S", 0.001)
    minutes = count(step=60)
    said = ""
    with ProgressBar("Simulate", "trials", clock=lambda: float(next(minutes))) as progress:
        progress(0, 128, "train")
        while said.count("\n") < 3:
            time.sleep(0.001)
            said += capsys.readouterr().err
    assert set(said.splitlines()) == {"Simulate [----------] 0 of 128 trials, train"}


def test_on_a_narrow_terminal_the_bar_gives_way_and_not_the_figures(monkeypatch, capsys):
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    with ProgressBar("Fit pooled_elm 20 seed 0", "steps") as progress:
        progress(2_000, 20_000, "loss 0.0094, validation AUC 0.9701")
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "2000/20000" in said
    assert "loss 0.0094, validation AUC 0.9701" in said
