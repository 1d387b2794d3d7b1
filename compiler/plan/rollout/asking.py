"""What the verdicts of a rollout depend on: its traffic, the regression to detect, and the windows of the spec."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate
from ...because import Because, first, fixed
from ...system import CanaryStage, RolloutCapability, Stage
from ..choose import assumed
from ..objectives import Objective, Objectives
from ..serving.facts import ServiceFacts
from ..serving.timing import Timing
from .judgment import Change
from .odds import Doubt, Question, doubt, judged
from .rollback import harm, judged_objectives, least_volume, limit, smaller_harms
from .steps import whole_minutes
from .verdict import MINUTES, Verdict

__all__ = ["UNKNOWN_RATE", "Asking"]

UNKNOWN_RATE = assumed("constraints.throughput.mean", Rate.parse("1/s"), "a guess, because the throughput is unknown")


class Asking:
    """What one service's rollout is judged by, and the verdicts on it."""

    def __init__(
        self, service: ServiceFacts, timing: Timing, objectives: Objectives, change: Change | None = None
    ) -> None:
        self.service = service
        self.timing = timing
        self.objectives = objectives
        self.change = change if change is not None else Change()
        self._harms: dict[str, tuple[Because[Decimal], Because[Decimal]]] = {}
        self._less: dict[str, tuple[Because[Decimal], ...]] = {}

    @cached_property
    def stage(self) -> CanaryStage | None:
        """The canary stage in the spec."""
        return next((stage.canary for stage in self._stages if stage.canary is not None), None)

    @cached_property
    def _stages(self) -> tuple[Stage, ...]:
        """The stages in the spec that something runs. The others have a warning that says that they have no effect."""
        return tuple(one for one in self.service.scope.system.rollout.stages if self._runs(one))

    def _runs(self, stage: Stage) -> bool:
        """Whether mlspec compiles a stage, or a plugin says that its rollout provider runs it."""
        if stage.canary is not None or stage.shadow is not None:
            return True
        return self.can("experiment" if stage.experiment is not None else "blueGreen")

    def can(self, stage: str) -> bool:
        """Whether the rollout provider supports a stage."""
        return any(able.value == stage for able in self.capability.stages)

    @cached_property
    def capability(self) -> RolloutCapability:
        """The capabilities of the platform's rollout provider."""
        platform = self.service.scope.platform
        return platform.providers.rollout[platform.rollout.provider.value]

    @cached_property
    def doubt(self) -> Doubt:
        """The accepted uncertainty of a verdict."""
        return doubt(self.service.scope.platform.planning)

    # Traffic

    @cached_property
    def rate(self) -> Because[Rate] | None:
        """The expected traffic that passes the route, and so can reach a new version."""
        return self.service.arrival.passing(self._all)

    @property
    def _all(self) -> Because[Rate] | None:
        """The expected traffic, with that of callers who bypass the route."""
        return first(self.service.requested("mean"), self.service.requested("peak"))

    @cached_property
    def trough(self) -> Because[Rate] | None:
        """The lowest traffic that passes the route, if the spec sets it."""
        return self.service.arrival.passing(self.service.requested("trough"))

    # Harm

    @cached_property
    def judged(self) -> tuple[Objective, ...]:
        """The objectives that the analysis judges, if the rollout provider supports analyses."""
        if not self.capability.judges:
            return ()
        return judged_objectives(self.service.scope.system, self.stage, self.objectives)

    @cached_property
    def asked(self) -> dict[str, tuple[Because[Decimal] | None, Because[int] | None]]:
        """The limit and the least volume that the spec sets for each objective, by its name."""
        return {one.name: (limit(one, self.objectives), least_volume(one, self.objectives)) for one in self.judged}

    def harms(self, objective: Objective) -> tuple[Because[Decimal], Because[Decimal]]:
        """The share of bad requests without and with the regression that every step must detect."""
        if objective.name not in self._harms:
            self._harms[objective.name] = self._harms_of(objective)
        return self._harms[objective.name]

    def _harms_of(self, objective: Objective) -> tuple[Because[Decimal], Because[Decimal]]:
        before, after = harm(objective, self.stage, self.objectives)
        if self.stage is not None:  # a regression of another metric would leave the default
            metrics = [asked.metric for asked in self.stage.detect]
            before = before.also(metrics)
            after = after.also(metrics)
        if self.change.harm is not None and objective.kind == "availability":
            return before, fixed(self.change.harm, "hypothetical")
        return before, after

    def smaller(self, objective: Objective) -> tuple[Because[Decimal], ...]:
        """Smaller regressions that a step detects if its traffic shows them, the smallest first."""
        if self.change.harm is not None and objective.kind == "availability":
            return ()
        if objective.name not in self._less:
            self._less[objective.name] = smaller_harms(objective, self.stage, self.objectives)
        return self._less[objective.name]

    @cached_property
    def inputs(self) -> tuple[object, ...]:
        """What all verdicts depend on, besides the share of a step."""
        harms = [(self.harms(one), self.smaller(one), one.target) for one in self.judged]
        given = self.given_duration, self.given_window
        slo = self.objectives.slo.window
        times = self.service.rate_window, self.service.scrape_interval, self.timing.timeout, slo
        return self.rate, self.trough, harms, tuple(self.asked.values()), self.doubt, given, times

    # Windows

    @property
    def given_duration(self) -> Because[Duration] | None:
        """The duration of a step, if the spec sets it."""
        return self.stage.step_duration.given if self.stage is not None and not self.change.derived else None

    @property
    def given_window(self) -> Because[Duration] | None:
        """The window of one verdict, if the spec sets it."""
        given = self.stage.window.given if self.stage is not None and not self.change.derived else None
        return whole_minutes(given, self.service.rate_window) if given is not None else None

    @property
    def minutes(self) -> tuple[int, ...]:
        """The possible lengths of a window."""
        given = self.given_window
        if given is None:
            return MINUTES if self.change.window is None else (self.change.window,)
        return (int(given.value.amount / 60),)

    # Verdicts

    def verdict(self, asked: Question) -> Because[Verdict]:
        """How the analysis judges an objective. `answered` is the same without its reason, to try many."""
        chosen = judged(asked)
        if self.given_window is not None:
            chosen = chosen.also(self.given_window)
        # a condition on another metric would leave the default limit
        return chosen.also([(one.metric, one.of) for one in self.service.scope.system.rollout.rollback_when])

    def question(
        self,
        objective: Objective,
        share: Because[Percent],
        length: Because[Duration],
        minutes: tuple[int, ...],
        smaller: Because[Decimal] | None = None,
    ) -> Question:
        """An objective at a share of the traffic, with windows of one of these lengths."""
        before, after = self.harms(objective)
        most, least = self.asked[objective.name]
        return Question(
            rate=self.rate if self.rate is not None else UNKNOWN_RATE,
            share=share,
            before=before,
            after=after if smaller is None else smaller,
            limit=most if not self.change.derived else None,
            shortest=self.service.rate_window,
            length=length,
            exactly=self.given_duration is not None,
            minutes=minutes,
            risk=self.doubt.risk,
            failures=self.doubt.failures,
            windows=self.doubt.windows,
            trough=self.trough,
            least=least,
            known=self.rate is not None,
        )
