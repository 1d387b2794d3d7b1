"""Service level indicators: the PromQL queries for requests, failures, and slow responses of one service.

They are built in one place, from the runtime's metrics, and shared by alerting rules, analyses, and autoscaling.

- A series that does not exist yet, such as before the first error, counts as zero: each sum has `or vector(0)`.
- A series may appear with its first event, which `increase()` never sees: `counted` adds it.
- No traffic means no data, not zero: the denominator is `> 0`, so that no NaN gets into recording rules.
- Latency queries count fast responses, not slow ones. If a bucket is missing, every request counts as bad and alerts.
- The tokens of one answer are slow together, so volumes are in requests even where each token has a sample.
- A bucket bound can be formatted in several ways: Prometheus 3 writes `le="100"` as `100.0`, and Go and C++ write
  `1.27482e+06` from a million on. The matcher accepts all formats of the number.
"""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import plain
from ...because import Because, because, text
from ...finding import refusal
from ...promql import bound, counted, matchers, promql, rate, selector
from ...system import Counter, InFlight
from ..serving.facts import ServiceFacts
from . import Objective

__all__ = ["Indicators", "target_labels"]


def target_labels(service: ServiceFacts) -> Because[str]:
    """The labels that the Prometheus Operator adds to every series of a service's pods."""
    return promql('namespace="{namespace}",job="{job}"', namespace=service.scope.namespace, job=service.job)


class Indicators:
    """The PromQL expressions of one service, over the series that `match` selects."""

    def __init__(self, service: ServiceFacts, match: Because[str] | None = None) -> None:
        self.service = service
        self.match = match if match is not None else target_labels(service)
        self._selectors: dict[tuple[int, str, int], Because[str]] = {}
        """The selectors, which do not depend on the window. Each keeps the values alive whose identity is its key."""
        self._requests: dict[str, Because[str] | None] = {}
        """The requests in each window, which most expressions are a share of."""

    def requests(self, window: str) -> Because[str] | None:
        """Requests that completed in the window; None if the runtime does not count them."""
        if window not in self._requests:
            self._requests[window] = self._total(self.service.metrics.requests, window)
        return self._requests[window]

    def failures(self, window: str) -> Because[str] | None:
        """Requests that failed because of the server; None if the runtime does not count them."""
        failed = self._total(self.service.metrics.errors, window)
        succeeded, every = self._total(self.service.metrics.successes, window), self.requests(window)
        if failed is not None or succeeded is None or every is None:
            return failed
        return text("clamp_min({every} - {succeeded}, 0)", every=every, succeeded=succeeded)

    def canceled(self, window: str) -> Because[str] | None:
        """Requests whose callers gave up; None if the runtime does not count them, or counts them as successes."""
        return self._total(self.service.metrics.canceled, window)

    def unfinished(self, window: str) -> Because[str] | None:
        """The requests in the window that left no sample of their latency, because they failed or broke off.

        None if the runtime times every request, however it ends.
        """
        histogram, every = self.service.metrics.latency, self.requests(window)
        if every is None or histogram is None or histogram.covers.value != "successes":
            return None
        timed = counted(self.selected(histogram.series, histogram.match, "_count"), window, histogram.born)
        return text("({every} - {timed})", every=every, timed=timed).also(histogram.covers)

    def _total(self, counters: tuple[Counter, ...], window: str) -> Because[str] | None:
        sums = {
            f"s{index}": counted(self.selected(counter.series, counter.match), window, counter.born)
            for index, counter in enumerate(counters)
        }
        joined = " + ".join(f"{{{key}}}" for key in sums)
        return text(joined if len(sums) == 1 else f"({joined})", **sums) if sums else None

    def _needed(self, total: Because[str] | None, field: str) -> Because[str]:
        """Refuse an objective without the counters that it needs, and name the field that declares them."""
        if total is not None:
            return total
        runtime = self.service.runtime_name
        raise refusal(
            "MLS009",
            f"no series for the {field} of `{runtime.value}` is declared",
            self.service.metrics,
            runtime,
            note="objectives, analyses, and alerts depend on it",
            help=f"declare it under `container.metrics`, such as `{field}: [{{series: http_{field}_total}}]`",
        )

    def selected(
        self, series: Because[str], match: Because[str] | None, suffix: str = "", most: Because[str] | None = None
    ) -> Because[str]:
        """One series of the runtime; `suffix` is what a histogram appends to its name, and `most` one of its bounds."""
        key = (id(series), suffix, id(most))
        if key not in self._selectors:
            own = bound(match, self.service.model) if match is not None else None
            within = _le(most) if most is not None else None
            self._selectors[key] = selector(series, matchers(self.match, own, within), suffix)
        return self._selectors[key]

    def _all(self, window: str) -> Because[str]:
        return self._needed(self.requests(window), "requests")

    def _bad(self, window: str) -> Because[str]:
        return self._needed(self.failures(window), "errors")

    def bad_ratio(self, objective: Objective, window: str) -> Because[str]:
        """The share of requests that violate an objective; no sample without traffic."""
        if objective.bucket is None:
            return text("{bad}\n/\n({all} > 0)", bad=self._bad(window), all=self._all(window))
        good, every = self._counted(objective, window)
        return text("1 - (\n  {good}\n  /\n  ({all} > 0)\n)", good=good, all=every)

    def bad_events(self, objective: Objective, window: str) -> Because[str]:
        """The number of requests in the window that violate an objective."""
        if objective.bucket is None:
            return self._bad(window)
        good, every = self._counted(objective, window)
        requests = self._of_tokens(objective, window)
        if requests is None:
            return text("{all} - {good}", all=every, good=good)
        share = "(({all} - {good}) / ({all} > 0) * {requests} or vector(0))"
        return text(share, all=every, good=good, requests=requests)

    def events(self, objective: Objective, window: str) -> Because[str]:
        """The number of requests in the window that the objective covers: the minimum volume check."""
        if objective.bucket is None:
            return self._all(window)
        requests = self._of_tokens(objective, window)
        return requests if requests is not None else self._counted(objective, window)[1]

    def _of_tokens(self, objective: Objective, window: str) -> Because[str] | None:
        """The requests whose tokens an objective times, if it times tokens and the runtime counts requests."""
        each, every = objective.of_tokens, self.requests(window)
        return every.also(each) if each is not None and every is not None else None

    def timed(self, objective: Objective) -> tuple[Because[str], Because[str]]:
        """The counters of the requests that completed in time, and of all timed requests."""
        histogram = objective.series
        assert histogram is not None
        assert objective.bucket is not None
        every = self.selected(histogram.series, histogram.match, "_count")
        return self.selected(histogram.series, histogram.match, "_bucket", objective.bucket.bound), every

    def _counted(self, objective: Objective, window: str) -> tuple[Because[str], Because[str]]:
        """Requests that completed in time, and all timed requests, in the window."""
        assert objective.series is not None
        good, every = self.timed(objective)
        return counted(good, window, objective.series.born), counted(every, window, objective.series.born)

    def in_flight(self, window: Because[str]) -> Because[str] | None:
        """The requests in flight over all replicas; None if the runtime does not export them."""
        known = self.service.metrics.in_flight
        if known is None:
            return None
        own = bound(known.match, self.service.model) if known.match is not None else None
        match = matchers(self.match, own)
        flying = self._flying(known, match, window)
        if flying is None:
            return None
        if known.minus is not None:
            ended = selector(known.minus, match)
            flying = text("({flying} - (sum({ended}) or vector(0)))", flying=flying, ended=ended)
        if known.plus is not None:
            waiting = selector(known.plus, match)
            flying = text("({flying} + (sum({waiting}) or vector(0)))", flying=flying, waiting=waiting)
        return flying

    def _flying(self, known: InFlight, match: Because[str], window: Because[str]) -> Because[str] | None:
        """The series that counts requests in flight, or the time spent on them."""
        if known.gauge is not None:
            return text("sum({gauge})", gauge=selector(known.gauge, match))
        if known.busy is None:
            return None
        scale = {"s": "", "ms": " / 1000", "us": " / 1000000"}[known.unit.value]
        busy = text("{busy} and on (pod) {up} == 1", busy=rate(selector(known.busy, match), window), up=self.up())
        return because(
            f"sum({busy.value}){scale}",
            "the time spent on requests per second equals the requests in flight (Little's law), of the replicas that "
            "answer: a window still has samples of the others",
            busy,
            known.unit,
        )

    def waiting(self) -> Because[str] | None:
        """The requests that wait over all replicas; None if the runtime does not export them."""
        queue = self.service.metrics.queue
        if queue is None:
            return None
        own = bound(queue.match, self.service.model) if queue.match is not None else None
        return text("sum({queue})", queue=selector(queue.series, matchers(self.match, own)))

    def up(self) -> Because[str]:
        """Whether Prometheus can scrape each replica: a series that always exists."""
        return text("up{{{match}}}", match=self.match)


def _le(bound_: Because[str]) -> Because[str]:
    written, shortest = bound_.value, _shortest(Decimal(bound_.value))
    pattern = _literal(written) if "." in written else f"{written}([.]0)?"
    if shortest != written:
        pattern += f"|{_literal(shortest)}"
    if pattern == _literal(written):
        return promql('le="{bound}"', bound=bound_)
    return bound_.map(lambda _: f'le=~"{pattern}"')


def _literal(number: str) -> str:
    """A regular expression that matches only this number."""
    return number.replace(".", "[.]").replace("+", "[+]")


def _shortest(value: Decimal) -> str:
    """A number as Go's `%g` and C++ streams format it: with an exponent below 1e-4 and from 1e6 on."""
    exponent = value.adjusted()
    if -4 <= exponent < 6:
        return plain(value)
    return f"{plain(value.scaleb(-exponent))}e{exponent:+03d}"
