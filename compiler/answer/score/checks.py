"""Tests that a training run makes before the gate: the data contract, and the search of the hyperparameters.

Both are mlspec's own programs, at the start of a run and on a schedule of its own. A step of the author is a program
that mlspec does not see, so it proves nothing.
"""

from __future__ import annotations

from ...kinds import Object
from ...plan.training.contract import readable
from .gates import FILE
from .runs import configured, containers, started, suspended, trained, volumes
from .seen import Lacking, Objects, Seen, Shown, at, each, number

__all__ = ["expected", "searched"]

CHECK = ["mlspec", "runtime", "validate", "--in-job"]
SEARCH = ["mlspec", "runtime", "tune", "--in-job"]

STEPS = ("validate", "train")
"""The containers that must run in this order: a run must stop before it trains on bad data."""

RESULT = "MLSPEC_PARAMETERS"
"""The variable that names the file with the best values."""


def expected(seen: Seen) -> Shown | Lacking:
    """D1. Each training run checks the data contract, and ends if the data violates it."""
    trainer = trained(seen, "so nothing checks the data of one", "add `training`, and `data.columns`")
    if isinstance(trainer, Lacking):
        return trainer
    objects = trainer.objects
    job = next((job for job in started(objects) if _checks(job)), None)
    if job is None:
        return _unchecked(seen)
    if suspended(job, objects):
        why = "training runs have no schedule, so the check runs only when someone starts it"
        return Lacking(why=why, path="retraining.schedule", help="write a schedule")
    config, content = configured(job, objects, FILE)
    if config is None or not each(content, "data", "columns"):
        return Lacking(why="the step `validate` has no expectations to check")
    unread = _unread(seen)
    if unread:
        return Lacking(why=f"a pod cannot read `{unread}`, so nothing checks its columns")
    return Shown(
        proofs=(objects.proof(job), objects.proof(config)),
        why="each training run checks its data against `data.columns`, and stops before it trains if they fail",
    )


def _checks(job: Object) -> bool:
    steps = [step for step in containers(job) if step.get("name") in STEPS]
    return [step["name"] for step in steps] == list(STEPS) and steps[0].get("command") == CHECK


def _unchecked(seen: Seen) -> Lacking:
    training, unread = seen.system.training, _unread(seen)
    if unread:
        return Lacking(why=f"no step of mlspec checks `data.columns`, because a pod cannot read `{unread}`")
    if training is not None and training.steps.validate_ is not None:
        why = "`training.steps.validate` is your own code, and mlspec does not know what it checks"
        help_ = "write `true`, and remove `training.steps.validate`, so that mlspec checks `data.columns`"
        return Lacking(why=why, path="training.steps.contract", help=help_, effort="hours")
    if not seen.system.data.columns:
        why = "the spec has no expectations that a training run could check"
        return Lacking(why=why, path="data.columns", help="write what to expect of each column", effort="hours")
    why = "no step of a training run checks `data.columns`"
    return Lacking(why=why, path="training.steps.contract", help="write `true`, so that mlspec checks them")


def _unread(seen: Seen) -> str:
    """A source of some of the columns that a pod cannot read; empty if it can read all of them."""
    data = seen.system.data
    named = {column.from_.value for column in data.columns if column.from_ is not None}
    sources = [source for source in data.sources if source.name.value in named or (data.columns and not named)]
    return next((source.name.value for source in sources if not readable(source)), "")


def searched(seen: Seen) -> Shown | Lacking:
    """M3. A search on a schedule finds the values that the next training run gets."""
    trainer = trained(seen, "so no values are searched", "add `training`, and `training.tuning` with `when: schedule`")
    if isinstance(trainer, Lacking):
        return trainer
    objects = trainer.objects
    search = next((job for job in started(objects) if _command(job) == SEARCH), None)
    if search is None:
        return _unsearched(seen)
    config, content = configured(search, objects, "search.json")
    run = _gets(objects, at(content, "result"))
    trials = number(at(content, "trials"))
    if suspended(search, objects) or config is None or run is None or not trials or trials < 2:
        return Lacking(why="the search does not run, tries one value, or its result reaches no training run")
    if not at(content, "parameters"):
        return Lacking(why="the search has no parameters", path="training.tuning.parameters", help="write them")
    return Shown(
        proofs=(objects.proof(search), objects.proof(config), objects.proof(run)),
        why=f"a search on a schedule passes the best values to the next training run, in the file `{RESULT}`. The "
        "train step is your code, which must use them",
    )


def _command(job: Object) -> object:
    return next((step.get("command") for step in containers(job) if step.get("name") == "search"), None)


def _gets(objects: Objects, result: object) -> Object | None:
    """The training run that mounts the result of the search, and passes it to its step."""
    for job in started(objects):
        trains = next((step for step in containers(job) if step.get("name") == "train"), None)
        mounts = any(at(one, "configMap", "name") == result for one in volumes(job)) and result is not None
        if mounts and any(one.get("name") == RESULT for one in each(trains, "env")):
            return job
    return None


def _unsearched(seen: Seen) -> Lacking:
    training = seen.system.training
    tuning = training.tuning if training is not None else None
    help_ = "write `schedule`, and the schedule next to it, so that mlspec runs the search"
    if tuning is None:
        why = "no search of the hyperparameters is compiled"
        help_ = "add `parameters` and `trials`, and `when: schedule` with a schedule"
        return Lacking(why=why, path="training.tuning", help=help_, effort="hours")
    why = f"with `when: {tuning.when.value}`, the search is up to your training code"
    return Lacking(why=why, path="training.tuning.when", help=help_, effort="hours")
