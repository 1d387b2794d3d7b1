"""Retraining: a Job whose pod validates, trains, evaluates, judges, and registers, under the training contract.

A CronJob starts it, or what the platform's orchestration provider has instead. Without a schedule, that is suspended,
and serves as the template for runs that are started by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ...compiler.because import Because
from ...compiler.emit.artifact import Artifact, Piece, Target
from ...compiler.finding import refusal
from ...compiler.kinds import Kind, Known, Object, pod, pods_of
from ...compiler.plan import Plan
from ...compiler.system import MLSystem, Promote

if TYPE_CHECKING:
    from ...compiler.emit.dump import Lines
    from ...compiler.plan.training import TrainingPlan

__all__ = ["TARGET"]


def emit(system: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The objects of the training run, if this environment runs training."""
    training = plan.training
    if training is None:
        if system.training is None and system.retraining is not None and system.retraining.schedule is not None:
            yield partial(_nothing_to_start, system.retraining.schedule)
        if system.training is None and system.retraining is not None and system.retraining.promote is not None:
            yield partial(_nothing_to_promote, system.retraining.promote)
        return
    from . import carried, config, job, objects

    file = config.ConfigFile(training, partial(_files, training))
    yield partial(job.runs, training, file)
    yield partial(config.configuration, training, file)
    yield partial(carried.program, training)
    yield partial(objects.service_account, training, plan)
    yield partial(objects.network_policy, training)
    if training.part.tuning is not None:
        from . import search

        yield partial(search.runs, training, file)
        yield partial(search.permissions, training)
    if training.spread is not None:
        from . import nodes, permissions

        yield lambda: nodes.runtime(training, file.name)
        yield partial(permissions.permissions, training)
        yield lambda: permissions.nodes_policy(training, tuple(objects.addresses(training)))


def _files(training: TrainingPlan) -> dict[str, Lines]:
    """What is next to the configuration, from modules that most runs do not need, so they are imported late."""
    found: dict[str, Lines] = {}
    if (spread := training.spread) is not None:
        from . import nodes

        found |= nodes.files(training, spread)
    if (tuning := training.searched) is not None:
        from . import search

        found |= search.files(training, tuning)
    if (tuned := training.fine_tuning) is not None:
        from . import finetuning

        found |= finetuning.files(tuned)
    return found


def _nothing_to_start(schedule: Because[str]) -> Iterable[Artifact]:
    raise refusal(
        "MLS012",
        "`schedule` has no effect: the spec has no `training` that it could start",
        schedule,
        note="no run would ever start, and the model would get older until someone noticed",
        help="add `training`, or remove `schedule` if the model is trained elsewhere; `maxModelAge` alone keeps the "
        "alert on its age",
    )


def _nothing_to_promote(promote: Promote) -> Iterable[Artifact]:
    raise refusal(
        "MLS012",
        "`promote` has no effect: the spec has no `training` whose model it could promote",
        promote,
        note="no version would ever be promoted, although the spec says so",
        help="add `training`, or remove `promote` and run `mlspec promote`",
    )


def _nodes(body: Object, known: Known) -> Iterator[str]:
    """The pods of a TrainingRuntime. The volume of a run is in its TrainJob."""
    found = pod(pods_of(body) or {}, known)
    return (problem for problem in found if problem != "mounts a volume `run` that does not exist")


TARGET = Target(
    name="retraining",
    summary="training runs, with the gate that judges them",
    emit=emit,
    runs="training",
    kinds={"TrainingRuntime": Kind(check=_nodes)},
)
