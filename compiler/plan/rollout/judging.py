"""How the analysis of a step judges a version: its objectives, the harm to detect, and the windows that show it."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, because, first, fixed
from ...system import CanaryStage, RolloutCapability, Stage
from ..choose import assumed
from ..objectives import Objective, Objectives
from ..serving.facts import ServiceFacts
from ..serving.timing import Timing
from .comparison import Comparison, comparison
from .judgment import Change, Judgment
from .odds import Doubt, Question, answered, arm_sample, arm_size, doubt, judged, step_length, volume
from .rollback import harm, judged_objectives, least_volume, limit, smaller_harms
from .sharper import Found, affords, harm_of, shown_by
from .steps import held, whole_minutes
from .verdict import MINUTES, Verdict

__all__ = ["UNKNOWN_RATE", "Judging"]

UNKNOWN_STEP = Duration(600)
"""The duration of a step if the traffic is unknown."""

UNKNOWN_RATE = assumed("constraints.throughput.mean", Rate.parse("1/s"), "a guess, because the throughput is unknown")

PATIENCE = Duration.parse("20m")
"""How long the last step may take to find less harm than a page: all requests follow, so no later step can."""


class Judging:
    """The statistics of one service's rollout."""

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

    @property
    def _stages(self) -> tuple[Stage, ...]:
        return self.service.scope.system.rollout.stages

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
        return first(self.service.traffic("mean"), self.service.traffic("peak"))

    @property
    def trough(self) -> Because[Rate] | None:
        """The lowest traffic that passes the route, if the spec sets it."""
        return self.service.arrival.passing(self.service.traffic("trough"))

    # Harm

    @cached_property
    def judged(self) -> tuple[Objective, ...]:
        """The objectives that the analysis judges, if the rollout provider supports analyses."""
        if not self.capability.judges:
            return ()
        return judged_objectives(self.service.scope.system, self.stage, self.objectives)

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

    def _smaller(self, objective: Objective) -> tuple[Because[Decimal], ...]:
        """Smaller regressions that a step detects if its traffic shows them, the smallest first."""
        if self.change.harm is not None and objective.kind == "availability":
            return ()
        if objective.name not in self._less:
            self._less[objective.name] = smaller_harms(objective, self.stage, self.objectives)
        return self._less[objective.name]

    @cached_property
    def sizes(self) -> dict[str, Because[int]]:
        """The requests that a step needs to detect a regression of each objective, by the name of the objective."""
        sure = self.doubt.significance, self.doubt.power
        return {objective.name: arm_size(*self.harms(objective), *sure) for objective in self.judged}

    def arm(self, share: Because[Percent]) -> Because[Duration]:
        """How long a step needs to get enough requests to detect the regression of each objective."""
        rate = self.rate
        if rate is None:
            return because(UNKNOWN_STEP, "a guess, because the throughput, and so the requests per step, is unknown")
        if not rate.value.amount or not share.value.amount:
            return because(UNKNOWN_STEP, "a guess, because the step is expected to get no requests", rate, share)
        needed = [step_length(rate, share, size) for size in self.sizes.values()]
        unjudged = because(UNKNOWN_STEP, "a guess, because there is no objective to judge")
        return max(needed, key=lambda length: length.value, default=unjudged)

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
    def _minutes(self) -> tuple[int, ...]:
        """The possible lengths of a window."""
        given = self.given_window
        if given is None:
            return MINUTES if self.change.window is None else (self.change.window,)
        return (int(given.value.amount / 60),)

    def judgments(
        self, share: Because[Percent], length: Because[Duration], shares: tuple[Because[Percent], ...]
    ) -> tuple[Judgment, ...]:
        """One judgment for each objective of one of the steps, all with the same windows."""
        alike = self._windows(share, length)
        chosen = [Found(self.harms(each)[1], verdict) for each, verdict in zip(self.judged, alike, strict=False)]
        if self.rate is not None and chosen and all(each.verdict.value.sure for each in chosen):
            chosen = self._sharpest(share, length, chosen, shares)
        return tuple(self._judgment(*each) for each in zip(self.judged, chosen, alike, strict=False))

    def _windows(self, share: Because[Percent], length: Because[Duration]) -> tuple[Because[Verdict], ...]:
        """A verdict for each objective, all with the shortest windows that are long enough for every objective.

        Windows that are long enough for one objective may suit another that had enough with shorter ones less well, so
        they are judged again.
        """
        minutes = self._minutes
        while self.judged:
            alone = tuple(self._verdict(objective, share, length, minutes) for objective in self.judged)
            longest = max(verdict.value.minutes for verdict in alone)
            same = tuple(self._verdict(objective, share, length, (longest,)) for objective in self.judged)
            minutes = tuple(each for each in minutes if each > longest and self._fits(each, length))
            if all(verdict.value.sure for verdict in same) or not minutes:
                return tuple(verdict.also(alone) for verdict in same)
        return ()

    def _fits(self, minutes: int, length: Because[Duration]) -> bool:
        """Whether a step can have enough windows of this length: one whose duration is derived can."""
        return self.given_duration is None or minutes * 60 * self.doubt.windows.value <= length.value.amount

    def _sharpest(
        self,
        share: Because[Percent],
        length: Because[Duration],
        usual: list[Found],
        shares: tuple[Because[Percent], ...],
    ) -> list[Found]:
        """The windows in which the traffic shows the smallest harms: the given ones, or longer ones if there is time.

        A step lasts no longer for it, except for the last one. Together, the judgments of a rollout may roll back no
        more good versions than a single one may, so each gets a part of that risk.
        """
        part = self.doubt.risk.value.amount / (len(usual) * len(shares))
        best, most = usual, self._time_for(usual, last=share is shares[-1])
        least = harm_of(each.harm for each in usual)
        for minutes in (each for each in self._minutes if each >= usual[0].verdict.value.minutes):
            same = [self._odds(one, share, length, (minutes,)) for one in self.judged]
            if not all(each.sure and each.lasts <= most for each in same):
                continue
            pairs = zip(self.judged, same, strict=True)
            harms = [self._smallest(one, share, length, each, float(part)) for one, each in pairs]
            if harm_of(harms) < least:
                least = harm_of(harms)
                best = [self._found(*each, share, length, minutes) for each in zip(self.judged, harms, strict=True)]
        asked = [self._smaller(objective) for objective in self.judged]
        causes = [each.verdict for each in usual]
        return [Found(each.harm, each.verdict.also(shares, asked, causes), each.usual) for each in best]

    def _time_for(self, usual: list[Found], last: bool) -> float:
        """The longest that a step may take to show less harm, in seconds."""
        if self.given_duration is not None:
            return float(self.given_duration.value)
        longest = max(each.verdict.value.lasts for each in usual)
        return max(longest, float(PATIENCE)) if last else longest

    def _smallest(
        self, objective: Objective, share: Because[Percent], length: Because[Duration], usual: Verdict, part: float
    ) -> Because[Decimal]:
        """The smallest harm that windows of the same length show, without more of them."""
        (before, harm), rate = self.harms(objective), self.rate
        assert rate is not None
        quiet = [rate.value.amount / 2, *([self.trough.value.amount] if self.trough is not None else [])]
        arriving = tuple(float(each * share.value.amount) for each in quiet)
        for after in self._smaller(objective):
            size = arm_sample(before, after, self.doubt.significance, self.doubt.power)
            if affords(self._odds(objective, share, length, (usual.minutes,), after), usual, size, part, arriving):
                return after
        return harm

    def _found(
        self,
        objective: Objective,
        harm: Because[Decimal],
        share: Because[Percent],
        length: Because[Duration],
        minutes: int,
    ) -> Found:
        """The verdict with windows of this length on a harm, and that on the harm of a page if that is another one."""
        before, page = self.harms(objective)
        usual = self._verdict(objective, share, length, (minutes,))
        if harm is page:
            return Found(harm, usual)
        size = arm_size(before, harm, self.doubt.significance, self.doubt.power)
        return Found(harm, self._verdict(objective, share, length, (minutes,), harm).also(size), usual)

    def _verdict(
        self,
        objective: Objective,
        share: Because[Percent],
        length: Because[Duration],
        minutes: tuple[int, ...],
        smaller: Because[Decimal] | None = None,
    ) -> Because[Verdict]:
        """How the analysis judges an objective at a share of the traffic, with windows of one of these lengths."""
        chosen = judged(self._question(objective, share, length, minutes, smaller))
        if self.given_window is not None:
            chosen = chosen.also(self.given_window)
        # a condition on another metric would leave the default limit
        return chosen.also([(one.metric, one.of) for one in self.service.scope.system.rollout.rollback_when])

    def _odds(
        self,
        objective: Objective,
        share: Because[Percent],
        length: Because[Duration],
        minutes: tuple[int, ...],
        smaller: Because[Decimal] | None = None,
    ) -> Verdict:
        """The same without its reason, to try many."""
        return answered(self._question(objective, share, length, minutes, smaller))[0]

    def _question(
        self,
        objective: Objective,
        share: Because[Percent],
        length: Because[Duration],
        minutes: tuple[int, ...],
        smaller: Because[Decimal] | None,
    ) -> Question:
        before, after = self.harms(objective)
        asked = limit(objective, self.objectives) if not self.change.derived else None
        return Question(
            rate=self.rate if self.rate is not None else UNKNOWN_RATE,
            share=share,
            before=before,
            after=after if smaller is None else smaller,
            limit=asked,
            shortest=self.service.rate_window,
            length=length,
            exactly=self.given_duration is not None,
            minutes=minutes,
            risk=self.doubt.risk,
            failures=self.doubt.failures,
            windows=self.doubt.windows,
            trough=self.trough,
            least=least_volume(objective, self.objectives),
            known=self.rate is not None,
        )

    def _judgment(self, objective: Objective, found: Found, alike: Because[Verdict]) -> Judgment:
        least, chosen = least_volume(objective, self.objectives), found.verdict
        return Judgment(
            objective=objective,
            window=chosen.map(lambda v: f"{v.minutes}m"),
            shortest=alike.map(lambda v: f"{v.minutes}m"),
            limit=chosen.map(lambda v: plain(Decimal(str(v.limit)))),
            failures=chosen.map(lambda v: v.failures),
            held=held(self.doubt.failures),
            windows=chosen.map(lambda v: v.windows),
            volume=least.map(str) if least is not None else volume(self.rate, self.trough, chosen),
            verdict=chosen,
            usual=self.harms(objective)[0],
            harm=shown_by(found.harm, chosen),
            versus=self._versus(objective, found.usual if found.usual is not None else chosen),
        )

    def _versus(self, objective: Objective, usual: Because[Verdict]) -> Comparison | None:
        """The comparison with the live version, of failures only: new pods are slower while their caches are cold.

        It is for what the limit of the alert would let pass, even where the traffic shows less harm than that.
        """
        if objective.kind != "availability" or self.capability.new_pods.others is None:
            return None
        return comparison(self.rate, usual, self.harms(objective)[0], objective.budget)
