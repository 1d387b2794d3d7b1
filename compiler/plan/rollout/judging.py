"""How the analysis of a step judges a version: the regression to detect, and the windows that show it."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, plain
from ...because import Because, because
from ..objectives import Objective
from .asking import Asking
from .comparison import Comparison, comparison
from .judgment import Judgment
from .odds import answered, arm_sample, arm_size, step_length, volume, windows_of
from .sharper import Found, affords, harm_of, shown_by
from .steps import held
from .verdict import Verdict

__all__ = ["Judging"]

UNKNOWN_STEP = Duration(600)
"""The duration of a step if the traffic is unknown."""

PATIENCE = Duration.parse("20m")
"""How long the last step may take to find less than what fires a page: all requests follow, so no later step can."""


class Judging(Asking):
    """The statistics of one service's rollout."""

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
        minutes = self.minutes
        while self.judged:
            alone = tuple(self.verdict(self.question(objective, share, length, minutes)) for objective in self.judged)
            longest = max(verdict.value.minutes for verdict in alone)
            same = tuple(self.verdict(self.question(objective, share, length, (longest,))) for objective in self.judged)
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
        """The windows in which the traffic shows the smallest regressions: the given ones, or longer ones.

        A step lasts no longer for it, except for the last one. Together, the judgments of a rollout may roll back no
        more good versions than a single one may, so each gets a part of that risk.
        """
        part = self.doubt.risk.value.amount / (len(usual) * len(shares))
        best, most = usual, self._time_for(usual, last=share is shares[-1])
        least = harm_of(each.harm for each in usual)
        for minutes in (each for each in self.minutes if each >= usual[0].verdict.value.minutes):
            if self._lasts(minutes, length) > most:
                continue
            same = [answered(self.question(one, share, length, (minutes,)))[0] for one in self.judged]
            if not all(each.sure for each in same):
                continue
            pairs = zip(self.judged, same, strict=True)
            harms = [self._smallest(one, share, length, each, float(part)) for one, each in pairs]
            if harm_of(harms) < least:
                least = harm_of(harms)
                best = [self._found(*each, share, length, minutes) for each in zip(self.judged, harms, strict=True)]
        asked = [self.smaller(objective) for objective in self.judged]
        causes = [each.verdict for each in usual]
        return [Found(each.harm, each.verdict.also(shares, asked, causes), each.usual) for each in best]

    def _time_for(self, usual: list[Found], last: bool) -> float:
        """The longest that a step may take to show a smaller regression, in seconds."""
        if self.given_duration is not None:
            return float(self.given_duration.value)
        longest = max(each.verdict.value.lasts for each in usual)
        return max(longest, float(PATIENCE)) if last else longest

    def _lasts(self, minutes: int, length: Because[Duration]) -> int:
        """The duration of a step with windows of this length, in seconds."""
        exactly = self.given_duration is not None
        return 60 * minutes * windows_of(minutes, length.value, self.doubt.windows.value, exactly)

    def _smallest(
        self, objective: Objective, share: Because[Percent], length: Because[Duration], usual: Verdict, part: float
    ) -> Because[Decimal]:
        """The smallest regression that windows of the same length show, without more of them."""
        (before, harm), rate = self.harms(objective), self.rate
        assert rate is not None
        quiet = [rate.value.amount / 2, *([self.trough.value.amount] if self.trough is not None else [])]
        arriving = tuple(float(each * share.value.amount) for each in quiet)
        for after in self.smaller(objective):
            size = arm_sample(before, after, self.doubt.significance, self.doubt.power)
            chosen, _ = answered(self.question(objective, share, length, (usual.minutes,), after))
            if affords(chosen, usual, size, part, arriving):
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
        """The verdict with windows of this length on a regression, and that on a page's if that is another one."""
        before, page = self.harms(objective)
        usual = self.verdict(self.question(objective, share, length, (minutes,)))
        if harm is page:
            return Found(harm, usual)
        size = arm_size(before, harm, self.doubt.significance, self.doubt.power)
        return Found(harm, self.verdict(self.question(objective, share, length, (minutes,), harm)).also(size), usual)

    def _judgment(self, objective: Objective, found: Found, alike: Because[Verdict]) -> Judgment:
        least, chosen = self.asked[objective.name][1], found.verdict
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

        It is for what the limit of the alert would let pass, even where the traffic shows less than that.
        """
        if objective.kind != "availability" or self.capability.new_pods.others is None:
            return None
        return comparison(self.rate, usual, self.harms(objective)[0], objective.budget)
