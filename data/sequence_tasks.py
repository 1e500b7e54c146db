"""The tasks that can be generated, by name."""

from __future__ import annotations

from neuronio.data.listops import LISTOPS, LISTOPS_SHORT
from neuronio.data.pathfinder.sets import TASKS as PATHFINDER_TASKS
from neuronio.data.sequence_making import GeneratedTask
from neuronio.errors import NeuronIOError

TASKS = {task.name: task for task in (LISTOPS, LISTOPS_SHORT, *PATHFINDER_TASKS)}


def generated_task(name: str) -> GeneratedTask:
    """A task by its name.

    Raises:
        NeuronIOError: there is none of that name.
    """
    if name not in TASKS:
        raise NeuronIOError(f"no task that can be generated is called '{name}': {', '.join(TASKS)}")
    return TASKS[name]
