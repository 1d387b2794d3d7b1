"""The selected candidate, the bounds that each candidate misses, and simpler or cheaper alternatives.

A candidate is judged only by the numbers that it declares; a missing number neither meets nor misses a bound.

- Quality is compared as gain over the naive baseline, (q - q0) / (q* - q0). A ratio of the metrics themselves says
  little: a ROC AUC of 0.849 is 90% of 0.943, and a random guess already reaches 53% of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from itertools import chain

from ....schema.units import Duration
from ...because import Because, Unavailable, because, first
from ...system import Candidate, Condition, Latency, Model
from ..choose import percentiles
from ..scope import Scope
from ..serving.facts import ServiceFacts
from .candidates import NEARLY, Beaten, Check, Rival, expense, simplicity
from .comparison import (
    against,
    at_least,
    at_least_takes,
    at_most,
    at_most_takes,
    cost_share,
    gain_of,
    in_time,
    named_by,
    no_wider,
    simpler_than,
    within_budget,
)
from .interpretability import readable

__all__ = ["Selection"]


class Selection:
    """The candidates of one model, and the services that serve it."""

    def __init__(self, scope: Scope, model: Model, services: tuple[ServiceFacts, ...]) -> None:
        self.scope = scope
        self.model = model
        self.services = services

    @cached_property
    def selected(self) -> Candidate | None:
        """The selected candidate, if the spec marks one."""
        return next((candidate for candidate in self.model.candidates if candidate.selected.value), None)

    # Bounds

    def checks(self, candidate: Candidate) -> tuple[Check, ...]:
        """Every bound that the candidate declares a number for: latency, then cost, then gates, then gaps."""
        bounds = (self._latency, self._cost, self._quality, self._fairness)
        return tuple(chain.from_iterable(bound(candidate) for bound in bounds))

    def missed(self, candidate: Candidate) -> tuple[Check, ...]:
        """The bounds that it misses."""
        return tuple(check for check in self.checks(candidate) if not check.kept.value)

    def keepers(self, check: Check) -> tuple[tuple[Candidate, Check], ...]:
        """The other candidates that meet a bound, those that miss the fewest bounds first."""
        found = [
            (other, theirs)
            for other in self.model.candidates
            for theirs in self.checks(other)
            if theirs.asked is check.asked and theirs.kept.value
        ]
        return tuple(sorted(found, key=lambda pair: len(self.missed(pair[0]))))

    def _latency(self, candidate: Candidate) -> Iterator[Check]:
        known = percentiles(candidate.latency) if candidate.latency is not None else {}
        for name, latency in self._bounds:
            for percentile, bound in percentiles(latency).items():
                slow, fast = at_least_takes(known, percentile), at_most_takes(known, percentile)
                reached = slow if slow is not None and slow.value > bound.value else fast
                if reached is not None and (reached is slow or reached.value <= bound.value):
                    kept = in_time(reached, bound)
                    said = reached if known.get(percentile) is reached else _borrowed(reached, known, reached is slow)
                    yield Check(
                        subject=f"{name}latency {percentile}", asked=bound, reached=said, limit=bound, kept=kept
                    )

    @cached_property
    def _bounds(self) -> tuple[tuple[str, Latency], ...]:
        """The bounds of each service, or of the system if no service serves the model in this environment."""
        if not self.services:
            return (("", self.scope.system.constraints.latency),)
        several = len(self.services) > 1
        return tuple((f"{s.part.own_name.value} " if several else "", s.bounds("latency")) for s in self.services)

    def _cost(self, candidate: Candidate) -> Iterator[Check]:
        budget, price = self.scope.system.constraints.budget, candidate.cost
        rates = tuple(rate for service in self.services if (rate := service.traffic("mean")) is not None)
        if budget is None or price is None or not rates:
            return
        if price.value.per == "prediction" and price.value.currency == budget.value.currency:
            kept = within_budget(price, budget, *rates)
            yield Check(subject="cost", asked=budget, reached=price, limit=budget, kept=kept)

    def _quality(self, candidate: Candidate) -> Iterator[Check]:
        for gate in self._gates:
            reached = candidate.metrics.get(gate.metric.value)
            limit = self._limit(gate, candidate)
            if reached is not None and limit is not None:
                least = self._least(gate)
                kept = at_least(reached, limit) if least.value else at_most(reached, limit)
                yield Check(
                    subject=gate.metric.value,
                    asked=gate.metric,
                    reached=reached,
                    limit=limit,
                    kept=kept,
                    of_champion=gate.versus is not None and gate.versus.value == "champion",
                )

    def _fairness(self, candidate: Candidate) -> Iterator[Check]:
        bounds = self.scope.system.constraints.fairness if self._is_trained else ()
        declared = {(gap.metric.value, gap.between.value): gap.value for gap in candidate.gaps}
        for bound in bounds:
            gap, limit = declared.get((bound.metric.value, bound.between.value)), bound.max_gap
            if gap is not None:
                yield Check(
                    subject=f"the {bound.metric.value} gap by {bound.between.value}",
                    asked=limit,
                    reached=gap,
                    limit=limit,
                    kept=no_wider(gap, limit),
                )

    @property
    def _gates(self) -> tuple[Condition, ...]:
        """The gates on all rows. Candidates declare no numbers for segments."""
        judged = self.scope.system.evaluation
        gates = judged.gates if judged is not None and self._is_trained else ()
        return tuple(gate for gate in gates if gate.segment is None and gate.of is None)

    @property
    def _is_trained(self) -> bool:
        """Whether the evaluation is of this model: the only one, or the one with the same name as the system."""
        return len(self.scope.system.models) == 1 or (
            self.model.own_name.value == self.scope.system.metadata.name.value
        )

    def _least(self, gate: Condition) -> Because[bool]:
        """Whether the value must be at least the limit."""
        if gate.versus is None:
            return because(gate.min is not None, "the bound of the gate", gate.metric)
        return self.maximized(gate.metric)

    def maximized(self, metric: Because[str]) -> Because[bool]:
        """Whether a higher value of a metric is better."""
        return self.scope.system.metrics[metric.value.partition("@")[0]].direction.map(lambda way: way == "maximize")

    def best(self, metric: str) -> Candidate | None:
        """The candidate with the best value of a metric that is better than the naive baseline."""
        naive, sign = self.naive(because(metric, "a metric of the candidates")), 1 if self._maximizes(metric) else -1
        reached = [(sign * c.metrics[metric].value, c) for c in self.model.candidates if metric in c.metrics]
        better = [pair for pair in reached if naive is not None and pair[0] > sign * naive.value]
        return max(better, key=lambda pair: pair[0])[1] if better else None

    def _maximizes(self, metric: str) -> bool:
        return self.maximized(because(metric, "a metric of the candidate")).value

    def _limit(self, gate: Condition, candidate: Candidate) -> Because[Decimal] | None:
        own = first(gate.min, gate.max)
        if own is not None:
            return own.map(lambda measure: measure.amount)
        if gate.versus is None:
            raise Unavailable  # a gate without a bound is an error that has been reported
        rival = self._rival(gate.versus, gate.metric, candidate)
        if rival is None:
            return None
        return against(rival, gate.margin, self.maximized(gate.metric), gate.versus)

    def _rival(self, versus: Because[str], metric: Because[str], candidate: Candidate) -> Because[float] | None:
        """The rival's value of a metric; None if it is unknown, and for the rival itself."""
        if candidate.name.value == versus.value or (versus.value == candidate.role.value == "naive"):
            return None
        return self.result_of(versus, metric)

    def result_of(self, versus: Because[str], metric: Because[str]) -> Because[float] | None:
        """The value that a rival reaches in a metric; None if it is unknown."""
        name = versus.value
        if name == "champion":
            release = self.scope.system.releases.get(self.model.own_name.value)
            return release.metrics.get(metric.value) if release is not None else None
        if name == "human":
            people = self.scope.system.problem.human_performance
            return people.value if people is not None and people.metric.value == metric.value else None
        if name == "naive":
            return self.naive(metric)
        named = next((other for other in self.model.candidates if other.name.value == name), None)
        return named.metrics.get(metric.value) if named is not None else None

    # Gain

    @property
    def primary(self) -> Because[str] | None:
        """The metric that candidates are compared by, if the evaluation is of this model."""
        judged = self.scope.system.evaluation
        return judged.primary if judged is not None and self._is_trained else None

    def naive(self, metric: Because[str]) -> Because[float] | None:
        """The value of the best naive baseline."""
        naive = [candidate for candidate in self.model.candidates if candidate.role.value == "naive"]
        reached = [value for candidate in naive if (value := candidate.metrics.get(metric.value)) is not None]
        if not reached:
            return None
        best = (max if self.maximized(metric).value else min)(reached, key=lambda value: value.value)
        return because(best.value, "the best naive baseline", best, reached, [c.role for c in naive])

    def gain(self, candidate: Candidate) -> Because[Decimal] | None:
        """A candidate's gain in the primary metric as a share of the selected candidate's gain.

        None if a number is missing, or if the selected candidate has no gain.
        """
        metric, selected = self.primary, self.selected
        if metric is None or selected is None:
            return None
        naive = self.naive(metric)
        best, reached = selected.metrics.get(metric.value), candidate.metrics.get(metric.value)
        if naive is None or best is None or reached is None or best.value == naive.value:
            return None
        if (best.value > naive.value) is not self.maximized(metric).value:
            return None
        return gain_of(reached, naive, best, metric)

    # Rivals

    @cached_property
    def rivals(self) -> tuple[Rival, ...]:
        """The candidates that are simpler or cheaper and could replace the selected one, largest gain first."""
        found = (self._as_rival(candidate) for candidate in self.model.candidates if candidate is not self.selected)
        return tuple(sorted((rival for rival in found if rival is not None), key=lambda rival: -rival.gain.value))

    @property
    def sufficient(self) -> tuple[Rival, ...]:
        """The rivals that have nearly all of the gain, largest gain first."""
        return tuple(rival for rival in self.rivals if rival.gain.value >= NEARLY)

    @property
    def simplest(self) -> Rival | None:
        """The simplest sufficient rival, and the cheapest of those; None if none is simpler than the selected one."""
        return min((rival for rival in self.sufficient if rival.simpler.value), key=simplicity, default=None)

    @property
    def cheapest(self) -> Rival | None:
        """The cheapest sufficient rival; None if none is cheaper than the selected one."""
        priced = [rival for rival in self.sufficient if rival.cost is not None and rival.cost.value < 1]
        return min(priced, key=expense, default=None)

    def named(self, rival: Rival) -> Because[str]:
        """Its name. It depends on everything that we compare the candidates by, even of those that lost."""
        return named_by(rival.candidate.name, rival.gain, rival.cost, *self.compared.values())

    # Interpretability

    def readable(self, candidate: Candidate) -> Because[bool] | None:
        """Whether people can read a candidate, if the spec requires that and says what it is."""
        return readable(self.scope.system, self.model, candidate)

    # Worse than nothing

    @property
    def beaten(self) -> Beaten | None:
        """The metric in which the selected candidate is not better than the naive baseline: the primary one, else every
        one that both declare. None if it is better in one of them, or if the baseline is what is selected.
        """
        selected, judged = self.selected, self.scope.system.metrics
        if selected is None or selected.role.value == "naive":
            return None
        names = [self.primary.value] if self.primary is not None else list(selected.metrics)
        found = []
        for name in (name for name in names if name.partition("@")[0] in judged):
            reached, naive = selected.metrics.get(name), self.naive(because(name, "a metric of the candidate"))
            if reached is None or naive is None:
                continue
            better = reached.value > naive.value if self._maximizes(name) else reached.value < naive.value
            if better:
                return None
            found.append(Beaten(name, reached, naive))
        return found[0] if found else None

    @cached_property
    def compared(self) -> dict[str, dict[str, Because[object]]]:
        """The candidates side by side, by name: complexity, gain, share of the cost, and the bounded quantities.

        Naive baselines are omitted: only their quality matters, and every gain includes it.
        """
        return {c.name.value: dict(self._row(c)) for c in self.model.candidates if c.role.value != "naive"}

    def _row(self, candidate: Candidate) -> Iterator[tuple[str, Because[object]]]:
        yield "complexity", candidate.complexity
        readable = self.readable(candidate)
        if readable is not None:
            yield "readable", readable
        gain = self.gain(candidate)
        cost = cost_share(candidate.cost, self.selected.cost) if self.selected is not None else None
        yield from ((name, share) for name, share in (("gain", gain), ("cost", cost)) if share is not None)
        yield from ((f"bounded {check.subject}", check.reached) for check in self.checks(candidate))

    def _as_rival(self, candidate: Candidate) -> Rival | None:
        gain = self.gain(candidate)
        if self.selected is None or gain is None or candidate.role.value == "naive":
            return None
        if not all(check.of_champion for check in self.missed(candidate)):
            return None
        able = self.readable(candidate)
        if able is not None and not able.value:
            return None
        simpler = simpler_than(candidate.complexity, self.selected.complexity)
        cost = cost_share(candidate.cost, self.selected.cost)
        if not simpler.value and (cost is None or cost.value >= 1):
            return None
        return Rival(candidate=candidate, simpler=simpler, gain=gain, cost=cost)


def _borrowed(reached: Because[Duration], known: Mapping[str, Because[Duration]], least: bool) -> Because[Duration]:
    """Another percentile of a candidate, which bounds the one that it does not declare."""
    name = next(name for name, value in known.items() if value is reached)
    return because(reached.value, f"{'at least' if least else 'at most'} its {name}", reached)
