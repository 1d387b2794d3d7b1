"""Service level indicators: the PromQL that counts requests, failures and slow answers of one service.

Written once, from the runtime's metric vocabulary, and used by rules, analyses and autoscaling alike.

- A series that does not exist yet, as before the first error, counts as zero: `or vector(0)` on each sum.
- No traffic is no data, not zero: the denominator is `> 0`, so that no NaN poisons what is recorded.
- A good answer is counted, not a slow one, so that a bucket that is missing reads as wholly bad, and is heard.
- A bucket's bound has several spellings: Prometheus 3 writes `le="100"` as `100.0`, and from a million on Go and C++
  write `1.27482e+06`. All of one number are matched.
"""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import plain
from ...because import Because, because, text
from ...finding import refusal
from ...promql import bound, matchers, promql, rate, selector
from ...system import SeriesRef
from ..serving.facts import ServiceFacts
from . import Objective

__all__ = ["Indicators", "target_labels"]


def target_labels(service: ServiceFacts) -> Because[str]:
    """The labels that the operator gives every series of a service's pods."""
    return promql('namespace="{namespace}",job="{job}"', namespace=service.scope.namespace, job=service.job)


class Indicators:
    """The expressions of one service, over the series that `match` selects."""

    def __init__(self, service: ServiceFacts, match: Because[str] | None = None) -> None:
        self.service = service
        self.match = match if match is not None else target_labels(service)

    def requests(self, window: str, over: str = "rate") -> Because[str] | None:
        """Finished requests a second, or with `increase` in the window; None where the runtime does not count them."""
        return self._total(self.service.runtime.metrics.requests, window, over)

    def failures(self, window: str, over: str = "rate") -> Because[str] | None:
        """Requests that failed by the server's fault; None where the runtime does not count them."""
        return self._total(self.service.runtime.metrics.errors, window, over)

    def _total(self, counters: tuple[SeriesRef, ...], window: str, over: str) -> Because[str] | None:
        sums = {}
        for index, counter in enumerate(counters):
            if counter.series is None:
                return None
            sums[f"s{index}"] = self._sum(counter.series, counter.match, window, over)
        joined = " + ".join(f"{{{key}}}" for key in sums)
        return text(joined if len(sums) == 1 else f"({joined})", **sums) if sums else None

    def _needed(self, total: Because[str] | None, field: str) -> Because[str]:
        """What an objective cannot do without; a refusal that names the field which says it."""
        if total is not None:
            return total
        runtime = self.service.runtime_name
        raise refusal(
            "MLS009",
            f"nothing says which series are the {field} of `{runtime.value}`",
            self.service.runtime.metrics,
            runtime,
            note="objectives, analyses and alerts count by them",
            help=f"name them under `container.metrics`, such as `{field}: [{{series: http_{field}_total}}]`",
        )

    def _sum(
        self, series: Because[str], match: Because[str] | None, window: str, over: str, suffix: str = ""
    ) -> Because[str]:
        chosen = selector(
            series, matchers(self.match, bound(match, self.service.model) if match is not None else None), suffix
        )
        return text(f"(sum({over}({{chosen}}[{window}])) or vector(0))", chosen=chosen)

    def _all(self, window: str, over: str = "rate") -> Because[str]:
        return self._needed(self.requests(window, over), "requests")

    def _bad(self, window: str, over: str = "rate") -> Because[str]:
        return self._needed(self.failures(window, over), "errors")

    def bad_ratio(self, objective: Objective, window: str) -> Because[str]:
        """The share of requests that break an objective; no sample while there is no traffic."""
        if objective.bucket is None:
            return text("{bad}\n/\n({all} > 0)", bad=self._bad(window), all=self._all(window))
        good, every = self._timed(objective, window, "rate")
        return text("1 - (\n  {good}\n  /\n  ({all} > 0)\n)", good=good, all=every)

    def bad_events(self, objective: Objective, window: str) -> Because[str]:
        """How many requests broke an objective in the window."""
        if objective.bucket is None:
            return self._bad(window, "increase")
        good, every = self._timed(objective, window, "increase")
        return text("{all} - {good}", all=every, good=good)

    def events(self, objective: Objective, window: str) -> Because[str]:
        """How many requests the objective judges in the window: the volume gate."""
        if objective.bucket is None:
            return self._all(window, "increase")
        return self._timed(objective, window, "increase")[1]

    def _timed(self, objective: Objective, window: str, over: str) -> tuple[Because[str], Because[str]]:
        """Requests that were answered in time, and all that were timed."""
        histogram = objective.series
        assert histogram is not None
        assert histogram.series is not None
        assert objective.bucket is not None
        own = bound(histogram.match, self.service.model) if histogram.match is not None else None
        within = matchers(self.match, own, _le(objective.bucket.bound))
        every = selector(histogram.series, matchers(self.match, own), "_count")
        good = selector(histogram.series, within, "_bucket")
        return (
            text(f"(sum({over}({{good}}[{window}])) or vector(0))", good=good),
            text(f"(sum({over}({{every}}[{window}])) or vector(0))", every=every),
        )

    def in_flight(self, window: Because[str]) -> Because[str] | None:
        """How many requests are being worked on, over all replicas; None where the runtime does not say."""
        known = self.service.runtime.metrics.in_flight
        if known is None:
            return None
        own = bound(known.match, self.service.model) if known.match is not None else None
        match = matchers(self.match, own)
        if known.gauge is not None:
            return text("sum({gauge})", gauge=selector(known.gauge, match))
        if known.busy is None:
            return None
        scale = {"s": "", "ms": " / 1000", "us": " / 1000000"}[known.unit.value]
        busy = rate(selector(known.busy, match), window)
        return because(
            f"sum({busy.value}){scale}",
            "time spent on requests each second is requests in flight (Little's law)",
            busy,
            known.unit,
        )

    def up(self) -> Because[str]:
        """Whether each replica answers the scrape: a series that exists from the start."""
        return text("up{{{match}}}", match=self.match)


def _le(bound_: Because[str]) -> Because[str]:
    written, shortest = bound_.value, _shortest(Decimal(bound_.value))
    spelt = _literal(written) if "." in written else f"{written}([.]0)?"
    if shortest != written:
        spelt += f"|{_literal(shortest)}"
    if spelt == _literal(written):
        return promql('le="{bound}"', bound=bound_)
    return bound_.map(lambda _: f'le=~"{spelt}"')


def _literal(number: str) -> str:
    """A number as a regular expression for nothing but itself."""
    return number.replace(".", "[.]").replace("+", "[+]")


def _shortest(value: Decimal) -> str:
    """As Go's `%g` and C++'s streams write a number: with an exponent below 1e-4 and from 1e6 on."""
    exponent = value.adjusted()
    if -4 <= exponent < 6:
        return plain(value)
    return f"{plain(value.scaleb(-exponent))}e{exponent:+03d}"
