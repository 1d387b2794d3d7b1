"""The decisions for training runs: what one run fits, how long it may take, and how late it may start.

What follows from the schedule alone is shared with batch inference, in `cron`. Traps that are handled here: a run that
lasts until the next one is due is skipped by `Forbid` without a word; a CronJob that is suspended misses every start,
and makes one at once when it is resumed, unless a start may not be late (kubernetes.io, cron jobs).
"""

from __future__ import annotations

import math
from functools import cached_property

from ....schema.units import Duration, Memory
from ...because import Because, because, decision, fixed, text
from ...finding import refusal
from ...system import Model, Training
from .. import cron
from ..choose import assumed, count, number
from ..scope import Scope

__all__ = ["TrainingPlan"]

SUFFIX = "retrain"

NEVER = "0 0 1 1 *"
"""A CronJob must have a schedule, also one that is suspended."""


class TrainingPlan:
    """The training run of the system."""

    def __init__(self, scope: Scope, part: Training) -> None:
        self.scope = scope
        self.part = part

    @cached_property
    def name(self) -> Because[str]:
        """The name of the CronJob, and the beginning of the names of its runs."""
        return text(f"{{system}}-{SUFFIX}", system=self.scope.system.metadata.name)

    @cached_property
    def model(self) -> Because[str]:
        """The model that is trained: the only one, or of several the one called like the system."""
        models, system = self.scope.system.models, self.scope.system.metadata.name
        if system.value in models:
            return models[system.value].own_name
        if len(models) == 1:
            return next(iter(models.values())).own_name
        raise refusal(
            "MLS009",
            "nothing says which model is trained",
            self.part,
            others=tuple((model.own_name, "one of them") for model in models.values()),
            help=f"call it `{system.value}` under `models`, like the system",
        )

    @property
    def trained(self) -> Model:
        """What the spec says of that model."""
        return self.scope.system.models[self.model.value]

    # What one run does

    @cached_property
    def tunes(self) -> Because[bool]:
        """Whether a run searches for hyperparameters."""
        return _tunes(self.part.tuning.when if self.part.tuning is not None else None)

    @cached_property
    def folds(self) -> Because[int]:
        """How many parts of the data each setting is fitted on; 1 without cross-validation."""
        validation = self.part.cross_validation
        return _folds(validation.folds, validation.when, self.tunes) if validation is not None else _one_fold()

    @cached_property
    def fits(self) -> Because[int]:
        """How many fits a run makes, one after the other."""
        tuning, ensemble = self.part.tuning if self.tunes.value else None, self.part.ensemble
        trials = tuning.trials if tuning is not None else None
        parallel = tuning.parallel if tuning is not None else None
        return _fits(self.tunes, trials, parallel, self.folds, ensemble.size if ensemble is not None else None)

    @cached_property
    def work(self) -> Because[Duration] | None:
        """How long the fits of a run take; None while nobody has said how long one takes."""
        return _work(self.part.fit, self.fits) if self.part.fit is not None else None

    @property
    def search_work(self) -> Because[Duration] | None:
        """How long the fits of a search apart from the runs take; None while nobody has said how long one takes."""
        tuning, validation, ensemble = self.part.tuning, self.part.cross_validation, self.part.ensemble
        if tuning is None or self.part.fit is None or self.tunes.value:
            return None
        searching = because(True, "a search of its own", tuning.when)
        folds = _folds(validation.folds, validation.when, searching) if validation is not None else _one_fold()
        members = ensemble.size if ensemble is not None else None
        return _work(self.part.fit, _fits(searching, tuning.trials, tuning.parallel, folds, members))

    @cached_property
    def shared_memory(self) -> Because[Memory]:
        """The shared memory of a step, by which data loaders and collectives exchange tensors."""
        return _shared_memory(self.part.resources.memory)

    @cached_property
    def retries(self) -> Because[int]:
        """How often a run that failed is tried again."""
        return self.part.retries

    # Time

    @cached_property
    def given_schedule(self) -> Because[str] | None:
        """When runs start by the clock, where they do."""
        retraining = self.scope.system.retraining
        return retraining.schedule if retraining is not None else None

    @cached_property
    def search_schedule(self) -> Because[str] | None:
        """When a search starts by a clock of its own, where it does."""
        tuning = self.part.tuning
        if tuning is None or tuning.when.value != "schedule":
            return None
        if tuning.schedule is None:
            help_ = 'add a schedule, such as `schedule: "0 3 1 * *"`, or write `when: manual`'
            raise refusal("MLS009", "nothing says when the search runs", tuning.when, help=help_)
        return tuning.schedule

    @cached_property
    def suspended(self) -> Because[bool]:
        """Whether runs are started by hand only."""
        return _suspended(self.given_schedule)

    @cached_property
    def schedule(self) -> Because[str]:
        """When runs start, or would."""
        if self.given_schedule is not None:
            return self.given_schedule
        return because(NEVER, "something must stand here, and nothing comes of it", self.suspended)

    @cached_property
    def time_zone(self) -> Because[str]:
        """The zone that the schedule is read in."""
        retraining = self.scope.system.retraining
        if retraining is not None:
            return retraining.time_zone
        return fixed("UTC", "no run is started by the clock")

    @cached_property
    def cadence(self) -> Because[Duration] | None:
        """The shortest time between two runs; None without a schedule."""
        return cron.cadence(self.given_schedule, self.time_zone) if self.given_schedule is not None else None

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.schedule, cron.longest_gap)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """How long a run may take, with every try."""
        given, search = self.part.deadline.given, self.search_schedule
        _end_in_time(self.schedule, self.cadence, (given, "run may take"), (self.work, "run fits for"))
        if search is not None:
            _end_in_time(search, cron.cadence(search, self.time_zone), (self.search_work, "search fits for"))
        if given is not None:
            return given
        if self.work is not None:
            return _deadline(self.work, self.cadence, self.scope.platform.planning.training_headroom)
        if self.cadence is not None:
            return cron.deadline(self.cadence)
        return assumed("training.deadline", cron.LONGEST_RUN, "nothing says how long a fit takes")

    @cached_property
    def late(self) -> Because[int]:
        """Seconds that a start may be late."""
        return cron.late(self.cadence, self.deadline) if self.cadence is not None else _not_late(self.suspended)

    @cached_property
    def kept(self) -> Because[int]:
        """Seconds that a finished run is kept."""
        return cron.kept(self.longest_gap) if self.cadence is not None else _kept_by_hand(self.suspended)

    @cached_property
    def stale(self) -> Because[Duration]:
        """The age of the last success at which somebody is told."""
        return cron.stale(self.longest_gap, self.deadline)

    @cached_property
    def overdue(self) -> Because[Duration]:
        """The time since the last start at which a run has been missed."""
        return cron.overdue(self.longest_gap, self.time_zone)


def _end_in_time(
    schedule: Because[str], cadence: Because[Duration] | None, *lengths: tuple[Because[Duration] | None, str]
) -> None:
    """Refuse what would still work when the next one is due."""
    for length, what in lengths:
        if length is not None and cadence is not None and length.value >= cadence.value:
            long = length.value if length.value.amount % 3600 == 0 else f"{number(float(length.value) / 3600)} h"
            raise refusal(
                "MLS705",
                f"a {what} {long}, but the next one starts after {cadence.value}",
                schedule,
                others=((length, length.reason or "the length of a run"),),
                note="two never work at the same time, so the later one would be skipped without a word",
                help="start it less often, or make it shorter: fewer trials or folds, or more of them at once",
            )


@decision
def _tunes(when: Because[str] | None) -> tuple[bool, str]:
    if when is None:
        return False, "there is no search for hyperparameters"
    if when.value == "every-run":
        return True, "every run searches"
    return False, f"the search is started by {'hand' if when.value == 'manual' else 'its own schedule'}"


@decision
def _folds(folds: Because[int], when: Because[str], tunes: Because[bool]) -> tuple[int, str]:
    if when.value == "every-run" or tunes.value:
        return folds.value, f"each setting is fitted on {folds.value} parts of the data"
    return 1, "cross-validation belongs to the search, and a run makes none"


@decision
def _one_fold() -> tuple[int, str]:
    return 1, "there is no cross-validation"


@decision
def _fits(
    _: Because[bool],
    trials: Because[int] | None,
    parallel: Because[int] | None,
    folds: Because[int],
    members: Because[int] | None,
) -> tuple[int, str]:
    fits, why = folds.value, []
    if trials is not None and parallel is not None:
        rounds = -(-trials.value // parallel.value)
        fits *= rounds
        why.append(f"{count(trials.value, 'trial')}, {parallel.value} at once: {count(rounds, 'round')}")
    if folds.value > 1:
        why.append(f"{folds.value} folds")
    if members is not None:
        fits *= members.value
        why.append(f"{members.value} members")
    if trials is not None and fits == 1:  # half as much again is room for the final fit, unless a search is only one
        return 2, f"{why[0]}, and the fit of the best setting: 2 fits, one after the other"
    said = " x ".join(why)
    return fits, f"{said}: {count(fits, 'fit')}, one after the other" if said else "one fit"


@decision
def _work(fit: Because[Duration], fits: Because[int]) -> tuple[Duration, str]:
    return Duration(fits.value * fit.value.amount), f"{count(fits.value, 'fit')} of {fit.value} ({fits.reason})"


@decision
def _shared_memory(memory: Because[Memory]) -> tuple[Memory, str]:
    half = Memory(int(memory.value.amount) // 2)
    return half, f"half of the step's {memory.value}, against which it counts; the runtime's own 64 MiB are too few"


@decision
def _suspended(schedule: Because[str] | None) -> tuple[bool, str]:
    if schedule is None:
        return True, "there is no `retraining.schedule`: runs are started by hand"
    return False, f"runs start by `{schedule.value}`"


@decision
def _deadline(
    work: Because[Duration], cadence: Because[Duration] | None, headroom: Because[float]
) -> tuple[Duration, str]:
    wanted = Duration(math.ceil(float(work.value) * headroom.value / 60 - 1e-9) * 60)
    why = f"{number(headroom.value)} times {work.reason}"
    if cadence is not None and wanted >= cadence.value:
        left = Duration(cadence.value.amount - cron.LEAST_LATE)
        return left, f"{why}, would be {wanted}; but it must end before the next run: {cadence.reason}"
    return wanted, why


@decision
def _not_late(suspended: Because[bool]) -> tuple[int, str]:
    return cron.LEAST_LATE, f"{suspended.reason}; whoever resumes it by hand does not mean the starts that were missed"


@decision
def _kept_by_hand(suspended: Because[bool]) -> tuple[int, str]:
    return cron.LEAST_KEPT, f"{suspended.reason}; 7 days are time to read what a run left"
