"""The queue of draws: lanes full, and trials decided as by draws one after another."""

import importlib.util
import sys
from pathlib import Path

import pytest

from neuronio.errors import NeuronIOError
from neuronio.simulation.inputs.draw import MAX_ATTEMPTS
from neuronio.simulation.queue import DONE, REJECTED, Draw, Finished, Queue

path = Path(__file__).parents[2] / "benchmarks/dry_run.py"
spec = importlib.util.spec_from_file_location("dry_run", path)
dry = importlib.util.module_from_spec(spec)
sys.modules["dry_run"] = dry
spec.loader.exec_module(dry)


def queue_of(n_trials, generator="ergodic"):
    queue = Queue(generator)
    for index in range(n_trials):
        assert not list(queue.add(Draw(index)))
    return queue


def test_a_crash_is_tried_alone_then_with_care_then_listed():
    queue = queue_of(2)
    task = queue.next_task(2)
    assert task == [Draw(0), Draw(1)]
    assert not list(queue.settle(task, "it died"))
    # By itself and by the same engine: who died with others may be at no fault.
    first, second = queue.next_task(2), queue.next_task(2)
    assert (first, second) == ([Draw(0, alone=True)], [Draw(1, alone=True)])
    assert list(queue.settle(second, [DONE])) == [Finished(second[0])]
    assert not list(queue.settle(first, "it died"))
    again = queue.next_task(2)
    assert again == [Draw(0, failed="it died")]
    assert list(queue.settle(again, "it died again")) == [Finished(again[0], "it died again")]
    assert queue.next_task(2) is None


def test_a_draw_before_its_turn_that_died_with_others_is_drawn_again():
    queue = queue_of(1)
    task = queue.next_task(2)
    assert task == [Draw(0), Draw(0, 1)]
    assert not list(queue.settle(task, "it died"))
    alone = queue.next_task(2)
    assert alone == [Draw(0, alone=True)]
    assert not list(queue.settle(alone, [REJECTED]))
    assert queue.next_task(1) == [Draw(0, 1)]


def test_a_rejected_trial_is_drawn_again():
    queue = queue_of(1)
    assert not list(queue.settle(queue.next_task(1), [REJECTED]))
    assert queue.next_task(1) == [Draw(0, attempt=1)]


def test_a_trial_that_is_rejected_for_ever_is_an_error():
    queue = queue_of(1)
    for _ in range(MAX_ATTEMPTS - 1):
        list(queue.settle(queue.next_task(1), [REJECTED]))
    last = queue.next_task(4)
    assert last == [Draw(0, MAX_ATTEMPTS - 1)]
    with pytest.raises(NeuronIOError, match="trial 0 was rejected 1000 times by the generator erg"):
        list(queue.settle(last, [REJECTED]))


def test_idle_lanes_try_draws_before_their_turn():
    queue = queue_of(2)
    task = queue.next_task(6)
    assert task == [Draw(0), Draw(1), Draw(0, 1), Draw(1, 1), Draw(0, 2), Draw(1, 2)]
    # Trial 0's second draw came too early: its first one counts. Trial 1's third is the first kept.
    finished = list(queue.settle(task, [DONE, REJECTED, DONE, REJECTED, REJECTED, DONE]))
    assert finished == [Finished(Draw(0)), Finished(Draw(1, 2))]
    assert queue.next_task(6) is None


def test_where_nothing_is_turned_away_no_draw_comes_early():
    queue = queue_of(2, generator="")
    assert queue.next_task(6) == [Draw(0), Draw(1)]


def test_an_early_failure_counts_only_when_its_turn_comes():
    queue = queue_of(1)
    task = queue.next_task(2)
    assert list(queue.settle(task, [DONE, "left its bounds"])) == [Finished(Draw(0))]
    queue = queue_of(1)
    list(queue.settle(queue.next_task(2), [REJECTED, "left its bounds"]))
    assert queue.next_task(2) == [Draw(0, 1, "left its bounds")]


def test_less_than_half_a_task_waits_for_what_may_add_to_it():
    queue = queue_of(10)
    task = queue.next_task(8)
    assert task == [Draw(i) for i in range(8)]
    assert queue.next_task(8) is None
    list(queue.settle(task, [REJECTED] * 2 + [DONE] * 6))
    assert queue.next_task(8)[:4] == [Draw(0, 1), Draw(1, 1), Draw(8), Draw(9)]


def test_verdicts_of_an_earlier_run_are_not_asked_for_again():
    queue = Queue("ergodic")
    assert not list(queue.add(Draw(0), {0: REJECTED, 2: DONE}))
    assert queue.next_task(8) == [Draw(0, 1)]
    assert list(queue.add(Draw(1), {0: REJECTED, 1: DONE})) == [Finished(Draw(1, 1))]
    assert list(queue.settle([Draw(0, 1)], [REJECTED])) == [Finished(Draw(0, 2))]


@pytest.mark.parametrize("seed", range(5))
def test_draws_in_any_order_decide_as_draws_one_after_another(seed):
    run = dry.dry_run(60, lanes=8, cores=3, rejected=0.6, seed=seed)
    assert sorted(run.kept) == list(range(60))
    for index, attempt in run.kept.items():
        verdicts = [dry.verdict(Draw(index, i), 0.6, seed) for i in range(attempt + 1)]
        assert verdicts == [REJECTED] * attempt + [DONE]


def test_sixteen_cores_make_a_dataset_at_nine_tenths_of_linear():
    run = dry.dry_run(11520, lanes=16, cores=16)
    assert run.of_linear > 0.9
    assert run.lanes_per_draw < 1.02


def test_a_shard_alone_wastes_few_lanes():
    runs = [dry.dry_run(128, lanes=16, cores=2, seed=seed) for seed in range(10)]
    assert sum(run.groups for run in runs) * 16 / sum(run.draws for run in runs) < 1.15


def test_no_more_groups_than_trials_need():
    run = dry.dry_run(128, lanes=16, cores=16, rejected=0)
    assert (run.groups, run.draws) == (8, 128)
