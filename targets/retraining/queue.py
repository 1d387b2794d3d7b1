"""Kueue: the labels that put a run into a queue (kueue v0.19, pkg/controller/constants/constants.go).

Kueue suspends what waits, and admits it when there is capacity for all of its pods. For a CronJob, the labels belong on
the Jobs that it creates: on the CronJob itself, they have no effect. A run on several nodes has them on its TrainJob
only. On the run's Job, too, the run would hold capacity while it waits for the capacity of its nodes.
"""

from __future__ import annotations

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Body
from ...compiler.plan.training import TrainingPlan

__all__ = ["deadline", "queue_labels"]

WAITS = "Kueue suspends a run that waits in the queue, and the time counts again from 0 when it starts"


def queue_labels(training: TrainingPlan) -> Body:
    """The labels, if there is a queue."""
    queue = training.part.queue
    if queue is None:
        return {}
    return {"kueue.x-k8s.io/queue-name": queue.name, "kueue.x-k8s.io/priority-class": queue.priority}


def deadline(training: TrainingPlan) -> Because[int]:
    """The deadline of a run's Job, in seconds."""
    seconds = training.deadline.map(lambda deadline: max(1, int(deadline.amount)))
    queue = training.part.queue
    if queue is None or training.spread is not None:
        return seconds
    return because(seconds.value, f"{seconds.reason}; {WAITS}", seconds, queue.name)
