"""Rules on the series of a server: queries must find them, and not take every request for a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding, guess
from ...plan import Plan
from ...plan.service import ServicePlan
from ...scenes.labels import matchers_in
from ...system import Counter, InFlight, LatencySeries, MetricVocabulary, MLSystem
from ..lint import rule

__all__ = ["series_of_no_query"]

PARTS = ("_bucket", "_sum", "_count")
"""What a histogram appends to its name."""

NAMES = re.compile(r"[\w|-]*")
"""An expression that is a name, or a list of names."""


@rule(
    "MLS738",
    "error",
    *(f"services.*.container.metrics.{name}" for name in ("requests", "errors", "latency", "inFlight")),
)
def series_of_no_query(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Series of a server that queries cannot find, or that counts every request as a failure.

    Why: queries add to what the spec says. They append `_bucket` to the name of a histogram, and the labels of the pods
    to each matcher. A name that already has the suffix, or a matcher on another `job`, selects nothing: the objective
    never alerts, the canary waits, and the autoscaler sees no load. If the failures are the same series as the
    requests, all requests fail.

    Bad:
        serving:
          container:
            metrics:
              latency: {series: http_request_duration_seconds_bucket}
    Good:
        serving:
          container:
            metrics:
              latency: {series: http_request_duration_seconds}
    """
    for service in plan.online.values():
        metrics = service.metrics
        histogram, flying = metrics.latency, metrics.in_flight
        if histogram is not None:
            yield from _with_a_suffix(histogram, flying)
        for selected in (*metrics.requests, *metrics.errors, histogram, flying):
            if selected is not None:
                yield from _elsewhere(service, selected)
        yield from _alike(metrics)


def _with_a_suffix(histogram: LatencySeries, flying: InFlight | None) -> Iterator[Diagnostic]:
    name = histogram.series
    end = next((part for part in PARTS if name.value.endswith(part)), "")
    if end:
        base = name.value.removesuffix(end)
        yield finding(
            "MLS738",
            f"`{name.value}` is a part of a histogram, not its name",
            name,
            note=f"queries would select `{name.value}_bucket` and `{name.value}_count`, which do not exist",
            help=f"write `{base}`",
            fix=guess((name, base)),
        )
    if flying is not None and flying.busy is not None and flying.busy.value == name.value:
        yield finding(
            "MLS738",
            f"`{name.value}` is a histogram, which has no series of that name",
            flying.busy,
            others=((name, "the histogram"),),
            note="the autoscaler would see no load, and never add a replica",
            help=f"write `{name.value}_sum`",
            fix=guess((flying.busy, f"{name.value}_sum")),
        )


def _elsewhere(service: ServicePlan, selected: Counter | LatencySeries | InFlight) -> Iterator[Diagnostic]:
    """A matcher that contradicts the labels that Prometheus adds."""
    match = selected.match
    if match is None:
        return
    own = {"namespace": service.scope.namespace.value, "job": service.job.value}
    if isinstance(selected, LatencySeries):
        own["le"] = ""
    for label, operator, value in matchers_in(match.value):
        if label in own and not _accepts(operator, value, own[label]):
            yield finding(
                "MLS738",
                f'no series of this server has `{label}{operator}"{value}"`',
                match,
                label="queries select the series by it",
                note=f"each query asks for a bound of its own, and `{selected.series.value}_count` has no `le`"
                if label == "le" and isinstance(selected, LatencySeries)
                else f"Prometheus adds the label `{label}` itself, with the value `{own[label]}`",
                help=f"remove the matcher of `{label}`",
            )


def _accepts(operator: str, value: str, given: str) -> bool:
    """Whether a matcher may select a label with this value. Of expressions, it knows lists of names: to try any other
    could take forever.
    """
    listed = "~" in operator
    if listed and not NAMES.fullmatch(value):
        return True
    same = given in value.split("|") if listed else value == given
    return same is not operator.startswith("!")


def _alike(metrics: MetricVocabulary) -> Iterator[Diagnostic]:
    """Counters of failures that together have all requests."""
    requests, errors = metrics.requests, metrics.errors
    if not requests or not all(any(_covers(failed, one) for failed in errors) for one in requests):
        return
    counter = errors[0]
    yield finding(
        "MLS738",
        f"`{counter.series.value}` counts every request as a failure",
        counter.series,
        others=((requests[0].series, "all requests"),),
        note="the objective would be missed from the first request on, and every new version rolled back",
        help='add a `match` that selects the failures, such as `status=~"5.."`',
    )


def _covers(counter: Counter, requests: Counter) -> bool:
    """Whether a counter has at least the events of another one."""
    matches: tuple[Because[str] | None, Because[str] | None] = (counter.match, requests.match)
    own, others = (match.value if match is not None else "" for match in matches)
    return counter.series.value == requests.series.value and own in ("", others)
