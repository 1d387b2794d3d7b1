"""Decisions for training runs: the fits of a run, its deadline, and its start deadline.

Decisions that depend only on the schedule are shared with batch inference and are in `cron`. Traps that this module
handles: `Forbid` silently skips a run if the previous one is still running when it is due; a suspended CronJob misses
every start, and without a start deadline it starts a run immediately when it is resumed (kubernetes.io, cron jobs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Duration, Memory
from ...because import Because, because, decision, fixed, text
from ...finding import refusal
from ...layer.usual import served
from ...system import Distributed, Model, Release, Training, Tuning
from .. import cron
from ..choose import assumed, number
from ..orchestration import Orchestration
from ..orchestration import kept as kept_for
from ..scope import Scope
from . import contract, fit

if TYPE_CHECKING:
    from .fine_tuning import FineTuningPlan
    from .nodes import Sizes

__all__ = ["TrainingPlan"]

SUFFIX, SEARCH = "retrain", "search"

NEVER = "0 0 1 1 *"
"""The placeholder schedule of a suspended CronJob, because every CronJob must have one."""


class TrainingPlan:
    """The training run of the system."""

    def __init__(self, scope: Scope, part: Training, measures: Callable[[], object | None] = lambda: None) -> None:
        self.scope = scope
        self.part = part
        self._measures = measures

    @property
    def measuring(self) -> object | None:
        """The plan of the process that measures captured predictions in the same environment, if there is one. Its
        package depends on this one, so only targets know its type (`targets.monitored.measuring`).
        """
        return self._measures()

    @cached_property
    def name(self) -> Because[str]:
        """The name of the CronJob, and the prefix of the names of its runs."""
        return text(f"{{system}}-{SUFFIX}", system=self.scope.system.metadata.name)

    @cached_property
    def model(self) -> Because[str]:
        """The model that is trained: the only one, or the one with the same name as the system."""
        models, system = self.scope.system.models, self.scope.system.metadata.name
        if system.value in models:
            return models[system.value].own_name
        if len(models) == 1:
            return next(iter(models.values())).own_name
        raise refusal(
            "MLS009",
            "it is ambiguous which model is trained",
            self.part,
            others=tuple((model.own_name, "one of them") for model in models.values()),
            help=f"name it `{system.value}` under `models`, like the system",
        )

    @property
    def trained(self) -> Model:
        """The entry of that model in the spec."""
        return self.scope.system.models[self.model.value]

    @cached_property
    def elsewhere(self) -> Because[bool]:
        """Whether another system serves the trained model, because no service of this one does."""
        models = self.scope.system.models
        named = [(name, part.model.given, part.own_name) for name, part in self.scope.system.services.items()]
        here = [
            because(served(name, given.value if given is not None else None, models), "the served model", given, by)
            for name, given, by in named
        ]
        return _elsewhere(self.model, *here)

    @property
    def champion_name(self) -> Because[str]:
        """What alerts on that version call it: the value of their label `service`."""
        return text("{system}-champion", system=self.scope.system.metadata.name)

    @cached_property
    def champion(self) -> Release | None:
        """The live release of the trained model, which another system serves; None if it is unknown here."""
        return self.scope.system.releases.get(self.model.value) if self.elsewhere.value else None

    # The pods of one run

    @property
    def spread(self) -> Distributed | None:
        """How several pods train together; None if a run is one pod."""
        spread = self.part.distributed
        return spread if spread is not None and spread.nodes.value > 1 else None

    @cached_property
    def nodes(self) -> Because[int]:
        """The number of pods that run `train`."""
        spread = self.part.distributed
        return spread.nodes if spread is not None else fixed(1, "a training run is one pod")

    @cached_property
    def sizes(self) -> Sizes | None:
        """How the processes are grouped; None if training is not distributed."""
        spread, asked = self.part.distributed, self.part.resources.accelerator
        if spread is None:
            return None
        from .nodes import sizes  # rarely needed, so imported late

        return sizes(spread, asked.count if asked is not None else None)

    @cached_property
    def prefix(self) -> Because[str]:
        """The prefix of the names of a run's TrainJobs, if several pods train together."""
        from .nodes import prefix  # rarely needed, so imported late

        return prefix(self.name)

    @cached_property
    def fine_tuning(self) -> FineTuningPlan | None:
        """How the run fine-tunes a language model; None if the code of the author trains the model."""
        part = self.part.fine_tuning
        if part is None:
            return None
        from .fine_tuning import FineTuningPlan

        return FineTuningPlan(self, part)

    # Fits of one run

    @cached_property
    def tunes(self) -> Because[bool]:
        """Whether each run includes a hyperparameter search."""
        return _tunes(self.part.tuning.when if self.part.tuning is not None else None)

    @cached_property
    def folds(self) -> Because[int]:
        """The number of folds that each configuration is fitted on; 1 without cross-validation."""
        validation = self.part.cross_validation
        return fit.folds(validation.folds, validation.when, self.tunes) if validation is not None else fit.one_fold()

    @cached_property
    def fits(self) -> Because[int]:
        """The number of fits in a run, the final one included."""
        tuning, ensemble = self.part.tuning if self.tunes.value else None, self.part.ensemble
        trials = tuning.trials if tuning is not None else None
        return fit.fits(self.tunes, trials, self.folds, ensemble.size if ensemble is not None else None)

    @cached_property
    def work(self) -> Because[Duration] | None:
        """How long the fits of a run take; None if the duration of a fit is unknown."""
        return fit.work(self.part.fit, self.fits) if self.part.fit is not None else None

    @property
    def search_work(self) -> Because[Duration] | None:
        """How long the fits of a separate search take; None if the duration of a fit is unknown. The next run makes the
        final fit.
        """
        tuning, ensemble = self.part.tuning, self.part.ensemble
        if tuning is None or self.part.fit is None or self.tunes.value:
            return None
        members = ensemble.size if ensemble is not None else None
        return fit.work(self.part.fit, fit.searched(tuning.trials, self.search_folds, members))

    @cached_property
    def shared_memory(self) -> Because[Memory]:
        """The shared memory of a step, which data loaders and collectives use to exchange tensors."""
        return _shared_memory(self.part.resources.memory)

    @cached_property
    def retries(self) -> Because[int]:
        """How many times a failed run is retried."""
        return self.part.retries

    @cached_property
    def checks_contract(self) -> Because[bool]:
        """Whether mlspec's own `validate` step checks the data contract before the model is trained."""
        return contract.checks_contract(self.scope, self.part)

    # Time

    @cached_property
    def orchestration(self) -> Orchestration:
        """What starts the runs."""
        return Orchestration(self.scope)

    @cached_property
    def given_schedule(self) -> Because[str] | None:
        """The schedule of the runs, if there is one."""
        retraining = self.scope.system.retraining
        return retraining.schedule if retraining is not None else None

    @cached_property
    def search_schedule(self) -> Because[str] | None:
        """The separate schedule of the search, if there is one."""
        tuning = self.part.tuning
        if tuning is None or tuning.when.value != "schedule":
            return None
        if tuning.schedule is None:
            help_ = 'add a schedule, such as `schedule: "0 3 1 * *"`, or write `when: manual`'
            raise refusal("MLS009", "the search has no schedule", tuning.when, help=help_)
        return tuning.schedule

    @property
    def searched(self) -> Tuning | None:
        """The search, if it has its own schedule."""
        return self.part.tuning if self.search_schedule is not None else None

    @cached_property
    def search_name(self) -> Because[str]:
        """The name of the CronJob of the search, and of the ConfigMap with its result."""
        return text(f"{{system}}-{SEARCH}", system=self.scope.system.metadata.name)

    @cached_property
    def search_folds(self) -> Because[int]:
        """The number of folds that each trial is fitted on."""
        validation, tuning = self.part.cross_validation, self.part.tuning
        if validation is None or tuning is None:
            return fit.one_fold()
        return fit.folds(validation.folds, validation.when, because(True, "a separate search", tuning.when))

    @cached_property
    def search_deadline(self) -> Because[int]:
        """The deadline of a search, including all retries, in seconds."""
        planning, work, search = self.scope.platform.planning, self.search_work, self.search_schedule
        cadence = cron.cadence(search, self.time_zone) if search is not None else None
        if work is not None:
            wanted = fit.wanted(work, self.retries, planning.training_headroom, planning.pod_wait)
            return fit.deadline(wanted, cadence).map(lambda length: max(1, int(length.amount)))
        known = cron.deadline(cadence) if cadence is not None else fixed(cron.LONGEST_RUN, "a guess")
        return known.map(lambda length: max(1, int(length.amount)))

    @cached_property
    def search_gap(self) -> Because[Duration]:
        """The longest time between two searches; a year without a schedule of their own."""
        schedule = self.search_schedule
        return cron.gap(schedule if schedule is not None else fixed(NEVER, "no search"), cron.longest_gap)

    @cached_property
    def search_stale(self) -> Because[Duration]:
        """The age of the last successful search that fires an alert."""
        return cron.stale(self.search_gap, self.search_deadline.map(Duration))

    @cached_property
    def search_kept(self) -> Because[int]:
        """How many seconds to keep a finished search."""
        least = fixed(cron.LEAST_KEPT, "7 days leave time to read the logs of a search")
        observed = self.orchestration.observed
        return kept_for(least, self.search_stale, observed) if observed.value == "runs" else least

    @cached_property
    def suspended(self) -> Because[bool]:
        """Whether runs only start manually."""
        return _suspended(self.given_schedule)

    @cached_property
    def schedule(self) -> Because[str]:
        """The schedule of the runs, or a placeholder."""
        if self.given_schedule is not None:
            return self.given_schedule
        return because(NEVER, "a required placeholder; it has no effect while the CronJob is suspended", self.suspended)

    @cached_property
    def time_zone(self) -> Because[str]:
        """The time zone of the schedule."""
        retraining = self.scope.system.retraining
        if retraining is not None:
            return retraining.time_zone
        return fixed("UTC", "no run starts on a schedule")

    @cached_property
    def cadence(self) -> Because[Duration] | None:
        """The shortest time between two runs; None without a schedule."""
        return cron.cadence(self.given_schedule, self.time_zone) if self.given_schedule is not None else None

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.schedule, cron.longest_gap)

    @property
    def wanted(self) -> Because[Duration] | None:
        """The deadline that a run needs, whenever the next one starts; None if the duration of a fit is unknown."""
        planning = self.scope.platform.planning
        if self.work is None:
            return None
        return fit.wanted(self.work, self.retries, planning.training_headroom, planning.pod_wait)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """The deadline of a run, including all retries."""
        given, search = self.part.deadline.given, self.search_schedule
        _end_in_time(self.schedule, self.cadence, (given, "a run may take"), (self.work, "the fits of a run take"))
        if search is not None:
            _end_in_time(search, cron.cadence(search, self.time_zone), (self.search_work, "the fits of a search take"))
        if given is not None:
            return given
        if self.wanted is not None:
            return fit.deadline(self.wanted, self.cadence)
        if self.cadence is not None:
            return cron.deadline(self.cadence)
        return assumed("training.deadline", cron.LONGEST_RUN, "a guess, because the duration of a fit is unknown")

    @cached_property
    def storage(self) -> Because[Memory]:
        """The size of the volume that the steps of a run share."""
        from .volume import volume

        return volume(self)

    @cached_property
    def late(self) -> Because[int]:
        """The start deadline, in seconds."""
        return cron.late(self.cadence, self.deadline) if self.cadence is not None else _not_late(self.suspended)

    @cached_property
    def kept(self) -> Because[int]:
        """How many seconds to keep a finished run."""
        if self.cadence is None:
            return _kept_by_hand(self.suspended)
        least, observed = cron.kept(self.longest_gap), self.orchestration.observed
        return kept_for(least, self.stale, observed) if observed.value == "runs" else least

    @cached_property
    def stale(self) -> Because[Duration]:
        """The age of the last success that fires an alert."""
        return cron.stale(self.longest_gap, self.deadline)

    @cached_property
    def overdue(self) -> Because[Duration]:
        """The time since the last start after which a run counts as missed."""
        return cron.overdue(self.longest_gap, self.time_zone)


def _end_in_time(
    schedule: Because[str], cadence: Because[Duration] | None, *lengths: tuple[Because[Duration] | None, str]
) -> None:
    """Refuse a run that would still be running when the next one is due."""
    for length, what in lengths:
        if length is not None and cadence is not None and length.value >= cadence.value:
            long = length.value if length.value.amount % 3600 == 0 else f"{number(float(length.value) / 3600)} h"
            raise refusal(
                "MLS705",
                f"{what} {long}, but the next one starts after {cadence.value}",
                schedule,
                others=((length, length.reason or "the duration of a run"),),
                note="two runs never overlap, so Kubernetes would silently skip the later one",
                help="start it less often, or make it shorter, with fewer trials or folds, or with a larger pod",
            )


@decision
def _elsewhere(model: Because[str], *here: Because[str | None]) -> tuple[bool, str]:
    if any(one.value == model.value for one in here):
        return False, f"a service of this system serves `{model.value}`"
    return True, f"no service of this system serves `{model.value}`"


@decision
def _tunes(when: Because[str] | None) -> tuple[bool, str]:
    if when is None:
        return False, "there is no hyperparameter search"
    if when.value == "every-run":
        return True, "every run includes the search"
    return False, f"the search starts {'manually' if when.value == 'manual' else 'on its own schedule'}"


@decision
def _shared_memory(memory: Because[Memory]) -> tuple[Memory, str]:
    half = Memory(int(memory.value.amount) // 2)
    return half, f"half of the step's {memory.value}, which it counts against; the default of 64 MiB is too small"


@decision
def _suspended(schedule: Because[str] | None) -> tuple[bool, str]:
    if schedule is None:
        return True, "there is no `retraining.schedule`, so runs only start manually"
    return False, f"runs start on the schedule `{schedule.value}`"


@decision
def _not_late(suspended: Because[bool]) -> tuple[int, str]:
    return cron.LEAST_LATE, f"{suspended.reason}; after a manual resume, missed starts must not run"


@decision
def _kept_by_hand(suspended: Because[bool]) -> tuple[int, str]:
    return cron.LEAST_KEPT, f"{suspended.reason}; 7 days leave time to read the logs of a run"
