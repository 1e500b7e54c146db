"""`make study SCALE=...` gives everywhere what small_study.py recorded, within either interval."""

import json

import pytest
import small_study


def within(score, other):
    """Whether a score lies in the interval of another, which may be lopsided."""
    return other["low"] <= score["value"] <= other["high"]


@pytest.mark.slow
def test_a_small_study_is_within_the_recorded_intervals(mirror, tmp_path):
    done = small_study.make(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    recorded, found = json.loads(small_study.RECORDED.read_text()), small_study.scores(tmp_path)
    assert found.keys() == recorded.keys() == {"pooled_elm-8-seed0", "linear-4-seed0"}
    for name, scores in recorded.items():
        # The last bits of an engine are the processor's, and move a spike here or there.
        assert found[name]["spikes"] == pytest.approx(scores["spikes"], abs=2)
        for score in small_study.SCORES:
            ours, theirs = scores[score], found[name][score]
            assert within(ours, theirs) or within(theirs, ours), (name, score, ours, theirs)
    page = (tmp_path / "results" / f"study-{small_study.SCALE}" / "kept" / "README.md").read_text()
    assert "| pooled ELM | 8 | 466 | 1 |" in page
    assert "**The published curve.**" in page
