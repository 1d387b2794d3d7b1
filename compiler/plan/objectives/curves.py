"""Curves: PromQL queries for graphs of requests, failures, and latencies, one line for each version.

The indicators of objectives count every event, also the first one of a series, over fixed windows. A graph shows rates
over the window that fits its zoom, so these queries use `rate()`. What is counted is the same.
"""

from __future__ import annotations

from ...because import Because, text
from ...promql import rate
from ...system import Counter, LatencySeries
from ..serving.facts import ServiceFacts
from . import Objective
from .sli import Indicators

__all__ = ["VERSION", "Curves"]

VERSION = "app_kubernetes_io_version"
"""The label of the version, as Prometheus writes the pod label `app.kubernetes.io/version`."""


class Curves:
    """The queries of one service, over the series that `match` selects, with rates over `window`."""

    def __init__(self, service: ServiceFacts, window: Because[str], match: Because[str] | None = None) -> None:
        self._service = service
        self._window = window
        self._indicators = Indicators(service, match)

    def requests(self) -> Because[str] | None:
        """Completed requests per second; None if the runtime does not count them."""
        return self._sum(self._service.metrics.requests)

    def canceled(self) -> Because[str] | None:
        """Requests per second whose callers gave up; None if the runtime does not count them."""
        return self._sum(self._service.metrics.canceled)

    def tokens(self) -> dict[str, Because[str]]:
        """Tokens per second, `prompt` and `generated`, as far as the runtime counts them."""
        metrics = self._service.metrics
        counted = {"prompt": self._sum(metrics.prompt_tokens), "generated": self._sum(metrics.generated_tokens)}
        return {kind: query for kind, query in counted.items() if query is not None}

    def shares(self) -> Because[str] | None:
        """The share of all requests that each version answers."""
        each = self.requests()
        return text("{each}\n/ on () group_left () (sum({each}) > 0)", each=each) if each is not None else None

    def failing(self) -> Because[str] | None:
        """The share of requests that fail because of the server; no sample without traffic."""
        every, failed = self.requests(), self._failures()
        if every is None or failed is None:
            return None
        return text("({failed} or 0 * {every})\n/ ({every} > 0)", failed=failed, every=every)

    def _failures(self) -> Because[str] | None:
        failed, succeeded = self._sum(self._service.metrics.errors), self._sum(self._service.metrics.successes)
        every = self.requests()
        if failed is not None or succeeded is None or every is None:
            return failed
        return text("clamp_min({every} - ({good} or 0 * {every}), 0)", every=every, good=succeeded)

    def bad(self, objective: Objective) -> Because[str] | None:
        """The share of requests that violate an objective; no sample without traffic."""
        if objective.bucket is None:
            return self.failing()
        good, every = (self._by(rate(counter, self._window)) for counter in self._indicators.timed(objective))
        return text("1 - {good}\n/ ({every} > 0)", good=good, every=every)

    def quantile(self, share: str, series: LatencySeries) -> Because[str]:
        """A quantile in the unit of the histogram, such as `0.99`, interpolated between two buckets."""
        buckets = rate(self._indicators.selected(series.series, series.match, "_bucket"), self._window)
        return text(f"histogram_quantile({share}, sum by (le, {VERSION}) ({{buckets}}))", buckets=buckets)

    def _sum(self, counters: tuple[Counter, ...]) -> Because[str] | None:
        rates = {
            f"r{index}": rate(self._indicators.selected(counter.series, counter.match), self._window)
            for index, counter in enumerate(counters)
        }
        if len(rates) > 1:  # `or` keeps one of two series with the same labels, and rates have no name
            apart = (f'label_replace({{{key}}}, "counter", "{index}", "", "")' for index, key in enumerate(rates))
            return self._by(text(" or ".join(apart), **rates))
        return self._by(rates["r0"]) if rates else None

    def _by(self, series: Because[str]) -> Because[str]:
        return text(f"sum by ({VERSION}) ({{series}})", series=series)
