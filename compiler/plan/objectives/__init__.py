"""Service level objectives, and the histogram buckets that measure latency objectives."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Literal

from ....schema.units import Duration, Percent, plain
from ...because import Because, because, decision
from ...finding import Refusal, refusal
from ...record import Record
from ...system import Latency, LatencySeries, Slo
from ...words import listing
from ..serving.facts import ServiceFacts
from ..serving.identity import Measured
from .burn import BurnPair, burn_pairs

__all__ = ["ALERTED", "SCALES", "Bucket", "Objective", "Objectives"]

ALERTED: dict[str, Percent] = {"p95": Percent.parse("95%"), "p99": Percent.parse("99%"), "p999": Percent.parse("99.9%")}
"""The percentiles that become objectives. A lower percentile has such a large error budget that no fast burn exists."""

FARTHEST_BUCKET = Decimal("0.7")
"""The lowest usable bucket as a share of the bound. A lower bucket would measure a different objective."""


LONGEST = 10**15
"""The longest duration in seconds: durations have at most 15 digits before the decimal point."""


class Bucket(Record):
    """The histogram bucket that measures a latency bound."""

    bound: Because[str]
    """The upper bound in the histogram's unit, as in the `le` label."""
    holds: Because[Duration]
    """The upper bound as a duration: the latency that the objective really enforces."""


class Objective(Record):
    """One objective: the share of requests that succeed, or that succeed in time."""

    name: str
    kind: Literal["availability", "latency"]
    target: Because[Percent]
    bucket: Bucket | None = None
    series: LatencySeries | None = None
    """The histogram of a latency objective."""
    asked: Because[Duration] | None = None
    """The latency bound in the spec."""

    @property
    def of_tokens(self) -> Because[str] | None:
        """What its histogram covers, if that is each token."""
        return self.series.covers if self.series is not None and self.series.covers.value == "tokens" else None

    @property
    def budget(self) -> Because[Decimal]:
        """The share of requests that may fail."""
        return self.target.map(lambda target: 1 - target.amount)


class Objectives:
    """The objectives of one online service."""

    def __init__(self, service: ServiceFacts) -> None:
        self.service = service
        self._pairs: dict[str, tuple[BurnPair, ...]] = {}

    @cached_property
    def all(self) -> tuple[Objective, ...]:
        """Availability first, then latencies by ascending percentile."""
        return (*self._availability(), *self._latencies())

    def _availability(self) -> tuple[Objective, ...]:
        promised = self.service.availability
        if promised is None:
            return ()
        if promised.value.amount >= 1:
            raise refusal(
                "MLS502",
                f"an availability of {promised.value} is impossible",
                promised,
                note="an objective of 100% has no error budget, so every failure would page the on-call engineer",
                help="write `99.9%` or less",
            )
        return (self.failures("availability", promised),)

    def failures(self, name: str, target: Because[Percent]) -> Objective:
        """An objective for the share of requests that do not fail."""
        if not self.service.metrics.errors and not self.service.metrics.successes:
            raise self._not_exported("error", target)
        return Objective(name=name, kind="availability", target=target)

    def _latencies(self) -> tuple[Objective, ...]:
        metrics = self.service.metrics
        bounds = self.service.bounds
        sets = (
            ("latency", bounds("latency"), metrics.latency),
            ("first-token", bounds("first_token"), metrics.first_token),
            ("inter-token", bounds("inter_token"), metrics.inter_token),
        )
        return tuple(
            objective for name, latency, series in sets for objective in self._percentiles(name, latency, series)
        )

    def _percentiles(self, name: str, latency: Latency, series: LatencySeries | None) -> list[Objective]:
        found = []
        for percentile, target in ALERTED.items():
            asked: Because[Duration] | None = getattr(latency, percentile)
            if asked is None:
                continue
            if series is None:
                raise self._not_exported(name if name == "latency" else f"{name} latency", asked)
            bucket = self._bucket(asked, series)
            promised = because(target, f"the bound is on {percentile}", asked)
            found.append(
                Objective(
                    name=f"{name}-{percentile}",
                    kind="latency",
                    target=promised,
                    bucket=bucket,
                    series=series,
                    asked=asked,
                )
            )
        return found

    def _bucket(self, asked: Because[Duration], series: LatencySeries) -> Bucket:
        bound = _bound(asked, series.unit, series.settable, *series.buckets)
        if bound.value is None:
            raise self._no_bucket(asked, series)
        scale = SCALES[series.unit.value]
        holds = because(Duration(bound.value / scale), "the histogram bucket for this bound", bound)
        return Bucket(bound=bound.map(lambda value: plain(Decimal(value or 0))), holds=holds)

    def _no_bucket(self, asked: Because[Duration], series: LatencySeries) -> Refusal:
        scale = SCALES[series.unit.value]
        exact = (Decimal(str(bucket.value)) / scale for bucket in series.buckets)
        bounds = [_writable(bound) for bound in exact if bound < LONGEST]
        above = next((bound for bound in bounds if bound >= asked.value), None)
        below = next((bound for bound in reversed(bounds) if bound <= asked.value), None)
        nearest = [str(bound) for bound in (below, above) if bound is not None]
        runtime = self.service.runtime_name
        return refusal(
            "MLS501",
            "the latency bound is not a histogram bucket of this runtime",
            asked,
            label="no bucket has this upper bound or one up to 30% lower",
            others=((runtime, f"its nearest buckets are {' and '.join(nearest)}"),),
            note="the objective would select an empty series and never alert",
            help=f"use {listing(nearest)}; the buckets of `{runtime.value}` are not configurable",
        )

    def _not_exported(self, what: str, asked: Because[object]) -> Refusal:
        runtime = self.service.runtime_name
        return refusal(
            "MLS012",
            f"`{runtime.value}` does not export {what} metrics",
            asked,
            others=((runtime, "this runtime"),),
            note="the objective would query a series that does not exist, and never alert",
            help="remove the bound, or choose another runtime, or declare the series under "
            f"`platform.runtimes.{runtime.value}.metrics`",
        )

    @property
    def slo(self) -> Slo:
        """The SLO window, and the burn rates that fire alerts."""
        return self.service.scope.system.monitoring.slo

    def pairs(self, objective: Objective) -> tuple[BurnPair, ...]:
        """The burn-rate window pairs of an objective that can fire."""
        if objective.name not in self._pairs:
            self._pairs[objective.name] = burn_pairs(objective.target, self.slo)
        return self._pairs[objective.name]

    def buckets(self, kind: Measured) -> Because[tuple[Decimal, ...]] | None:
        """The buckets to configure for `latency`, `first_token`, or `inter_token`: one at each bound, and some around.

        None if the runtime has no such histogram, or if its buckets are not configurable.
        """
        series: LatencySeries | None = getattr(self.service.metrics, kind)
        if series is None or not series.settable.value:
            return None
        bounds = [o.bucket.bound for o in self.all if o.bucket is not None and o.series is series]
        lower = [b for p in ("p50", "p90") if (b := getattr(self.service.bounds(kind), p)) is not None]
        return _buckets(series.unit, tuple(bounds), tuple(lower))


def _writable(bound: Decimal) -> Duration:
    """The shortest duration that the language can express and that is not below a bucket; some have fifteen digits."""
    _, _, exponent = bound.as_tuple()
    finer = isinstance(exponent, int) and exponent < -9
    return Duration(bound.quantize(Decimal("1e-9"), ROUND_CEILING) if finer else bound)


SCALES = {"s": Decimal(1), "ms": Decimal(1000), "us": Decimal(1_000_000)}
"""How many of a histogram's unit are a second."""


@decision
def _bound(
    asked: Because[Duration], unit: Because[str], settable: Because[bool], *buckets: Because[float]
) -> tuple[Decimal | None, str]:
    wanted = (asked.value.amount * SCALES[unit.value]).normalize()
    known = [Decimal(str(bucket.value)) for bucket in buckets]
    if settable.value:
        return wanted, f"the runtime's buckets are configurable, so there is one at {asked.value}"
    if wanted in known:
        return wanted, f"the runtime has a bucket at {asked.value}"
    below = [bucket for bucket in known if bucket < wanted]
    if not below or below[-1] < wanted * FARTHEST_BUCKET:
        return None, "no bucket is close enough"
    holds = Duration(below[-1] / SCALES[unit.value])
    return below[-1], f"the runtime's closest bucket below {asked.value} is {holds}, which makes the objective stricter"


@decision
def _buckets(
    unit: Because[str], bounds: tuple[Because[str], ...], lower: tuple[Because[Duration], ...]
) -> tuple[tuple[Decimal, ...], str]:
    scale = SCALES[unit.value]
    asked = sorted(
        {*(Decimal(bound.value) for bound in bounds), *((b.value.amount * scale).normalize() for b in lower)}
    )
    if not asked:
        return (), "there is no latency bound"
    around = {asked[0] / 4, asked[0] / 2, asked[-1] * 2, asked[-1] * 4, asked[-1] * 10}
    return tuple(sorted({*asked, *around})), "one bucket at each bound, and some around them for quantiles"
