"""Shards under way: what workers still write to is not removed, and nothing is left behind."""

from types import SimpleNamespace

import pytest

from neuronio.data.shard import Shard, write_shard
from neuronio.errors import NeuronIOError
from neuronio.progress import silent
from neuronio.simulation import making
from neuronio.simulation.parts import Parts
from neuronio.simulation.queue import DONE, Draw

JOB = SimpleNamespace(digest=lambda: "d", trial_limit_s=1.0)


class TwoAtOnce:
    """A pool that answers two tasks one after the other, each draw accepted and put by."""

    ready = SimpleNamespace(segments=None, batch_size=4)
    shards = ()

    def __init__(self, *_):
        self.parts_there = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, next_task):
        tasks = [next_task(), next_task()]
        for task in tasks:
            for draw in task:
                shard = next(s for s in self.shards if draw.index in s.indices)
                path = shard.parts._draw(draw, ".npz")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
            yield task, [DONE] * len(task)
        assert next_task() is None


@pytest.fixture
def shards(tmp_path, monkeypatch):
    made = [
        making.OpenShard(JOB, tmp_path / f"shard-{i}.h5", indices)
        for i, indices in enumerate((range(4), range(4, 6)))
    ]
    monkeypatch.setattr(TwoAtOnce, "shards", made)
    monkeypatch.setattr(making, "WorkerPool", TwoAtOnce)
    return made


def test_early_draws_of_a_written_shard_leave_nothing_behind(shards, tmp_path, monkeypatch):
    written = []

    def write(shard, segments):
        # The second task has early draws of the first shard's trials in its idle lanes.
        written.append(shard.out.name)
        shard.out.write_bytes(b"")

    monkeypatch.setattr(making.OpenShard, "write", write)
    draws = [Draw(i) for i in range(6)]
    making.make_shards(JOB, shards, draws, (None, None), None, generator="ergodic", progress=silent)
    assert written == ["shard-0.h5", "shard-1.h5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-0.h5", "shard-1.h5"]


def test_parts_that_another_run_cleared_are_one_sentence(tmp_path):
    with pytest.raises(NeuronIOError, match=r"cannot read .*trial-0000003"):
        Parts(tmp_path / "gone").load(3)


def test_a_shard_that_another_run_wrote_first_is_left_alone(tmp_path, make_shard):
    out = tmp_path / "shard.h5"
    facts = {"recipe": "d", "first_trial": 0, "n_trials_planned": 4}
    with Shard(make_shard(1)) as made:
        trials = [(i, made.inputs(i), made.recording(i)) for i in range(4)]
        write_shard(out, trials, facts, made.segments)
    before = out.read_bytes()
    making.OpenShard(JOB, out, range(4)).write(None)  # without a single part
    assert out.read_bytes() == before
    with pytest.raises(NeuronIOError, match="cannot read"):
        making.OpenShard(JOB, out, range(5)).write(None)


def test_a_draw_that_another_run_kept_first_is_kept(tmp_path):
    parts, draw = Parts(tmp_path), Draw(3)
    with pytest.raises(NeuronIOError, match="is another run at work"):
        parts.keep(draw)
    parts.path(3).write_bytes(b"")
    parts.keep(draw)
