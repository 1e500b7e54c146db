"""What a run on long-horizon tasks will cost: a few samples and a few steps of each kind."""

from __future__ import annotations

import time

import numpy as np
from task_plan import TaskFit, TaskPlan
from torch.nn.functional import cross_entropy
from untrusted import finished

from neuronio.classification import ClassifierTraining
from neuronio.data.sequences import About, SequenceSet
from neuronio.surrogate.families import option_values
from neuronio.surrogate.tasks.classify.batches import BatchSampler
from neuronio.surrogate.tasks.classify.data import TaskData
from neuronio.surrogate.tasks.classify.pairs import build_classifier
from neuronio.surrogate.tasks.classify.source import FixedSource

MOST_STEPS = 256
REPEATS = 2


def data_costs(plan: TaskPlan, bad: dict[str, str]) -> dict[str, float]:
    """Seconds of a core of every set that is to be made, by the name of its log."""
    took: dict[str, float] = {}
    found = {}
    for folder, (name, split) in plan.sequences.items():
        if finished(plan.data[name, split], bad):
            continue
        task = plan.asked[name].task
        if task.task not in took:
            took[task.task] = making_s(plan.asked[name].data)
        log = f"{plan.results}/logs/sequences/{folder}.log"
        found[log] = took[task.task] * plan.amount(folder)
    return found


def making_s(data: TaskData) -> float:
    """Core seconds of making one sample or recording."""
    for _ in range(2):  # what is loaded, or made once for all, at first counts for nothing
        started = time.process_time()
        made = data.make_few()
    return (time.process_time() - started) / made if made else 0.0


def fit_costs(plan: TaskPlan, bad: dict[str, str]) -> dict[str, float]:
    """Seconds of a core of every fit that is to be made, by the name of its log.

    About so many, or fewer: every sequence is taken for as long as the longest.
    """
    took: dict[str, float] = {}
    found = {}
    for name, fit in plan.asked.items():
        if finished(plan.fits[name], bad):
            continue
        kind = f"{fit.section.model} {option_values(fit.options)} {plan.training_of(name)}"
        if kind not in took:
            took[kind] = row_step_s(fit, plan.training_of(name))
        log = f"{plan.results}/logs/fit/{plan.fits[name].folder.name}.log"
        found[log] = took[kind] * plan.steps_seen(name)
    return found


def row_step_s(fit: TaskFit, training: ClassifierTraining) -> float:
    """Core seconds of training for a step of a sequence, batch included, from noise."""
    facts, rows = fit.data.facts(), training.batch_size
    steps, rng = min(facts.steps, MOST_STEPS), np.random.default_rng(0)
    shape, per = (facts.channels, facts.classes), facts.rows_per_label
    about = About(facts.task, "train", *shape, "bin", bin_ms=facts.step_ms, rows_per_label=per)
    per_step = max(1, round(facts.events))
    step = np.repeat(np.arange(steps), per_step)
    noise = [(step, rng.integers(facts.channels, size=len(step))) for _ in range(rows * per)]
    source = FixedSource(SequenceSet.from_rows(about, np.zeros(rows), noise, steps))
    sampler = BatchSampler(source, rows, 0, training.input_dropout)
    model = build_classifier(fit.section.model, fit.options, per, facts.classes)
    times = []
    for number in range(1 + REPEATS):
        started = time.process_time()
        batch = sampler.batch(number)
        cross_entropy(model.at_last(batch.events), batch.label).backward()
        times.append(time.process_time() - started)
    return min(times[1:]) / (rows * per * steps)
